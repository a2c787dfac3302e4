import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from riskmodel.errors import UsageError
from riskmodel.screening.lists import (
    TIE_RULE,
    ScreeningSpec,
    build_screening_list,
    select_pupils,
)


def no_reasons(rows):
    return [[] for _ in range(len(rows))]


def test_the_highest_risks_of_each_school_are_listed(make_rows):
    rows = make_rows(sizes=(8, 5))
    selected = select_pupils(rows, ScreeningSpec(capacity_per_school=3))
    for school, group in rows.groupby("school_unit"):
        expected = group.sort_values("risk", ascending=False)["subject_id"].head(3).to_list()
        chosen = selected[selected["school_unit"] == school]
        assert chosen["subject_id"].to_list() == expected
        assert chosen["rank"].to_list() == [1, 2, 3]


def test_a_share_is_rounded_up_in_every_school(make_rows):
    selected = select_pupils(make_rows(sizes=(21, 20, 1)), ScreeningSpec(capacity_per_school=0.1))
    assert selected.groupby("school_unit").size().to_list() == [3, 2, 1]


def test_a_share_without_an_exact_form_lists_no_one_too_many():
    spec = ScreeningSpec(capacity_per_school=0.07)
    assert spec.capacity_of(100) == 7


def test_ties_follow_the_pseudonym(make_rows):
    rows = make_rows(sizes=(5,)).assign(risk=0.3).sample(frac=1, random_state=3)
    result = build_screening_list(rows, no_reasons, ScreeningSpec(capacity_per_school=2))
    assert result.frame["subject_id"].to_list() == ["subject-000", "subject-001"]
    assert result.to_dict()["tie_rule"] == TIE_RULE
    assert result.to_dict()["n_units_tied_at_cut"] == 1


def test_ties_within_the_list_are_no_tie_at_the_cut(make_rows):
    rows = make_rows(sizes=(3,)).assign(risk=[0.5, 0.5, 0.1])
    result = build_screening_list(rows, no_reasons, ScreeningSpec(capacity_per_school=2))
    assert result.to_dict()["n_units_tied_at_cut"] == 0


def test_a_capacity_above_the_school_lists_all_and_says_so(make_rows):
    result = build_screening_list(make_rows(), no_reasons, ScreeningSpec(capacity_per_school=5))
    assert result.units["n_listed"].to_list() == [5, 3]
    assert result.to_dict()["n_units_below_capacity"] == 1
    assert result.to_dict()["n_units_wholly_listed"] == 1


def test_an_empty_school_is_told_of(make_rows):
    result = build_screening_list(
        make_rows(), no_reasons, ScreeningSpec(), schools=["School 1", "School 9"]
    )
    assert result.units["unit"].to_list() == ["School 0", "School 1", "School 9"]
    assert result.units["n_pupils"].to_list() == [8, 3, 0]
    assert result.to_dict()["n_units_empty"] == 1


def test_no_rows_give_an_empty_list_with_its_columns(make_rows):
    result = build_screening_list(make_rows().head(0), no_reasons, ScreeningSpec(n_reasons=1))
    assert result.frame.columns.to_list() == [
        "subject_id", "school_unit", "prediction_date", "rank", "risk", "reason_1", "domain_1",
        "changeable_1", "is_missing_1", "weight_1", *(
            f"protective_{name}_{number}" for number in (1, 2)
            for name in ("reason", "domain", "changeable", "is_missing", "weight")
        ),
    ]  # fmt: skip
    assert result.to_dict()["n_listed"] == 0


def test_reasons_may_be_given_for_all_rows_or_for_the_chosen_ones(make_rows, make_reason):
    rows = make_rows().sample(frac=1, random_state=1)
    spec = ScreeningSpec(capacity_per_school=2)
    asked = []

    def explain(chosen):
        asked.extend(chosen["subject_id"])
        return [[make_reason(name)] for name in chosen["subject_id"]]

    lazy = build_screening_list(rows, explain, spec)
    full = build_screening_list(rows, [[make_reason(name)] for name in rows["subject_id"]], spec)
    pd.testing.assert_frame_equal(lazy.frame, full.frame)
    assert lazy.frame["reason_1"].to_list() == lazy.frame["subject_id"].to_list()
    assert asked == lazy.frame["subject_id"].to_list()


def test_reasons_that_lower_the_risk_are_not_listed_as_reasons(make_rows, make_reason):
    reasons = [make_reason("ner", contribution=-0.9), make_reason("upp", contribution=0.1)]
    result = build_screening_list(make_rows((1,)), [reasons], ScreeningSpec(n_reasons=2))
    assert result.frame["reason_1"].to_list() == ["upp"]
    assert result.frame["reason_2"].isna().all()
    assert result.frame["changeable_2"].to_list() == [False]


def test_health_reasons_are_withheld_unless_the_view_may_have_them(make_rows, make_reason):
    reasons = [make_reason("kontakter", domain="mental_health"), make_reason("frånvaro")]
    rows = make_rows((1,))
    default = build_screening_list(rows, [reasons], ScreeningSpec(n_reasons=1))
    assert default.frame["reason_1"].to_list() == ["frånvaro"]
    assert "kontakter" not in default.frame.to_csv()
    assert "mental_health" not in default.frame.to_csv()
    medical = build_screening_list(rows, [reasons], ScreeningSpec(n_reasons=1, withheld_domains=()))
    assert medical.frame["reason_1"].to_list() == ["kontakter"]


def test_single_features_can_be_withheld(make_rows, make_reason):
    reasons = [make_reason("specialpedagog", feature="contacts"), make_reason("frånvaro")]
    spec = ScreeningSpec(n_reasons=1, withheld_features=("contacts",))
    result = build_screening_list(make_rows((1,)), [reasons], spec)
    assert result.frame["reason_1"].to_list() == ["frånvaro"]


