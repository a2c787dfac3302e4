"""The stages that measure: the models on later cohorts, and the chosen one across groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json, write_json, write_text
from riskmodel.core.validation import suggest_name
from riskmodel.errors import ConfigurationError, UndefinedMetricError, UsageError
from riskmodel.evaluation.evaluate import evaluate as evaluate_predictions
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.school_history import SCHOOL_ONLY, predict_by_history
from riskmodel.evaluation.sources import compare_sources, compare_unseen
from riskmodel.fairness.audit import audit_inputs, audit_predictions, audit_retraining
from riskmodel.fairness.groups import flag_pupils
from riskmodel.models.persistence import load_model
from riskmodel.models.risk_model import RiskModel
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.facts import describe_run, describe_test
from riskmodel.pipeline.leaving import evaluate_leaving
from riskmodel.pipeline.refits import (
    BASE,
    FAMILY,
    find_screened,
    fit_with_groups_in_view,
    fit_with_other_inputs,
    fit_without_sources,
    predict_as_unseen,
    predict_without_screened,
)
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import KEYS, read_attributes, read_labels
from riskmodel.report.fairness_page import collect_fairness, render_fairness
from riskmodel.tracking.store import RunReference, log_results


def read_chosen(folder: RunFolder) -> dict[str, str]:
    """Read which model was chosen at each prediction point.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.

    Returns
    -------
    dict of str to str
        Model names by prediction point, in order of time.
    """
    training = read_json(folder.require(artifacts.TRAINING, made_by="train"))
    return {point: training["points"][point]["chosen"] for point in training["order"]}


def find_main_point(config: RunConfig, folder: RunFolder) -> str:
    """Return the prediction point that the audit and the list are made for.

    Parameters
    ----------
    config : RunConfig
        May name it under `screening`.
    folder : RunFolder
        The run's folder.

    Returns
    -------
    str
        The named point, else the first.
    """
    named = config.screening.point if config.screening is not None else None
    return named or next(iter(read_chosen(folder)))


def read_chosen_predictions(config: RunConfig, folder: RunFolder) -> pd.DataFrame:
    """Read the chosen model's predictions at the main point, with the pupils' attributes.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.
    folder : RunFolder
        The run's folder.

    Returns
    -------
    pandas.DataFrame
        The columns of `predictions.parquet` and one column for each attribute.
    """
    predictions = pd.read_parquet(folder.require(artifacts.PREDICTIONS, made_by="train"))
    point = find_main_point(config, folder)
    rows = predictions["point"].eq(point) & predictions["model"].eq(read_chosen(folder)[point])
    chosen = predictions[rows].reset_index(drop=True)
    return pd.concat([chosen, read_attributes(folder, chosen)], axis=1)


def load_chosen(folder: RunFolder, point: str) -> RiskModel:
    """Load the model that was chosen at a prediction point.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    point : str
        The prediction point.

    Returns
    -------
    RiskModel
        Checked against its description.

    Raises
    ------
    UsageError
        If there is no such point.
    """
    chosen = read_chosen(folder)
    if point not in chosen:
        raise UsageError(
            f"`screening.point` must be one of {', '.join(chosen)}, got '{point}'. "
            "Mend the configuration."
        )
    return load_model(folder.require(artifacts.MODEL, made_by="train") / point / chosen[point])


def read_reference(folder: RunFolder) -> RunReference:
    """Read which MLflow run the training opened.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.

    Returns
    -------
    RunReference
        The run.
    """
    return RunReference(**read_json(folder.require(artifacts.TRACKING, made_by="train")))


def evaluate(context: StageContext) -> str:
    """Measure every candidate on the test cohorts.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        The chosen models' AUC.
    """
    folder = context.folder
    predictions = pd.read_parquet(folder.require(artifacts.PREDICTIONS, made_by="train"))
    chosen = read_chosen(folder)
    predictions = pd.concat(
        [predictions, *_predict_by_schools(folder, predictions)], ignore_index=True
    )
    result = evaluate_predictions(predictions, context.config.evaluation, chosen=chosen)
    content = result.to_dict() | {"chosen": chosen} | _compare_refits(context)
    for point, periods in _measure_periods(context).items():
        content["points"][point]["periods"] = periods
    training = read_json(folder.require(artifacts.TRAINING, made_by="train"))
    for point, leaving in evaluate_leaving(context.config, folder, training).items():
        content["points"][point]["leaving"] = leaving
    write_json(folder.path(artifacts.EVALUATION), content)
    log_results(
        read_reference(folder),
        metrics=_flatten_metrics(content),
        artifacts=[folder.path(artifacts.EVALUATION)],
    )
    return ", ".join(
        f"{point}: AUC {_show(content['points'][point]['models'][model]['metrics']['auc'])}"
        for point, model in chosen.items()
    )


def _measure_periods(context: StageContext) -> dict[str, list[dict[str, Any]]]:
    """Return the measures of all candidates in each earlier period, by point."""
    folder = context.folder
    past = pd.read_parquet(folder.require(artifacts.BACKTEST, made_by="train"))
    training = read_json(folder.require(artifacts.TRAINING, made_by="train"))
    found: dict[str, list[dict[str, Any]]] = {}
    for point in training["order"]:
        own = past[past["point"].eq(point)]
        found[point] = [
            period
            | {
                "models": {
                    str(name): measure_model(
                        point, str(name), rows.sort_values(KEYS), context.config.evaluation
                    ).to_dict()["metrics"]
                    for name, rows in own[own["cohort"].eq(period["test"])].groupby("model")
                }
            }
            for period in training["points"][point]["periods"]
        ]
    return found


def _compare_refits(context: StageContext) -> dict[str, Any]:
    """Return what each domain of features adds at the main point, and what new schools cost."""
    predictions = read_chosen_predictions(context.config, context.folder)
    point = find_main_point(context.config, context.folder)
    spec = context.config.evaluation
    if predictions["label"].isna().all():
        return {"sources": [], "unseen": {}, "screened": None}
    risks = fit_without_sources(context, predictions, point)
    screened = predict_without_screened(context, predictions, point)
    return {
        "sources": compare_sources(predictions, risks, spec, base=BASE) if risks else [],
        "unseen": {
            name: compare_unseen(predictions, base, unseen, spec)
            for name, (base, unseen) in predict_as_unseen(context, predictions, point).items()
        },
        "screened": None
        if screened is None
        else {"cohorts": find_screened(context, point)}
        | compare_unseen(predictions, *screened, spec),
    }


def _predict_by_schools(folder: RunFolder, predictions: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the school-only yardstick's predictions, by point; none without earlier cohorts."""
    labels = read_labels(folder)
    history = labels[labels["split"].eq("train")]
    found = []
    for point, earlier in history.groupby("point", sort=True):
        rows = predictions[predictions["point"].eq(point)]
        rows = rows.drop_duplicates(KEYS)
        if earlier["school_unit"].notna().any() and not rows.empty:
            frames = [
                one[["school_unit", "label"]].assign(**_find_municipality(folder, one))
                for one in (earlier, rows)
            ]
            risk = predict_by_history(*frames)
            found.append(rows.assign(model=SCHOOL_ONLY, risk=risk))
    return found


