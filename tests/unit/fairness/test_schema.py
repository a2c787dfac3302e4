from __future__ import annotations

import copy
from typing import Any

import jsonschema
import numpy as np
import pytest
from benchmarks.designs import make_pupils

from riskmodel.fairness.audit import audit
from riskmodel.fairness.result import SCHEMA_VERSION
from riskmodel.fairness.schema import load_schema


def make_audit(**options: Any) -> dict[str, Any]:
    """Return an audit of pupils with two attributes, over two cohorts."""
    frame = make_pupils(1, n_pupils=4000, n_schools=40, extra=0.1)
    rng = np.random.default_rng(0)
    frame["sex"] = rng.choice(["Man", "Kvinna"], len(frame))
    frame.loc[:11, "group"] = None
    risk = np.clip(0.3 * frame["label"] + 0.7 * rng.random(len(frame)), 0, 1)
    given: dict[str, Any] = {
        "sensitive_features": frame[["group", "sex"]],
        "intersections": [("group", "sex")],
        "cluster": frame["school"],
        "cohort": np.where(rng.random(len(frame)) < 0.5, "2024/25", "2025/26"),
        "capacity": 0.2,
        "n_resamples": 99,
    }
    return audit(frame["label"], risk, **(given | options)).to_dict()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cluster": None, "cohort": None, "intersections": ()},
        {"minimum_count": 600},
        {"capacity": None, "threshold": 1.0},
        {"compared": ("recall", "precision", "selection_rate")},
    ],
)
def test_every_audit_fits_the_published_schema(options: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(load_schema()).validate(make_audit(**options))


def test_the_schema_is_valid_strict_and_of_this_version() -> None:
    schema = load_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    found = make_audit()
    wrong = copy.deepcopy(found)
    wrong["overall"]["measures"]["auc"]["pupil"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate(wrong)
