import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.explanation.phrases import Reason
from riskmodel.screening.changes import compare_lists, no_changes
from riskmodel.screening.lists import select_pupils
from riskmodel.screening.specs import ScreeningSpec

TWO = ScreeningSpec(capacity_overall=2, n_reasons=2)


def scored(risks, date="2026-11-01", school="S1"):
    return pd.DataFrame({
        "subject_id": list(risks), "school_unit": school, "prediction_date": date,
        "risk": list(risks.values()),
    })  # fmt: skip


def moved(contribution, domain="results", text="moved"):
    return Reason("grade", domain, text, contribution, True, False)


def compare(now, earlier, movements=None, spec=TWO):
    both = []
    for rows in (scored(now), scored(earlier, "2026-09-01")):
        listed = select_pupils(rows, spec)
        both.append(rows.assign(is_listed=rows.index.isin(listed.index)))
    return compare_lists(*both, movements or {}, spec)


def test_new_and_left_pupils_are_told_apart_from_those_who_stay():
    change = compare({"a": 0.9, "b": 0.8, "c": 0.1}, {"a": 0.5, "c": 0.6, "b": 0.2})
    assert change.pupils[["subject_id", "is_new", "cause"]].to_numpy().tolist()[0][:2] == [
        "b",
        True,
    ]
    assert change.pupils["subject_id"].to_list() == ["b", "c"]
    assert (change.n_stayed, change.n_now, change.n_earlier) == (1, 2, 2)
    assert change.earlier_date == "2026-09-01"


@pytest.mark.parametrize(
    ("now", "cause"),
    [
        ({"a": 0.9, "b": 0.8, "c": 0.1}, "risk_fell"),
        ({"a": 0.9, "b": 0.8, "c": 0.6}, "others_rose"),
        ({"a": 0.9, "b": 0.8}, "not_screened"),
    ],
)
def test_why_a_pupil_left(now, cause):
    change = compare(now, {"a": 0.5, "c": 0.6, "b": 0.2})
    left = change.pupils[~change.pupils["is_new"]]
    assert left["subject_id"].to_list() == ["c"]
    assert left["cause"].to_list() == [cause]
    assert left["risk"].isna().to_list() == [cause == "not_screened"]


def test_only_movements_in_the_direction_are_told():
    movements = {
        "b": [moved(-0.9, text="fell"), moved(0.4, text="rose")],
        "c": [moved(0.9, text="rose"), moved(-0.4, text="fell")],
    }
    change = compare({"a": 0.9, "b": 0.8, "c": 0.1}, {"a": 0.5, "c": 0.6, "b": 0.2}, movements)
    assert change.pupils["moved_1"].to_list() == ["rose", "fell"]
    assert change.pupils["moved_2"].isna().all()


def test_nothing_is_told_of_one_whose_risk_did_not_fall():
    movements = {"c": [moved(-0.4, text="fell"), moved(0.9, text="rose")]}
    change = compare({"a": 0.9, "b": 0.8, "c": 0.6}, {"a": 0.5, "c": 0.6, "b": 0.2}, movements)
    left = change.pupils[~change.pupils["is_new"]]
    assert left["cause"].to_list() == ["others_rose"]
    assert left["moved_1"].isna().all()


def test_a_withheld_movement_is_not_told():
    movements = {"b": [moved(0.9, "mental_health", "secret"), moved(0.1, text="seen")]}
    change = compare({"a": 0.9, "b": 0.8}, {"a": 0.5, "c": 0.6}, movements)
    assert change.pupils["moved_1"].dropna().to_list() == ["seen"]
    assert "secret" not in change.pupils.to_csv()


def test_without_an_earlier_list_the_table_has_the_same_columns():
    change = compare({"a": 0.9}, {"a": 0.9})
    assert list(no_changes(TWO).columns) == list(change.pupils.columns)
    assert no_changes(TWO).empty


RISKS = st.dictionaries(
    st.sampled_from([f"p{number}" for number in range(60)]), st.floats(0, 1), min_size=1
)


@settings(max_examples=40, deadline=None)
@given(RISKS, RISKS)
def test_lists_add_up(now, earlier):
    spec = ScreeningSpec(capacity_overall=15)
    change = compare(now, earlier, spec=spec)
    new = int(change.pupils["is_new"].sum())
    left = int((~change.pupils["is_new"]).sum())
    assert change.n_stayed + new == change.n_now == min(15, len(now))
    assert change.n_stayed + left == change.n_earlier == min(15, len(earlier))
    told = change.to_dict()
    for name, part, whole in (
        ("share_stayed", change.n_stayed, change.n_earlier),
        ("share_new", new, change.n_now),
    ):
        small = 0 < part < 10 or 0 < whole - part < 10
        assert (told[name] is None) == small
