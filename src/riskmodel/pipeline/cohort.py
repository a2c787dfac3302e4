"""The stage that says who is predicted, when, and with which outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskmodel.cohort.build import UNLABELLED, CohortResult, build_cohort
from riskmodel.cohort.earlier_lists import ListedCohort, find_listed, read_earlier_lists
from riskmodel.cohort.leaving import follow_terms
from riskmodel.cohort.rules.outcomes import DerivedOutcomes, derive_outcomes
from riskmodel.cohort.rules.specs import FromGradesSpec, outcome_source
from riskmodel.cohort.specs import CohortSpec
from riskmodel.config.models import RunConfig
from riskmodel.core.files import write_json
from riskmodel.engine.session import Engine
from riskmodel.pipeline import artifacts
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.tables import open_tables, write_frame
from riskmodel.privacy.disclosure import DEFAULT_LIMIT, round_count, show_share


def cohort(context: StageContext) -> str:
    """Find who is predicted, when, and with which outcome.

    Parameters
    ----------
    context : StageContext
        The run.

    Returns
    -------
    str
        How many rows there are, and how many of them have a label.
    """
    config, folder = context.config, context.folder
    assert config.cohort is not None
    with open_tables(context) as (engine, tables):
        derived = _derive_outcomes(engine, tables, config)
        if derived is not None:
            tables["outcomes"] = derived.table
        result = build_cohort(tables, config.cohort, calendar=config.calendar)
        terms = follow_terms(tables, result.labels, config.cohort, calendar=config.calendar)
        listed = _find_listed(tables, result.labels, config.cohort)
    write_frame(folder.path(artifacts.LABELS), result.labels)
    write_frame(folder.path(artifacts.LEAVING), terms)
    earlier = _release_listed(listed)
    content = _release_flow(result) | {"earlier_lists": earlier}
    content["outcome"] = {"name": config.cohort.outcome.name} | _release_source(derived)
    write_json(folder.path(artifacts.COHORT), content)
    n_labelled = round_count(int(result.labels["label"].notna().sum()))
    note = f"about {round_count(len(result.labels)):,} predictions, {n_labelled:,}"
    note = f"{note} with a known outcome"
    n_left_out = len(result.left_out)
    return f"{note}, {n_left_out} left out of training" if n_left_out else note


def _derive_outcomes(
    engine: Engine, tables: Mapping[str, Any], config: RunConfig
) -> DerivedOutcomes | None:
    """Compute the outcome from grades if that is asked for or there is no table of it."""
    assert config.cohort is not None
    outcome = config.cohort.outcome
    if outcome_source(outcome.name, outcome.from_grades, tables) == "outcomes":
        return None
    return derive_outcomes(
        engine,
        tables,
        outcome.name,
        outcome.from_grades or FromGradesSpec(),
        enrolments=config.cohort.population.table,
        calendar=config.calendar,
    )


def _release_source(derived: DerivedOutcomes | None) -> dict[str, Any]:
    """Return where the outcome comes from, by which rule, with rounded counts."""
    if derived is None:
        return {"computed_from": "outcomes"}
    return {
        "computed_from": "grades",
        "rule": derived.rule,
        "versions": [item.model_dump(mode="json", exclude_none=True) for item in derived.versions],
        "counts": {name: round_count(count) for name, count in derived.counts.items()},
    }


def _release_flow(result: CohortResult) -> dict[str, Any]:
    """Return how many pupils came to what: rounded counts, and totals that are their sums."""
    flow = result.flow_frame()
    parts = ["labelled", *UNLABELLED]
    for step in ["cancelled", *parts]:
        flow[step] = [round_count(count) for count in flow[step]]
    flow["eligible"] = flow[parts].sum(axis=1)
    flow["enrolled"] = flow["eligible"] + flow["cancelled"]
    left_out = [
        {
            "point": item.point,
            "cohort": item.cohort,
            "first_test_date": str(item.first_test_date),
            "known_too_late": round_count(item.count),
        }
        for item in result.left_out
    ]
    return {
        "flow": flow.to_dict(orient="records"),
        "left_out_of_training": left_out,
        "rounded_to": DEFAULT_LIMIT,
    }


def _find_listed(
    tables: Mapping[str, Any], labels: pd.DataFrame, spec: CohortSpec
) -> tuple[ListedCohort, ...]:
    """Return the cohorts with pupils on an earlier list."""
    if not spec.earlier_lists:
        return ()
    lists, support = read_earlier_lists(spec.earlier_lists), None
    if "support" in tables:
        support = tables["support"].select("subject_id", "start_date").to_pyarrow().to_pandas()
    return find_listed(labels, lists, support)


def _release_listed(listed: tuple[ListedCohort, ...]) -> list[dict[str, Any]]:
    """Return the cohorts with an earlier list, their shares where no small count shows."""
    return [
        {
            "point": item.point,
            "cohort": item.cohort,
            "share_listed": show_share(item.n_listed, item.n_pupils),
            "share_supported": show_share(item.n_supported, item.n_listed),
        }
        for item in listed
    ]