def _find_municipality(folder: RunFolder, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the pupils' municipalities, where they are known."""
    attributes = read_attributes(folder, rows)
    return {name: attributes[name] for name in ("municipality",) if name in attributes.columns}


def _flatten_metrics(content: dict[str, Any]) -> dict[str, float | None]:
    """Return every measure and the ends of its interval by a dotted name."""
    return {
        f"{point}.{model}.{name}{suffix}": figure.get(key)
        for point, entry in content["points"].items()
        for model, measured in entry["models"].items()
        for name, figure in measured["metrics"].items()
        for key, suffix in (("value", ""), ("lower", ".lower"), ("upper", ".upper"))
    }


def _show(figure: dict[str, Any]) -> str:
    """Return a figure for the progress line."""
    return "undefined" if figure["value"] is None else f"{figure['value']:.3f}"


def audit(context: StageContext) -> str:
    """Audit the chosen model across groups and write the page for evaluators.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many comparisons were flagged.
    """
    config, folder = context.config, context.folder
    predictions = read_chosen_predictions(config, folder)
    if predictions["label"].isna().all():
        raise UndefinedMetricError(
            "`split.test` must hold pupils whose outcome is known, got none. "
            "Audit a cohort that has left."
        )
    has_schools = bool(predictions["school_unit"].notna().any())
    covariates = read_covariates(folder, predictions, config.audit.subgroup_features)
    result = audit_predictions(
        predictions,
        config.audit,
        cluster="school_unit" if has_schools else None,
        covariates=covariates,
        random_state=config.random_state,
    )
    content = result.to_dict() | _audit_refits(context, predictions, has_schools=has_schools)
    write_json(folder.path(artifacts.FAIRNESS), content)
    facts = describe_run(config) | describe_test(predictions)
    facts["feature_names"] = _name_features(folder, config.language)
    page = collect_fairness(content, run=facts, language=config.language)
    write_text(folder.path(artifacts.FAIRNESS_PAGE), render_fairness(page))
    log_results(
        read_reference(folder),
        artifacts=[folder.path(artifacts.FAIRNESS), folder.path(artifacts.FAIRNESS_PAGE)],
    )
    flags = result.comparisons_frame()["flagged"]
    return f"{int(flags.eq(True).sum())} of {len(flags)} comparisons flagged"


def _audit_refits(
    context: StageContext, predictions: pd.DataFrame, *, has_schools: bool
) -> dict[str, Any]:
    """Return the parts of the audit for which the model is fitted anew."""
    config = context.config
    point = find_main_point(config, context.folder)
    cluster = "school_unit" if has_schools else None
    seed = config.random_state
    inputs, proxies = fit_with_other_inputs(context, predictions, point)
    flagged = flag_pupils(
        inputs[BASE], threshold=config.audit.threshold, capacity=config.audit.capacity
    )
    base, mitigated = fit_with_groups_in_view(
        context, predictions, point, share=float(np.clip(flagged.mean(), 0.01, 0.99))
    )
    return {
        "inputs": audit_inputs(
            predictions, inputs, config.audit, base=BASE, family=FAMILY, proxies=proxies,
            cluster=cluster, random_state=seed,
        ),
        "retraining": audit_retraining(
            predictions, base, mitigated, config.audit, family=FAMILY, cluster=cluster,
            random_state=seed,
        ),
    }  # fmt: skip


def read_covariates(
    folder: RunFolder, predictions: pd.DataFrame, names: tuple[str, ...]
) -> pd.DataFrame | None:
    """Read the features among which badly served subgroups are looked for.

    Parameters
    ----------
    folder : RunFolder
        The run's folder.
    predictions : pandas.DataFrame
        One row per pupil, with subject and prediction date.
    names : tuple of str
        Features of the run.

    Returns
    -------
    pandas.DataFrame or None
        One column per feature, with the index of the predictions; None if none is named.

    Raises
    ------
    ConfigurationError
        If there is no such feature, with all findings.
    """
    if not names:
        return None
    features = pd.read_parquet(folder.require(artifacts.FEATURES, made_by="features"))
    known = [str(name) for name in features.columns.drop(KEYS)]
    findings = [
        f"audit.subgroup_features: there is no feature '{name}'.{suggest_name(name, known)}"
        for name in names
        if name not in known
    ]
    if findings:
        raise ConfigurationError(
            f"`subgroup_features` must name features of the run, got {len(findings)} unknown. "
            "Mend the configuration.",
            findings,
        )
    joined = predictions[KEYS].merge(features[[*KEYS, *names]], on=KEYS, how="left")
    return joined[list(names)].set_index(predictions.index)


def _name_features(folder: RunFolder, language: str) -> dict[str, str]:
    """Return what features are called in the reader's language, with their windows."""
    infos = read_json(folder.require(artifacts.FEATURE_INFO, made_by="features"))
    names = {}
    for info in infos:
        parts = [info.get(f"name_{language}"), info.get(f"window_{language}")]
        names[str(info["name"])] = ", ".join(str(part) for part in parts if part) or info["name"]
    return names