def test_the_number_of_reasons_must_fit(make_rows):
    with pytest.raises(UsageError, match="one sequence for each of 11 rows, got 1"):
        build_screening_list(make_rows(), [[]], ScreeningSpec())


def test_cohort_and_point_choose_the_rows(make_rows):
    rows = pd.concat([
        make_rows((3,), cohort="2025/26", point="november").assign(prediction_date="2025-11-01"),
        make_rows((3,), cohort="2026/27", point="november").assign(prediction_date="2026-11-01"),
        make_rows((3,), cohort="2026/27", point="february").assign(prediction_date="2027-02-01"),
    ], ignore_index=True)  # fmt: skip

    def dates(**fields):
        return select_pupils(rows, ScreeningSpec(**fields))["prediction_date"].unique().tolist()

    assert dates() == ["2027-02-01"]
    assert dates(point="november") == ["2026-11-01"]
    assert dates(cohort="2025/26", point="november") == ["2025-11-01"]


def test_an_unknown_cohort_is_refused_with_the_known_ones(make_rows):
    rows = make_rows(cohort="2026/27")
    with pytest.raises(UsageError, match=r"got '2026/28'\. Did you mean '2026/27'"):
        select_pupils(rows, ScreeningSpec(cohort="2026/28"))


def test_unfit_rows_are_refused_all_at_once_without_values(make_rows):
    rows = make_rows((4,))
    rows.loc[0, "risk"] = 7.5
    rows.loc[1, "school_unit"] = None
    rows.loc[3, "subject_id"] = rows.loc[2, "subject_id"]
    with pytest.raises(UsageError) as error:
        select_pupils(rows, ScreeningSpec())
    assert len(error.value.findings) == 3
    assert "7.5" not in str(error.value)
    assert "subject-00" not in str(error.value)


def test_a_missing_column_is_named(make_rows):
    with pytest.raises(UsageError, match="`risk` is missing"):
        select_pupils(make_rows().drop(columns="risk"), ScreeningSpec())


@pytest.mark.parametrize("capacity", [0, -1, 0.0, 1.5, True, float("nan")])
def test_impossible_capacities_are_refused(capacity):
    with pytest.raises(ValidationError):
        ScreeningSpec(capacity_per_school=capacity)


@settings(max_examples=25, deadline=None)
@given(
    data=st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from([0.0, 0.2, 0.2000001, 0.7, 1.0])),
        min_size=1,
        max_size=25,
    ),
    capacity=st.one_of(st.integers(1, 8), st.floats(0.05, 1.0)),
    seed=st.integers(0, 1000),
)
def test_the_list_does_not_depend_on_the_order_of_rows(data, capacity, seed):
    rows = pd.DataFrame({
        "subject_id": [f"{number:04d}" for number in range(len(data))],
        "school_unit": [school for school, _ in data],
        "prediction_date": "2026-11-01",
        "risk": [risk for _, risk in data],
    })  # fmt: skip
    spec = ScreeningSpec(capacity_per_school=capacity)
    one = build_screening_list(rows, no_reasons, spec).frame
    two = build_screening_list(rows.sample(frac=1, random_state=seed), no_reasons, spec).frame
    pd.testing.assert_frame_equal(one, two)
    for school, group in rows.groupby("school_unit"):
        listed = one[one["school_unit"] == school]
        assert len(listed) == min(spec.capacity_of(len(group)), len(group))
        left_out = group[~group["subject_id"].isin(listed["subject_id"])]
        assert left_out.empty or left_out["risk"].max() <= listed["risk"].min()


def test_protective_factors_stand_apart_and_a_missing_value_is_none(make_rows, make_reason):
    reasons = [
        make_reason("up", contribution=0.8),
        make_reason("gap", contribution=-0.9, is_missing=True),
        make_reason("down", contribution=-0.4),
    ]
    result = build_screening_list(
        make_rows(), lambda rows: [reasons] * len(rows), ScreeningSpec(n_reasons=2)
    )
    first = result.frame.iloc[0]
    assert (first["reason_1"], first["weight_1"]) == ("up", 5)
    assert first["reason_2"] is pd.NA or pd.isna(first["reason_2"])
    assert (first["protective_reason_1"], first["protective_weight_1"]) == ("down", 3)
    assert pd.isna(first["protective_reason_2"])


def test_weights_do_not_depend_on_what_is_withheld(make_rows, make_reason):
    def weigh(hidden):
        reasons = [
            make_reason("hidden", domain="mental_health", contribution=hidden),
            make_reason("one", contribution=0.6),
            make_reason("two", contribution=0.3),
        ]
        result = build_screening_list(make_rows(), lambda rows: [reasons] * len(rows),
                                      ScreeningSpec())  # fmt: skip
        return result.frame[["weight_1", "weight_2", "weight_3"]].to_numpy().tolist()

    assert weigh(0.01) == weigh(5.0) == weigh(-5.0)
    assert weigh(1.0)[0] == [5, 3, 0]


def test_facts_stand_in_their_order_and_with_their_pupils(make_rows):
    rows = make_rows()
    facts = pd.DataFrame(
        {"is_new": rows["risk"] > 0.5, "risk_lower": rows["risk"] / 2}, index=rows.index
    )
    frame = build_screening_list(rows, no_reasons, ScreeningSpec(), facts=facts).frame
    assert frame.columns.to_list()[5:7] == ["risk_lower", "is_new"]
    assert (frame["is_new"] == (frame["risk"] > 0.5)).all()
    assert (frame["risk_lower"] == frame["risk"] / 2).all()
