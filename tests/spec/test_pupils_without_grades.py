"""What becomes of pupils about whom no final grade decides."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from riskmodel.errors import DataContractError

OUTCOMES = pa.schema(
    {
        "subject_id": pa.string(),
        "outcome": pa.string(),
        "date": pa.date32(),
        "value": pa.float64(),
        "status": pa.string(),
        "known_date": pa.date32(),
    }
)
ALL = dict.fromkeys(("SV", "EN", "MA", "BI", "FY", "KE", "GE", "HI"), "E")


def enrolled(pupil: str, end: date | None, **changes: Any) -> dict[str, Any]:
    """Return a pupil's enrolment in year 9."""
    row = {"subject_id": pupil, "school_unit": "A", "school_type": "GR", "school_year": 9}
    return row | {"start_date": date(2024, 8, 15), "end_date": end} | changes


def test_who_left_before_is_censored_and_of_the_others_nothing_is_known(
    apply_rule: Any, final_grades: Any
) -> None:
    found = apply_rule(
        "eligible_vocational",
        {"graded": final_grades(ALL), "early": final_grades(ALL, day=date(2025, 3, 1))},
        [
            enrolled("graded", date(2025, 7, 1)),
            enrolled("early", date(2025, 3, 10)),
            enrolled("left", date(2025, 3, 10)),
            enrolled("came back", date(2025, 3, 10)),
            enrolled("came back", None, start_date=date(2025, 4, 1)),
            enrolled("still there", None),
            enrolled("planned", date(2026, 7, 1)),
        ],
    )
    assert found.rows["left"] == [(date(2025, 3, 10), None, "censored", date(2025, 3, 10))]
    assert found.values("graded") == found.values("early") == [1.0]
    assert not {"came back", "still there", "planned"} & set(found.rows)
    assert found.derived.counts == {
        "completed": 2, "not_completed": 0, "left_before": 1, "final_grades_not_recognised": 0,
    }  # fmt: skip


def test_who_moved_or_died_is_taken_over_from_a_table_of_outcomes(
    apply_rule: Any, final_grades: Any
) -> None:
    rows = [
        {"subject_id": "moved", "outcome": "eligible_arts", "status": "moved",
         "date": date(2025, 2, 1)},
        {"subject_id": "other", "outcome": "diploma", "status": "moved", "date": date(2025, 2, 1)},
        {"subject_id": "graded", "outcome": "eligible_arts", "status": "observed", "value": 1.0,
         "date": date(2025, 6, 1)},
    ]  # fmt: skip
    found = apply_rule(
        "eligible_arts",
        {"graded": final_grades(ALL)},
        [enrolled(name, None) for name in ("graded", "moved", "other")],
        outcomes=pa.Table.from_pylist(rows, schema=OUTCOMES),
    )
    assert found.rows["moved"] == [(date(2025, 2, 1), None, "moved", date(2025, 2, 1))]
    assert found.values("graded") == [0.0]
    assert "other" not in found.rows


@pytest.mark.parametrize("changes", [{"is_final": None}, {"subject": "no subject"}])
def test_an_extract_without_final_grades_is_refused(
    changes: dict[str, Any], apply_rule: Any, final_grades: Any
) -> None:
    with pytest.raises(DataContractError, match="is_final"):
        apply_rule("eligible_vocational", {"p": final_grades(ALL, **changes)})
