"""What a list is worth: against the school's history, by source, in time, and with the unknown."""

import numpy as np
import pandas as pd
import pytest

from riskmodel.evaluation.evaluate import evaluate
from riskmodel.evaluation.label_modes import fill_labels, measure_label_modes
from riskmodel.evaluation.school_history import SCHOOL_ONLY, predict_by_history
from riskmodel.evaluation.sources import compare_sources, compare_unseen
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.evaluation.targeting import compare_in_time, measure_churn

SPEC = EvaluationSpec(capacity=0.2)


@pytest.fixture(scope="module")
def region(draw):
    return draw(3, n_schools=40, per_school=80, school_sd=0.8)


@pytest.fixture(scope="module")
def history(draw):
    """An earlier cohort of the same schools."""
    return draw(3, n_schools=40, per_school=80, school_sd=0.8)[["school_unit", "label"]]


def test_history_is_drawn_towards_all_the_more_the_smaller_the_school(history):
    few = history.groupby("school_unit").head(5)
    schools = pd.DataFrame({"school_unit": sorted(history["school_unit"].unique())})
    shares = history.groupby("school_unit")["label"].mean().to_numpy()
    by_many, by_few = predict_by_history(history, schools), predict_by_history(few, schools)
    rate = history["label"].mean()
    assert np.abs(by_many - shares).max() < np.abs(shares - rate).max()
    few_shares = few.groupby("school_unit")["label"].mean().to_numpy()
    assert by_few.std() / few_shares.std() < by_many.std() / shares.std() < 1
    assert np.corrcoef(by_many, shares)[0, 1] > 0.95


def test_an_unknown_school_has_its_municipalitys_share(history):
    place = history["school_unit"].str[-1].isin(list("01234")).map({True: "A", False: "B"})
    labels = history["label"].where(place.eq("A"), 0.0)
    known = history.assign(municipality=place, label=labels)
    rows = pd.DataFrame({"school_unit": ["new", "new", "new"], "municipality": ["A", "B", None]})
    a, b, neither = predict_by_history(known, rows)
    assert a > neither > b
    assert neither == pytest.approx(labels.mean(), abs=0.01)


def test_no_fact_of_the_pupils_own_is_used(history):
    rows = pd.DataFrame({"school_unit": history["school_unit"], "risk": np.arange(len(history))})
    risk = predict_by_history(history, rows)
    assert pd.Series(risk).groupby(history["school_unit"].to_numpy()).nunique().max() == 1


def test_the_individual_list_is_compared_with_the_schools(region, history):
    schools = region.assign(model=SCHOOL_ONLY, risk=predict_by_history(history, region))
    result = evaluate(pd.concat([region, schools]), SPEC, chosen={"november": "logistic"})
    (targeting,) = result.targeting
    assert targeting.difference.lower > 0
    difference = targeting.recall.value - targeting.school_only_recall.value
    assert targeting.difference.value == pytest.approx(difference)
    measured = result.find("november", "logistic").metrics["recall_at_capacity"]
    assert targeting.recall.value == pytest.approx(measured.value)
    # Places by lot within a school: its share of pupils is its share of those reached.
    ranked = schools.assign(rank=schools["risk"].rank(ascending=False, method="average"))
    listed = ranked["rank"] <= 0.2 * len(ranked)
    expected = ranked.loc[listed, "label"].sum() / ranked["label"].sum()
    assert targeting.school_only_recall.value == pytest.approx(expected, abs=0.02)


def test_without_a_history_it_cannot_be_said(region):
    (targeting,) = evaluate(region, SPEC, chosen={"november": "logistic"}).targeting
    assert targeting.difference.value is None
    assert "no earlier cohort" in targeting.difference.reason


def test_a_source_that_adds_nothing_adds_nothing(region):
    rng = np.random.default_rng(0)
    noisy = np.clip(region["risk"] + rng.normal(0, 0.2, len(region)), 0, 1)
    risks = {"all": region["risk"].to_numpy(), "noise": region["risk"].to_numpy(),
             "health": noisy.to_numpy()}  # fmt: skip
    found = {e["source"]: e for e in compare_sources(region, risks, SPEC, base="all")}
    assert found["noise"]["auc"]["value"] == found["noise"]["recall"]["value"] == 0
    assert found["health"]["auc"]["lower"] > 0


