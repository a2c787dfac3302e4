"""What every report says of the run that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

import riskmodel
from riskmodel.config.models import RunConfig
from riskmodel.ingest.feature_table import NO_DATE
from riskmodel.pipeline.state import hash_all_settings


def describe_run(config: RunConfig) -> dict[str, Any]:
    """Return the facts of a run that its reports show.

    Parameters
    ----------
    config : RunConfig
        The run's configuration.

    Returns
    -------
    dict
        Purpose, legal basis, outcome, and where it comes from.
    """
    return {
        "title": config.title,
        "purpose": config.purpose,
        "legal_basis": config.legal_basis.model_dump(),
        "is_simulated": config.is_simulated,
        "outcome": config.cohort.outcome.name if config.cohort is not None else None,
        "provenance": {
            "version": riskmodel.__version__,
            "random_state": config.random_state,
            "settings": hash_all_settings(config),
        },
    }


def describe_test(predictions: pd.DataFrame) -> dict[str, Any]:
    """Return which pupils a model was tested on.

    Parameters
    ----------
    predictions : pandas.DataFrame
        One model's predictions at one point.

    Returns
    -------
    dict
        The model, the point, the cohorts and the last prediction date.
    """
    dates = predictions["prediction_date"].dropna()
    dates = dates[dates != NO_DATE]
    return {
        "model": str(predictions["model"].iloc[0]),
        "point": str(predictions["point"].iloc[0]),
        "cohort": ", ".join(sorted(predictions["cohort"].unique())),
        "prediction_date": str(dates.max()) if len(dates) else None,
    }


def describe_leakage(content: Mapping[str, Any]) -> str:
    """Return what came of a leakage test in one line.

    Parameters
    ----------
    content : mapping
        As written to `leakage.json`.

    Returns
    -------
    str
        Counts, and the names of what was accepted.
    """
    held = content["n_features"] - content["n_moved"]
    accepted = [item["name"] for item in content["findings"] if item["is_accepted"]]
    warnings = sum(item["severity"] == "warning" for item in content["findings"])
    parts = [
        f"about {content['n_perturbed']:,} facts changed, "
        f"{held} of {content['n_features']} features held"
    ]
    parts += [f"accepted: {', '.join(accepted)}"] if accepted else []
    parts += [f"{warnings} warning{'s' if warnings > 1 else ''}"] if warnings else []
    return "; ".join(parts)
