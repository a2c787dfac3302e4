"""A list is refused where the model does not fit the pupils."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from riskmodel.errors import UsageError
from riskmodel.screening.fitness import check_fitness
from riskmodel.screening.specs import LimitSpec

NAMES = ["a", "b", "flag"]


def draw(n, seed, shift=0.0, missing=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.normal(shift, 1, n), "b": rng.normal(size=n), "flag": rng.random(n) < 0.1}
    ).astype(float)
    frame.loc[rng.random(n) < missing, "a"] = np.nan
    return frame


def check(now, before=None, **limits):
    dates = {"trained_until": date(2023, 11, 1), "prediction_date": date(2026, 11, 1)}
    return check_fitness(
        draw(4000, 0) if before is None else before, now, NAMES,
        LimitSpec(**{"most_features": 0} | limits), **dates,
    )  # fmt: skip


def test_pupils_like_those_before_are_listed():
    report = check(draw(4000, 1))
    assert report.reasons == ()
    assert max(one.drift for one in report.features) < 0.02
    assert report.to_dict()["features"][0]["has_drifted"] is False


def test_a_shift_of_a_feature_is_drift_and_its_index_is_the_divergence_of_both():
    report = check(draw(4000, 1, shift=1.0))
    assert report.reasons == ("drift",)
    assert report.drifted == ("a",)
    # Of two normal distributions a standard deviation apart it is 1, by tenths a little less.
    assert report.features[0].drift == pytest.approx(0.95, abs=0.1)
    assert check(draw(4000, 1, shift=1.0), most_features=1).reasons == ()


def test_what_is_missing_far_more_often_is_told():
    report = check(draw(2000, 1, missing=0.4), largest_drift=10)
    assert report.reasons == ("missing",)
    assert report.lacking == ("a",)
    assert report.features[0].missing_now == pytest.approx(0.4, abs=0.05)
    assert check(draw(2000, 1, missing=0.4), before=draw(2000, 0, missing=0.4)).reasons == ()


def test_a_feature_that_was_never_there_breaks_nothing():
    before, now = draw(500, 0).assign(a=np.nan), draw(500, 1)
    assert check(now, before=before).drifted == ("a",)
    assert check(before, before=before).reasons == ()


@pytest.mark.parametrize(("most", "reasons"), [(35, ("age",)), (36, ()), (None, ())])
def test_a_model_may_be_too_old(most, reasons):
    report = check(draw(2000, 1), oldest_model_months=most)
    assert report.model_months == 36
    assert report.reasons == reasons


def test_nobody_to_compare_is_an_error():
    with pytest.raises(UsageError, match="must hold pupils"):
        check(draw(10, 1).head(0))