def test_a_small_change_of_the_list_is_not_told(region):
    order = region["risk"].to_numpy().argsort()
    swapped = region["risk"].to_numpy().copy()
    listed = order[-int(0.2 * len(region)) :]
    hit = listed[region["label"].to_numpy()[listed] == 1][:3]
    swapped[hit] = 0.0
    (entry,) = compare_sources(
        region, {"all": region["risk"].to_numpy(), "x": swapped}, SPEC, base="all"
    )
    assert entry["recall"]["value"] is None
    assert entry["recall"]["reason"].startswith("suppressed")


def test_churn_is_the_share_of_places_with_new_pupils(region):
    after = region.sample(frac=1, random_state=0).assign(point="february")
    same = measure_churn(region, after, 0.2, level=0.95, minimum_count=10)
    assert same["share_new"]["value"] == 0
    rng = np.random.default_rng(1)
    moved = region.assign(risk=rng.random(len(region)))
    change = measure_churn(region, moved, 0.2, level=0.95, minimum_count=10)["share_new"]
    assert change["lower"] < 0.8 < change["upper"]
    gone = measure_churn(region, moved.iloc[:0], 0.2, level=0.95, minimum_count=10)
    assert gone["share_new"]["value"] is None


def test_an_early_point_is_compared_on_the_same_pupils(region):
    rng = np.random.default_rng(1)
    early = region.assign(risk=np.clip(region["risk"] + rng.normal(0, 0.3, len(region)), 0, 1))
    found = compare_in_time(early.iloc[100:], region, level=0.95, minimum_count=10)
    assert found.upper < 0
    assert compare_in_time(region, region, level=0.95, minimum_count=10).value == 0
    few = compare_in_time(region.iloc[:12], region, level=0.95, minimum_count=10)
    assert few.value is None


def test_pupils_without_an_outcome_count_in_three_ways(region):
    rows = region.copy()
    rows.loc[rows.index[::10], "label"] = np.nan
    modes = measure_label_modes("november", "logistic", rows, SPEC)
    rates = [modes[mode]["base_rate"]["value"] for mode in ("completed", "left_out",
                                                            "not_completed")]  # fmt: skip
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(fill_labels(rows["label"], "completed").mean())
    assert rates[2] == pytest.approx(rows["label"].fillna(1.0).mean())


def test_few_unknown_pupils_on_the_list_are_not_told(region):
    rows = region.copy()
    low = rows["risk"].nsmallest(60).index
    top = rows["risk"].nlargest(3).index
    rows.loc[low.union(top), "label"] = np.nan
    modes = measure_label_modes("november", "logistic", rows, SPEC)
    for mode in modes.values():
        assert mode["recall_at_capacity"]["value"] is None
        assert mode["base_rate"]["value"] is not None
    rows["label"] = region["label"]
    rows.loc[top, "label"] = np.nan
    assert "suppressed" in measure_label_modes("november", "logistic", rows, SPEC)["reason"]
    assert "all outcomes" in measure_label_modes("november", "logistic", region, SPEC)["reason"]


def test_sizes_that_give_a_small_count_away_are_left_out(draw):
    rows = draw(5, n_schools=12, per_school=30)
    spec = EvaluationSpec(capacity=0.2, shares=(0.02, 0.2, 0.21, 0.5))
    sizes = evaluate(rows, spec).find("november", "logistic").at_shares
    assert [size["share"] for size in sizes] == [0.2, 0.5]
    for size in sizes:
        lift = size["precision"]["value"] / rows["label"].mean()
        assert size["lift"]["value"] == pytest.approx(lift)


