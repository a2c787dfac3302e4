"""What a run says at its end: where the results are, and the figures that matter most."""

from __future__ import annotations

from typing import Any

from riskmodel.config.models import RunConfig
from riskmodel.core.files import read_json
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.assessment import find_main_point
from riskmodel.pipeline.facts import describe_leakage

_FIGURES = {
    "AUC": "auc",
    "Calibration slope": "calibration_slope",
    "Precision at capacity": "precision_at_capacity",
    "Recall at capacity": "recall_at_capacity",
}
_PLACES = {
    "Screening list": artifacts.SCREENING_PAGE,
    "  in Excel": artifacts.SCREENING_WORKBOOK,
    "Fairness report": artifacts.FAIRNESS_PAGE,
    "Data quality": artifacts.QUALITY_PAGE,
    "Model card": artifacts.MODEL_CARD,
}


def collect_headlines(config: RunConfig) -> dict[str, str]:
    """Return the headline figures and the places of a finished run.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.

    Returns
    -------
    dict of str to str
        Names and texts, in the order to print; an empty text marks a heading.
    """
    folder = RunFolder(config.out)
    evaluation = read_json(folder.require(artifacts.EVALUATION, made_by="evaluate"))
    point = find_main_point(config, folder)
    model = evaluation["chosen"][point]
    metrics = evaluation["points"][point]["models"][model]["metrics"]
    tested = ", ".join(evaluation["points"][point]["cohorts"])
    figures = {name: _show(metrics[key], evaluation["level"]) for name, key in _FIGURES.items()}
    places = {
        name: str(folder.path(place))
        for name, place in _PLACES.items()
        if folder.path(place).exists()
    }
    run = read_json(folder.require(artifacts.TRACKING, made_by="train"))
    return (
        {f"{config.title} ({model}, {point}, tested on {tested})": ""}
        | figures
        | _count_flags(folder)
        | _tell_left_out(folder)
        | _tell_leakage(folder)
        | {"Where to look": ""}
        | places
        | {"MLflow run": f"{run['run_id']} in {run['uri']}"}
    )


def _show(figure: dict[str, Any], level: float) -> str:
    """Return a figure with its interval, or why there is none."""
    if figure["value"] is None:
        return f"cannot be said ({figure['reason']})"
    if figure.get("lower") is None:
        return f"{figure['value']:.3f}"
    interval = f"{figure['lower']:.3f} to {figure['upper']:.3f}"
    return f"{figure['value']:.3f} ({level:.0%} interval {interval})"


def _tell_left_out(folder: RunFolder) -> dict[str, str]:
    """Return which cohorts a point could not learn from, or nothing."""
    if not folder.path(artifacts.COHORT).exists():
        return {}
    names: dict[str, list[str]] = {}
    for item in read_json(folder.path(artifacts.COHORT)).get("left_out_of_training", []):
        place = f"{item['point']}, not known before {item['first_test_date']}"
        names.setdefault(place, []).append(item["cohort"])
    told = [f"{', '.join(cohorts)} ({place})" for place, cohorts in names.items()]
    return {"Left out of training": "; ".join(told)} if told else {}


def _tell_leakage(folder: RunFolder) -> dict[str, str]:
    """Return what the leakage test showed, or nothing without one."""
    path = folder.path(artifacts.LEAKAGE)
    return {"Leakage test": describe_leakage(read_json(path))} if path.exists() else {}


def _count_flags(folder: RunFolder) -> dict[str, str]:
    """Return what the audit flagged, in one line."""
    fairness = read_json(folder.require(artifacts.FAIRNESS, made_by="audit"))
    flags = [
        comparison["flagged"]
        for attribute in fairness["attributes"]
        for group in attribute["groups"]
        for comparison in group["comparisons"].values()
    ]
    text = (
        f"{flags.count(True)} of {len(flags)} comparisons flagged, "
        f"{flags.count(None)} too few to say"
    )
    return {"Fairness": text}
