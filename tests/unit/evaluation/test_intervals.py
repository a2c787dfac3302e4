from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from riskmodel.evaluation.calibration import (
    fit_calibration_line,
    measure_base_rate,
    measure_brier,
    measure_calibration_intercept,
)
from riskmodel.evaluation.intervals import (
    FEWEST_CASES,
    find_intraclass_correlation,
    make_edge_interval,
    make_interval,
    make_wide_interval,
)
from riskmodel.evaluation.ranking import count_at_capacity, measure_auc, measure_average_precision
from riskmodel.evaluation.sample import Sample, make_sample, regroup

REPEATS = 100
# Three standard errors of a share of .95 in 100 repeats lie within these bounds.
LOWEST, HIGHEST = 0.885, 1.0


def measure_all(sample):
    capacity = round(0.15 * len(sample.label))
    counts = count_at_capacity(sample, capacity)
    line = fit_calibration_line(sample)
    slope = (line.coefficients[1], line.leave_out(sample)[:, 1])
    intercept = measure_calibration_intercept(sample)
    return {
        "auc": (*measure_auc(sample), "logit"),
        "average_precision": (*measure_average_precision(sample), "logit"),
        "base_rate": (*measure_base_rate(sample), "logit"),
        "brier": (*measure_brier(sample), "logit"),
        "slope": (*slope, "identity"),
        "intercept": (*intercept, "identity"),
        "precision": (counts.precision, counts.precision_without, "logit"),
        "recall": (counts.recall, counts.recall_without, "logit"),
    }


@pytest.fixture(scope="module")
def truth(draw):
    """The measures over a population of 6,000 schools."""
    rows = draw(99, n_schools=6000, per_school=40)
    unit = np.arange(len(rows)) % 2
    sample = Sample(rows["risk"].to_numpy(), rows["label"].to_numpy(), unit, 2, 2, False)
    return {name: value for name, (value, *_) in measure_all(sample).items()}


def find_coverage(draw, truth, *, n_schools, measure=measure_all, **columns):
    hits = {}
    for repeat in range(REPEATS):
        rows = draw(1000 + repeat, n_schools=n_schools, per_school=40).assign(**columns)
        sample = make_sample(rows)
        for name, (value, without, scale) in measure(sample).items():
            found = make_interval(value, without, sample, level=0.95, scale=scale)
            hits.setdefault(name, []).append(found.lower <= truth[name] <= found.upper)
    return {name: np.mean(covered) for name, covered in hits.items()}


@pytest.mark.parametrize("n_schools", [12, 60])
def test_intervals_cover_what_they_claim(draw, truth, n_schools):
    coverage = find_coverage(draw, truth, n_schools=n_schools)
    assert len(coverage) == 8
    assert all(LOWEST <= share <= HIGHEST for share in coverage.values()), coverage


def test_intervals_that_ignore_schools_would_fail_the_same_test(draw, truth):
    def measure(sample):
        return {"base_rate": (*measure_base_rate(sample), "logit")}

    coverage = find_coverage(draw, truth, n_schools=60, measure=measure, school_unit="one")
    assert coverage["base_rate"] < LOWEST - 0.02


def test_a_mean_gets_the_textbook_interval(pupils):
    """Schools of equal size: the jackknife of a mean is Student's interval of their means."""
    sample = make_sample(pupils)
    value, without = measure_base_rate(sample)
    found = make_interval(value, without, sample, level=0.9, scale="identity")
    means = pupils.groupby("school_unit")["label"].mean()
    half = t.ppf(0.95, 19) * means.std() / np.sqrt(20)
    assert (found.lower, found.upper) == pytest.approx((value - half, value + half))
    assert found.method == "delete-one-school jackknife over 20 schools, t(19), identity scale"


