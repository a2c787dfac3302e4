from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from riskmodel.cohort.leakage import check_known_before
from riskmodel.errors import LeakageError, UsageError


def make_labels(known: list[date | None], point: str = "november") -> pd.DataFrame:
    """Return one test row at 1 November 2024 and training rows known on given days."""
    count = len(known)
    return pd.DataFrame(
        {
            "subject_id": [f"p{i}" for i in range(count + 1)],
            "point": point,
            "cohort": ["2023/24"] * count + ["2024/25"],
            "split": ["train"] * count + ["test"],
            "label": [0.0 if day else float("nan") for day in known] + [1.0],
            "prediction_date": [date(2023, 11, 1)] * count + [date(2024, 11, 1)],
            "outcome_known_date": [*known, date(2025, 6, 13)],
        }
    )


def test_outcomes_known_before_the_test_pass() -> None:
    check_known_before(make_labels([date(2024, 6, 13), date(2024, 10, 31), None]))


@pytest.mark.parametrize("late", [date(2024, 11, 1), date(2025, 6, 13)])
def test_outcomes_known_on_the_day_or_later_are_refused(late: date) -> None:
    with pytest.raises(LeakageError) as caught:
        check_known_before(make_labels([date(2024, 6, 13), late]))
    assert caught.value.exit_code == 12
    assert "fewer than 10 rows" in str(caught.value)
    assert "point november, cohort 2023/24" in str(caught.value)


def test_large_counts_are_told() -> None:
    with pytest.raises(LeakageError, match="got 12 rows"):
        check_known_before(make_labels([date(2025, 6, 13)] * 12))


def test_a_label_without_a_known_date_is_refused() -> None:
    labels = make_labels([date(2024, 6, 13)])
    labels["outcome_known_date"] = labels["outcome_known_date"].astype("object")
    labels.loc[0, "outcome_known_date"] = None
    with pytest.raises(LeakageError):
        check_known_before(labels)


def test_each_point_is_checked_against_its_own_test_date() -> None:
    late_for_november = make_labels([date(2024, 12, 1)])
    february = make_labels([date(2024, 12, 1)], "february")
    february["prediction_date"] = [date(2024, 2, 1), date(2025, 2, 1)]
    check_known_before(february)
    with pytest.raises(LeakageError) as caught:
        check_known_before(pd.concat([late_for_november, february]))
    assert len(caught.value.findings) == 1


def test_without_test_rows_there_is_nothing_to_leak_into() -> None:
    labels = make_labels([date(2030, 1, 1)])
    check_known_before(labels[labels["split"] == "train"])


def test_missing_columns_are_named() -> None:
    with pytest.raises(UsageError, match="`outcome_known_date` is missing"):
        check_known_before(make_labels([]).drop(columns="outcome_known_date"))
