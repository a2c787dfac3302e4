"""Cohorts in which an earlier list was used are found, and who was given support."""

from datetime import date

import pandas as pd
import pytest

from riskmodel.cohort.earlier_lists import ListedCohort, find_listed, read_earlier_lists
from riskmodel.errors import DataContractError


@pytest.fixture
def labels():
    """Two cohorts of three pupils; the outcome of the second is not known yet."""
    return pd.DataFrame(
        {
            "subject_id": ["a", "b", "c", "d", "e", "f"],
            "point": "november",
            "cohort": ["2023/24"] * 3 + ["2024/25"] * 3,
            "outcome_known_date": [date(2024, 6, 15)] * 3 + [None] * 3,
        }
    )


def test_who_was_listed_before_the_outcome_and_supported_after_the_list(labels):
    lists = pd.DataFrame(
        {
            "subject_id": ["a", "a", "b", "c", "d", "x"],
            "listed_date": [date(2023, 11, 1), date(2024, 2, 1), date(2024, 2, 1),
                            date(2024, 6, 15), date(2024, 11, 1), date(2023, 11, 1)],
        }
    )  # fmt: skip
    support = pd.DataFrame(
        {
            "subject_id": ["a", "a", "b", "b", "d", "e"],
            "start_date": [date(2023, 12, 1), date(2024, 1, 1), date(2024, 1, 31),
                           date(2024, 7, 1), date(2024, 11, 1), date(2024, 12, 1)],
        }
    )  # fmt: skip
    assert find_listed(labels, lists, support) == (
        # c was listed on the day of the outcome; b had support before, and again too late.
        ListedCohort("november", "2023/24", 3, 2, 1),
        ListedCohort("november", "2024/25", 3, 1, 1),
    )
    assert [one.n_supported for one in find_listed(labels, lists, None)] == [0, 0]
    assert find_listed(labels, lists.head(0), support) == ()


def test_lists_are_read_and_what_is_none_is_told_all_at_once(tmp_path):
    good, bad = tmp_path / "screening.parquet", tmp_path / "other.parquet"
    rows = {"subject_id": ["a", "a"], "prediction_date": [date(2023, 11, 1)] * 2, "risk": 0.5}
    pd.DataFrame(rows).to_parquet(good)
    pd.DataFrame({"subject_id": ["a"]}).to_parquet(bad)
    (tmp_path / "text.parquet").write_text("secret", encoding="utf-8")
    assert read_earlier_lists([good]).to_dict("list") == {
        "subject_id": ["a"], "listed_date": [date(2023, 11, 1)],
    }  # fmt: skip
    assert read_earlier_lists([]).empty
    with pytest.raises(DataContractError) as caught:
        read_earlier_lists([good, bad, tmp_path / "text.parquet", tmp_path / "none.parquet"])
    assert len(caught.value.findings) == 3
    assert "prediction_date" in caught.value.findings[0]
    assert str(tmp_path) not in str(caught.value)