@pytest.mark.parametrize(("value", "scale"), [(0.0, "logit"), (1.0, "logit"), (0.0, "log")])
def test_the_end_of_the_range_has_no_jackknife_interval(pupils, value, scale):
    sample = make_sample(pupils)
    found = make_interval(value, np.full(20, value), sample, level=0.95, scale=scale)
    assert (found.value, found.lower, found.upper) == (value, None, None)
    assert "end of its range" in found.reason


def test_a_measure_that_one_school_carries_has_no_interval(pupils):
    sample = make_sample(pupils)
    without = np.full(20, 0.5)
    without[3] = np.nan
    found = make_interval(0.6, without, sample, level=0.95, scale="logit")
    assert found.to_dict() == {
        "value": 0.6,
        "lower": None,
        "upper": None,
        "method": None,
        "reason": "no interval: not defined without one school",
    }


def test_an_edge_share_of_independent_pupils_gets_wilson(pupils):
    sample = make_sample(pupils.assign(school_unit="one"))
    found = make_edge_interval(1.0, np.ones(30), sample, 0.95)
    z_squared = NormalDist().inv_cdf(0.975) ** 2
    assert (found.lower, found.upper) == (pytest.approx(30 / (30 + z_squared)), 1.0)
    none = make_edge_interval(0.0, np.ones(30), sample, 0.95)
    assert (none.lower, none.upper) == (0.0, pytest.approx(1 - found.lower))


def test_pupils_of_one_school_are_worth_less(draw):
    alike = make_sample(draw(5, n_schools=60, per_school=40, school_sd=1.2))
    unlike = make_sample(draw(5, n_schools=60, per_school=40, school_sd=0.0))
    assert 0.1 < find_intraclass_correlation(alike) < 0.3
    assert find_intraclass_correlation(unlike) < 0.02
    counts = np.full(60, 6.0)
    wide = make_edge_interval(1.0, counts, alike, 0.95)
    narrow = make_edge_interval(1.0, counts, unlike, 0.95)
    assert wide.lower < narrow.lower


def test_the_wide_interval_holds_both_and_is_no_wider_than_they():
    sample = make_sample(draw_rows())
    wide = make_wide_interval(measure_auc, sample, level=0.95, scale="logit")
    both = [
        make_interval(*measure_auc(one), one, level=0.95, scale="logit")
        for one in (sample, regroup(sample))
    ]
    assert (wide.lower, wide.upper) == (
        min(one.lower for one in both), max(one.upper for one in both)
    )  # fmt: skip
    assert wide.value == both[0].value == both[1].value
    assert both[0].method in wide.method


def test_without_schools_the_wide_interval_is_the_only_one_there_is():
    sample = make_sample(draw_rows().assign(school_unit="one"))
    wide = make_wide_interval(measure_auc, sample, level=0.95, scale="logit")
    plain = make_interval(*measure_auc(sample), sample, level=0.95, scale="logit")
    assert wide == plain


def test_few_cases_have_a_value_and_no_interval():
    rows = draw_rows()
    cases = rows.index[rows["label"] == 1]
    few = rows.drop(index=cases[FEWEST_CASES - 1 :])
    found = make_wide_interval(measure_auc, make_sample(few), level=0.95, scale="logit")
    assert found.value is not None
    assert found.lower is None
    assert "fewer than 20" in found.reason
    enough = make_sample(rows.drop(index=cases[FEWEST_CASES:]))
    assert make_wide_interval(measure_auc, enough, level=0.95, scale="logit").lower is not None


def draw_rows(n_schools=12, per_school=40):
    generator = np.random.default_rng(8)
    school = np.repeat(np.arange(n_schools), per_school)
    own = generator.normal(size=len(school))
    chance = 1 / (1 + np.exp(1.2 - own - 0.4 * generator.normal(size=n_schools)[school]))
    return pd.DataFrame({
        "risk": 1 / (1 + np.exp(1.2 - own)),
        "label": (generator.random(len(school)) < chance).astype(float),
        "school_unit": [f"S{number:02d}" for number in school],
    })  # fmt: skip
