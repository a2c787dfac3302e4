"""Predictions for schools that a model never saw."""

import numpy as np
import pytest
from scipy.special import expit

from riskmodel.models.transfer import predict_unseen, predict_without

SIZE = 2000


@pytest.fixture(scope="module")
def pupils():
    """Pupils of 20 schools, with a feature that tells nothing but the school."""
    rng = np.random.default_rng(4)
    school = np.repeat(np.arange(20), SIZE // 20)
    effect = rng.normal(0, 1.5, 20)
    X = np.column_stack([rng.normal(size=SIZE), effect[school], school == 3])
    y = (rng.random(SIZE) < expit(X[:, 0] + effect[school] - 1)).astype(float)
    return X.astype(float), y, school


def test_a_school_has_no_say_in_its_own_risks(pupils):
    X, y, school = pupils
    turned = np.where(school == 3, 1 - y, y)
    one, unseen = predict_unseen(X, y, school, X, school, random_state=0)
    other, still = predict_unseen(X, turned, school, X, school, random_state=0)
    own = school == 3
    assert np.abs(one[own] - other[own]).max() > 0.05
    # The strength of the penalty is chosen with all schools: it alone may differ.
    assert np.abs(unseen[own] - still[own]).max() < 0.05


def test_the_same_each_time_and_in_range(pupils):
    X, y, school = pupils
    first, second = (predict_unseen(X, y, school, X[:50], school[:50], random_state=1)
                     for _ in range(2))  # fmt: skip
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)
        assert ((one > 0) & (one < 1)).all()


def test_a_school_that_is_new_altogether_is_predicted(pupils):
    X, y, school = pupils
    new = np.full(10, 99)
    base, unseen = predict_unseen(X, y, school, X[:10], new, random_state=0)
    assert base == pytest.approx(unseen, abs=0.1)


def test_those_who_are_left_out_have_no_say(pupils):
    X, y, school = pupils
    left_out = school < 10
    base, without = predict_without(X, y, school, left_out, X, random_state=0)
    turned = np.where(left_out, 1 - y, y)
    other, still = predict_without(X, turned, school, left_out, X, random_state=0)
    np.testing.assert_array_equal(without, still)
    assert np.abs(base - other).max() > 0.1
