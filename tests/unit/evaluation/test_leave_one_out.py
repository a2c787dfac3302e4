"""Every value without a unit is checked against the measure on the rows that are left."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from riskmodel.evaluation.brier_parts import measure_brier_parts, measure_calibration_index
from riskmodel.evaluation.calibration import (
    fit_calibration_line,
    measure_base_rate,
    measure_brier,
    measure_calibration_intercept,
    measure_log_loss,
)
from riskmodel.evaluation.ranking import (
    count_at_capacity,
    measure_auc,
    measure_average_precision,
)
from riskmodel.evaluation.sample import make_sample
from riskmodel.evaluation.utility import measure_worth
from riskmodel.evaluation.within_school import count_within_schools, measure_auc_within_school


@pytest.fixture(scope="module", params=["distinct", "tied"])
def sample(request, pupils):
    rows = pupils.copy()
    if request.param == "tied":
        rows["risk"] = rows["risk"].round(1)
    rows.loc[::17, "label"] = np.nan
    return make_sample(rows)


@pytest.mark.parametrize(
    ("measure", "reference"),
    [
        (measure_auc, roc_auc_score),
        (measure_average_precision, average_precision_score),
        (measure_brier, brier_score_loss),
        (measure_log_loss, lambda y, risk: log_loss(y, np.clip(risk, 1e-15, 1 - 1e-15))),
        (measure_base_rate, lambda y, risk: y.mean()),
    ],
)
def test_leaving_a_school_out_is_as_if_it_were_not_there(sample, measure, reference):
    value, without = measure(sample)
    label, risk, unit = sample.known_label, sample.known_risk, sample.known_unit
    assert value == pytest.approx(reference(label, risk), abs=1e-12)
    expected = [reference(label[unit != u], risk[unit != u]) for u in range(sample.n_units)]
    assert without == pytest.approx(expected, abs=1e-10)


def log_odds(risk):
    risk = np.clip(risk, 1e-12, 1 - 1e-12)
    return np.log(risk / (1 - risk))


def test_the_calibration_line_is_the_unpenalised_logistic_regression(pupils):
    sample = make_sample(pupils)
    line = fit_calibration_line(sample)
    slope, without = line.coefficients[1], line.leave_out(sample)[:, 1]
    intercept, _ = measure_calibration_intercept(sample)
    fit = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky")
    x, label = log_odds(sample.known_risk)[:, np.newaxis], sample.known_label
    assert slope == pytest.approx(fit.fit(x, label).coef_[0, 0], abs=1e-8)
    exact = []
    for unit in range(sample.n_units):
        rest = sample.known_unit != unit
        exact.append(fit.fit(x[rest], label[rest]).coef_[0, 0])
    # One Newton step comes close to the fit without the unit.
    assert without - slope == pytest.approx(np.array(exact) - slope, abs=6e-3)
    fitted = 1 / (1 + np.exp(-(x[:, 0] + intercept)))
    assert (label - fitted).sum() == pytest.approx(0, abs=1e-8)


def test_a_line_that_was_put_in_is_found(draw):
    rows = draw(1, n_schools=300, per_school=100, school_sd=0)
    x = log_odds(rows["risk"].to_numpy())
    too_extreme = rows.assign(risk=1 / (1 + np.exp(-(2 * x))))
    too_high = rows.assign(risk=1 / (1 + np.exp(-(x + 0.5))))
    slope = fit_calibration_line(make_sample(too_extreme)).coefficients[1]
    intercept, _ = measure_calibration_intercept(make_sample(too_high))
    assert slope == pytest.approx(0.5, abs=0.02)
    assert intercept == pytest.approx(-0.5, abs=0.05)


def test_the_capacity_counts_unknown_labels_and_then_drops_them(pupils):
    rows = pupils.sort_values("risk", ascending=False).head(20).reset_index(drop=True)
    rows["label"] = [1, np.nan, 1, 0, np.nan, *[0] * 10, *[1] * 5]
    counts = count_at_capacity(make_sample(rows), 5)
    assert (counts.found, counts.met) == (2, 3)
    assert counts.precision == pytest.approx(2 / 3)
    assert counts.recall == pytest.approx(2 / 7)


def test_equal_risks_at_the_edge_share_the_places(pupils):
    rows = pupils.head(8).assign(
        risk=[0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1], label=[1, 1, 0, 0, 0, 1, 0, 0.0]
    )
    counts = count_at_capacity(make_sample(rows), 3)
    assert counts.found == pytest.approx(1 + 2 / 4)
    assert counts.precision == pytest.approx(1.5 / 3)
    shuffled = count_at_capacity(make_sample(rows.iloc[::-1]), 3)
    assert shuffled.precision == pytest.approx(counts.precision)


def test_the_capacity_without_a_school_comes_close_to_counting_again(draw):
    """With many pupils the smooth edge and the counted one agree."""
    sample = make_sample(draw(3, n_schools=12, per_school=400))
    counts = count_at_capacity(sample, 720)
    precision, recall = [], []
    for unit in range(sample.n_units):
        rest = sample.unit != unit
        top = np.argsort(-sample.risk[rest])[:660]
        precision.append(sample.label[rest][top].mean())
        recall.append(sample.label[rest][top].sum() / sample.label[rest].sum())
    for smooth, counted in (
        (counts.precision_without, precision),
        (counts.recall_without, recall),
    ):
        assert np.abs(smooth - counted).mean() < 0.004
        assert np.corrcoef(smooth, counted)[0, 1] > 0.85


def test_a_capacity_for_all_finds_all(pupils):
    sample = make_sample(pupils)
    counts = count_at_capacity(sample, len(pupils))
    assert counts.recall == 1
    assert counts.precision == pytest.approx(pupils["label"].mean())


def test_schools_without_known_labels_are_never_left_out(pupils):
    rows = pupils.copy()
    rows.loc[rows["school_unit"].isin(["school-0003", "school-0019"]), "label"] = np.nan
    sample = make_sample(rows)
    assert (sample.n_units, sample.n_clusters) == (18, 18)
    assert (sample.unit[~sample.is_known] == -1).all()
    assert (sample.unit[sample.is_known] >= 0).all()


def test_few_schools_mean_independent_pupils(pupils):
    rows = pupils[pupils["school_unit"] < "school-0005"]
    sample = make_sample(rows)
    assert not sample.is_clustered
    assert (sample.n_clusters, sample.n_units) == (5, 150)
    everyone = make_sample(pupils.assign(school_unit="one"))
    assert everyone.n_units == 200
    assert np.bincount(everyone.unit).tolist() == [3] * 200


def find_auc_within(label, risk, unit):
    won = pairs = 0.0
    for school in np.unique(unit):
        inside = unit == school
        high, low = risk[inside & (label == 1)], risk[inside & (label == 0)]
        won += (high[:, None] > low).sum() + 0.5 * (high[:, None] == low).sum()
        pairs += len(high) * len(low)
    return won / pairs


def test_ranking_within_schools_counts_their_own_pairs(sample):
    value, without = measure_auc_within_school(sample)
    label, risk, unit = sample.known_label, sample.known_risk, sample.known_unit
    assert value == pytest.approx(find_auc_within(label, risk, unit), abs=1e-12)
    expected = [
        find_auc_within(label[unit != u], risk[unit != u], unit[unit != u])
        for u in range(sample.n_units)
    ]
    assert without == pytest.approx(expected, abs=1e-12)


def test_the_parts_of_the_brier_score_make_up_that_of_the_bands(sample):
    reliability, (resolution, resolution_without) = measure_brier_parts(sample)
    label, risk = sample.known_label, sample.known_risk
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, 11)[1:-1]))
    band = np.searchsorted(edges, risk, side="left")

    def measure(kept):
        means = np.array([risk[kept & (band == b)].mean() for b in band])
        shares = np.array([label[kept & (band == b)].mean() for b in band])
        rate = label[kept].mean()
        return ((means - shares) ** 2)[kept].mean(), ((shares - rate) ** 2)[kept].mean()

    whole = measure(np.ones(len(label), dtype=bool))
    assert (reliability.value, resolution) == pytest.approx(whole, abs=1e-12)
    means = np.array([risk[band == b].mean() for b in band])
    brier = ((means - label) ** 2).mean()
    uncertainty = label.mean() * (1 - label.mean())
    assert whole[0] - whole[1] + uncertainty == pytest.approx(brier, abs=1e-12)
    kept = sample.known_unit != 3
    assert resolution_without[3] == pytest.approx(measure(kept)[1], abs=1e-12)
    gaps = [(label - risk)[kept & (band == b)].mean() for b in np.unique(band)]
    assert reliability.without[3] == pytest.approx(gaps, abs=1e-12)


def test_the_calibration_index_finds_the_distance_that_was_put_in(draw):
    rows = draw(2, n_schools=200, per_school=60, school_sd=0)
    right = measure_calibration_index(make_sample(rows)).value
    shifted = rows.assign(risk=1 / (1 + np.exp(-(log_odds(rows["risk"].to_numpy()) + 0.6))))
    found = measure_calibration_index(make_sample(shifted))
    wrong, places = found.value, np.abs(found.without) @ found.weights
    assert right < 0.01
    truth = np.abs(shifted["risk"] - rows["risk"]).mean()
    assert wrong == pytest.approx(truth, abs=0.008)
    assert np.abs(places - wrong).max() < 0.01


@pytest.mark.parametrize("threshold", [0.1, 0.3])
def test_net_benefit_weighs_alarms_by_the_odds(sample, threshold):
    value, without = measure_worth(sample, sample.known_risk >= threshold, threshold)

    def measure(label, risk):
        met = risk >= threshold
        return ((met & (label == 1)).mean()
                - (met & (label == 0)).mean() * threshold / (1 - threshold))  # fmt: skip

    label, risk, unit = sample.known_label, sample.known_risk, sample.known_unit
    assert value == pytest.approx(measure(label, risk), abs=1e-12)
    assert without[5] == pytest.approx(measure(label[unit != 5], risk[unit != 5]), abs=1e-12)


def test_every_school_lists_its_own_share(pupils):
    sample = make_sample(pupils)
    counts = count_within_schools(sample, 0.2)
    chosen = pupils.groupby("school_unit")["risk"].rank(ascending=False) <= 6  # of 30
    assert counts.met == chosen.sum()
    assert counts.found == pupils.loc[chosen, "label"].sum()
    assert counts.recall == pytest.approx(counts.found / pupils["label"].sum())
