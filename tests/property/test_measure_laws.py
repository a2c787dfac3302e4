"""The measures by their definitions, on any risks, ties, unknown labels and weights."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from riskmodel.evaluation.brier_parts import (
    describe_uncertainty,
    measure_brier_parts,
    measure_calibration_index,
)
from riskmodel.evaluation.calibration import (
    SEPARATED,
    find_calibration_curve,
    find_line_reason,
    fit_calibration_line,
    measure_base_rate,
    measure_brier,
    measure_calibration_intercept,
    measure_log_loss,
)
from riskmodel.evaluation.distances import make_distance_interval
from riskmodel.evaluation.intervals import make_interval
from riskmodel.evaluation.measures import measure_model
from riskmodel.evaluation.ranking import (
    count_at_capacity,
    measure_auc,
    measure_average_precision,
    measure_weighted_auc,
)
from riskmodel.evaluation.sample import make_sample
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.evaluation.utility import count_at_shares, measure_lift, measure_worth

LAWS = settings(max_examples=25, deadline=None)
ANY = settings(max_examples=10, deadline=None)
SHARES = (0.05, 0.1, 0.25, 0.6, 1.0)


@st.composite
def pupils(draw, both_classes=True):
    """Pupils with tied or distinct risks, some at 0 and 1, unknown labels, in some schools."""
    size = draw(st.integers(8, 90))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    kind = draw(st.sampled_from(["distinct", "tied", "two values", "edges"]))
    risk = {
        "distinct": rng.random(size),
        "tied": rng.integers(1, 10, size) / 10,
        "two values": rng.choice([0.2, 0.7], size),
        "edges": rng.choice([0.0, 0.3, 0.5, 1.0], size),
    }[kind]
    label = (rng.random(size) < draw(st.sampled_from([0.1, 0.5, 0.9]))).astype(float)
    label[rng.random(size) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    if both_classes:
        label[:2] = [0.0, 1.0]
    school = rng.integers(0, draw(st.sampled_from([1, 3, 9])), size)
    return pd.DataFrame(
        {"risk": risk, "label": label, "school_unit": [f"S{number}" for number in school]}
    )


def known(rows):
    rows = rows[rows["label"].notna()]
    return rows["label"].to_numpy(), rows["risk"].to_numpy()


@LAWS
@given(pupils())
def test_ranking_and_losses_are_those_of_scikit_learn(rows):
    sample, (label, risk) = make_sample(rows), known(rows)
    clipped = np.clip(risk, 1e-15, 1 - 1e-15)
    # Near 1 the next number is 1e-16 away, so that what is lost there has few digits.
    digits = {measure_log_loss: 1e-3} if np.isin(risk, (0.0, 1.0)).any() else {}
    for measure, expected in (
        (measure_auc, roc_auc_score(label, risk)),
        (measure_average_precision, average_precision_score(label, risk)),
        (measure_brier, brier_score_loss(label, risk)),
        (measure_log_loss, log_loss(label, clipped)),
        (measure_base_rate, label.mean()),
    ):
        found, _ = measure(sample)
        assert found == pytest.approx(expected, abs=digits.get(measure, 1e-12))


@LAWS
@given(pupils(), st.integers(0, 10**6))
def test_whole_weights_count_a_pupil_so_many_times(rows, seed):
    label, risk = known(rows)
    weight = np.random.default_rng(seed).integers(0, 4, len(label)).astype(float)
    weight[:2] = 1
    unit = np.arange(len(label)) % 3
    value, without = measure_weighted_auc(risk, weight * label, weight * (1 - label), unit, 3)
    assert value == pytest.approx(roc_auc_score(label, risk, sample_weight=weight), abs=1e-12)
    times = weight.astype(int)
    assert value == pytest.approx(
        roc_auc_score(np.repeat(label, times), np.repeat(risk, times)), abs=1e-12
    )
    for number in range(3):
        kept = unit != number
        own = label[kept] * weight[kept]
        if 0 < own.sum() < weight[kept].sum():
            expected = roc_auc_score(label[kept], risk[kept], sample_weight=weight[kept])
            assert without[number] == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(without[number])


@LAWS
@given(pupils())
def test_the_parts_of_the_brier_score_add_up_within_the_bands(rows):
    sample = make_sample(rows)
    label, risk = known(rows)
    reliability, (resolution, _) = measure_brier_parts(sample)
    base = make_interval(*measure_base_rate(sample), sample, level=0.95, scale="logit")
    uncertainty = describe_uncertainty(base).value
    edges = np.unique(np.quantile(risk, np.linspace(0, 1, 11)[1:-1]))
    bands = pd.Series(np.searchsorted(edges, risk, side="left"))
    means = pd.Series(risk).groupby(bands).transform("mean").to_numpy()
    brier = brier_score_loss(label, np.clip(means, 0, 1))
    assert reliability.value - resolution + uncertainty == pytest.approx(brier, abs=1e-12)
    assert reliability.weights.sum() == pytest.approx(1)
    assert 0 <= resolution <= uncertainty + 1e-12


@LAWS
@given(pupils(), st.sampled_from([0.05, 0.2, 0.5, 0.9]))
def test_net_benefit_is_hits_less_false_alarms_at_the_odds(rows, threshold):
    label, risk = known(rows)
    met = risk >= threshold
    hits, alarms = (met & (label == 1)).sum(), (met & (label == 0)).sum()
    expected = (hits - alarms * threshold / (1 - threshold)) / len(label)
    value, without = measure_worth(make_sample(rows), met, threshold)
    assert value == pytest.approx(expected, abs=1e-12)
    # Nobody can gain more than the base rate, nor more than by a list without error.
    assert value <= label.mean() + 1e-12
    assert np.nanmax(without) <= 1


@LAWS
@given(pupils())
def test_the_calibration_line_has_the_highest_likelihood(rows):
    sample = make_sample(rows)
    label, risk = known(rows)
    x = logit(np.clip(risk, 1e-12, 1 - 1e-12))
    intercept, _ = measure_calibration_intercept(sample)
    if abs(intercept) < 20:  # the intercept alone fits the base rate
        assert expit(intercept + x).mean() == pytest.approx(label.mean(), abs=1e-7)
    reason = find_line_reason(sample)
    having, lacking = x[label == 1], x[label == 0]
    if reason is not None:
        parted = having.min() >= lacking.max() or having.max() <= lacking.min()
        assert parted if reason == SEPARATED else np.ptp(x) == 0
        return

    def lose(line):
        return float(np.logaddexp(0, line[0] + line[1] * x).sum() - label @ (line[0] + line[1] * x))

    best = minimize(lose, np.zeros(2), method="Nelder-Mead",
                    options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000})  # fmt: skip
    found = fit_calibration_line(sample).coefficients
    assert lose(found) <= best.fun + 1e-6
    fitted = expit(found[0] + found[1] * x)
    assert fitted.sum() == pytest.approx(label.sum(), abs=1e-5)
    assert fitted @ x == pytest.approx(label @ x, abs=1e-4)


@settings(max_examples=15, deadline=None)
@given(pupils())
def test_lists_of_any_size_are_what_a_lottery_among_equals_gives(rows):
    rows = rows.reset_index(drop=True)
    sample = make_sample(rows)
    rng = np.random.default_rng(0)
    last = -1.0
    for share, size, counts in count_at_shares(sample, SHARES):
        assert size == int(share * len(rows) + 1e-9)
        assert counts.found >= last - 1e-9  # a longer list finds no fewer
        last = counts.found
        found, met = [], []
        for _ in range(60 if rows["risk"].duplicated().any() else 1):
            chosen = np.lexsort((rng.random(len(rows)), -rows["risk"]))[:size]
            listed = rows["label"].iloc[chosen]
            found.append((listed == 1).sum())
            met.append(listed.notna().sum())
        error = 4 * np.std(found) / np.sqrt(len(found)) + 1e-9
        assert counts.found == pytest.approx(np.mean(found), abs=error + 0.05)
        assert counts.met == pytest.approx(
            np.mean(met), abs=4 * np.std(met) / np.sqrt(len(met)) + 0.05
        )
        assert counts.recall == pytest.approx(counts.found / (rows["label"] == 1).sum())
    assert counts.recall == 1


@LAWS
@given(pupils(), st.integers(1, 60))
def test_precision_recall_and_lift_of_a_clear_list_are_those_of_scikit_learn(rows, size):
    rows = rows.assign(risk=rows["risk"].rank(method="first") / (len(rows) + 1))
    size = min(size, len(rows))
    sample = make_sample(rows)
    listed = rows["risk"].rank(ascending=False) <= size
    counts = count_at_capacity(sample, size)
    has_label = rows["label"].notna()
    label, flagged = rows["label"][has_label], listed[has_label].astype(float)
    if flagged.sum() == 0:
        assert np.isnan(counts.precision)
        return
    assert counts.precision == pytest.approx(precision_score(label, flagged, zero_division=0))
    assert counts.recall == pytest.approx(recall_score(label, flagged))
    lift = measure_lift(counts, sample, 0.95).value
    assert lift == pytest.approx(counts.precision / label.mean())


@ANY
@given(pupils(both_classes=False), st.integers(0, 10**6))
def test_order_labels_of_schools_and_size_of_steps_do_not_matter(rows, seed):
    spec = EvaluationSpec(capacity=0.2, minimum_count=1)
    rows = rows.assign(risk=rows["risk"] * 0.98 + 0.01)
    moved = rows.assign(school_unit="Z" + rows["school_unit"])
    rng = np.random.default_rng(seed)
    one, two = (measure_model("", "", each, spec) for each in (rows, moved))
    assert one == two
    shuffled = measure_model("", "", rows.iloc[rng.permutation(len(rows))], spec)
    for name, figure in one.metrics.items():
        other = shuffled.metrics[name]
        assert (figure.value is None) == (other.value is None), name
        if figure.value is not None:
            assert other.value == pytest.approx(figure.value, rel=1e-7, abs=1e-9), name
    ranked = measure_model("", "", rows.assign(risk=rows["risk"] ** 3), spec).metrics
    for name in ("auc", "average_precision", "precision_at_capacity", "recall_at_capacity"):
        assert ranked[name] == one.metrics[name]


@ANY
@given(pupils(both_classes=False))
def test_every_figure_is_a_number_in_its_interval_or_has_a_reason(rows):
    found = measure_model("", "", rows, EvaluationSpec(capacity=0.2, minimum_count=1))
    for name, figure in found.metrics.items():
        if figure.value is None:
            assert figure.reason, name
            continue
        assert np.isfinite(figure.value), name
        if figure.lower is None:
            assert figure.reason, name
        else:
            assert figure.lower <= figure.value + 1e-12 <= figure.upper + 2e-12, name


@LAWS
@given(pupils())
def test_the_curve_parts_all_pupils_and_distances_are_never_negative(rows):
    sample = make_sample(rows)
    label, risk = known(rows)
    curve = find_calibration_curve(sample, n_groups=5, minimum_count=1, level=0.95)
    if curve:
        n = np.array([group["n"] for group in curve])
        assert n.sum() == len(label)
        assert sum(group["observed"] * group["n"] for group in curve) == pytest.approx(label.sum())
        assert sum(group["mean_risk"] * group["n"] for group in curve) == pytest.approx(risk.sum())
    index = measure_calibration_index(sample)
    assert 0 <= index.value <= 1
    found = make_distance_interval(index, sample, level=0.95)
    assert found.lower is None or 0 <= found.lower <= found.value <= found.upper