def test_unseen_schools_are_compared_on_the_same_pupils(region):
    rng = np.random.default_rng(3)
    base = region["risk"].to_numpy()
    worse = np.clip(base + rng.normal(0, 0.2, len(base)), 0.001, 0.999)
    found = compare_unseen(region, base, worse, SPEC)
    assert found["auc_difference"]["upper"] < 0
    assert found["auc"]["value"] < 0.9
    same = compare_unseen(region, base, base, SPEC)
    assert same["auc_difference"]["value"] == 0
    few = compare_unseen(region.iloc[:20], base[:20], base[:20], SPEC)
    assert few["auc_difference"]["value"] is None


def test_a_threshold_that_nobody_reaches_is_worth_nothing_for_all_that_was_seen(region):
    rows = region.assign(risk=region["risk"].clip(upper=0.25))
    (curve,) = [
        one.decision_curve
        for one in evaluate(rows, EvaluationSpec(capacity=0.15, minimum_count=1)).models
        if one.model == "logistic"
    ][:1]
    by_threshold = {point["threshold"]: point["net_benefit"] for point in curve}
    assert by_threshold[0.3] == {
        "value": 0.0, "lower": None, "upper": None, "method": None,
        "reason": "no interval: nobody has such a risk",
    }  # fmt: skip
    assert by_threshold[0.2]["lower"] < by_threshold[0.2]["value"]


def test_differences_of_auc_have_no_interval_where_the_auc_has_none(region):
    """One rule for both: fewer than 20 pupils with the outcome."""
    spec = EvaluationSpec(capacity=0.2)
    cases = region.index[region["label"] == 1]
    few = region.drop(index=cases[15:])
    rng = np.random.default_rng(2)
    noisy = np.clip(few["risk"] + rng.normal(0, 0.2, len(few)), 0, 1)
    trees = few.assign(model="boosting", risk=noisy)
    result = evaluate(pd.concat([few, trees]), spec, chosen={"november": "logistic"})
    (entry,) = compare_sources(
        few, {"all": few["risk"].to_numpy(), "x": noisy.to_numpy()}, spec, base="all"
    )
    unseen = compare_unseen(few, few["risk"].to_numpy(), noisy.to_numpy(), spec)
    in_time = compare_in_time(few.assign(risk=noisy), few, level=0.95, minimum_count=10)
    own = result.find("november", "logistic").metrics["auc"].to_dict()
    figures = (
        own, result.comparisons[0].auc_difference.to_dict(), entry["auc"],
        unseen["auc_difference"], in_time.to_dict(),
    )  # fmt: skip
    for figure in figures:
        assert figure["value"] is not None
        assert figure["lower"] is None
        assert figure["reason"] == own["reason"]


def test_reaching_everyone_or_nobody_has_an_interval_too(region):
    """The schools' list reaches all with the outcome; the pupils' list none of them."""
    flagged = region["label"] == 1
    by_risk = region.assign(risk=np.where(flagged, 0.1, 0.9))
    by_school = region.assign(model=SCHOOL_ONLY, risk=np.where(flagged, 0.9, 0.1))
    spec = EvaluationSpec(capacity=float(flagged.mean()))
    result = evaluate(pd.concat([by_risk, by_school]), spec, chosen={"november": "logistic"})
    (targeting,) = result.targeting
    assert (targeting.recall.value, targeting.school_only_recall.value) == (0, 1)
    for figure, model in (
        (targeting.recall, "logistic"), (targeting.school_only_recall, SCHOOL_ONLY)
    ):  # fmt: skip
        assert figure.method.startswith("Wilson")
        assert figure == result.find("november", model).metrics["recall_at_capacity"]
    assert targeting.recall.lower == 0 < targeting.recall.upper < 0.2
    assert 0.8 < targeting.school_only_recall.lower < targeting.school_only_recall.upper == 1
    assert targeting.difference.value == -1
    assert targeting.difference.lower is None, "not an interval of no width"
    assert targeting.difference.reason.startswith("no interval")


def test_a_list_that_stays_as_it_is_has_an_interval_too(region):
    change = measure_churn(region, region, 0.2, level=0.95, minimum_count=10)["share_new"]
    assert change["lower"] == change["value"] == 0
    assert 0 < change["upper"] < 0.1
