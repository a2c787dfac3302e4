import numpy as np
import pandas as pd
import pytest

from riskmodel.screening.evidence import assess_evidence, find_ranges
from riskmodel.screening.specs import EvidenceSpec

TRAINED = pd.DataFrame({"a": [0.0, 1.0, np.nan], "b": [5.0, 7.0, 6.0], "c": [np.nan] * 3})


def has_enough(values, inputs=("a", "b"), **settings):
    pupils = pd.DataFrame([values], columns=["a", "b", "c"])
    (found,) = assess_evidence(pupils, find_ranges(TRAINED, inputs), EvidenceSpec(**settings))
    return bool(found)


def test_known_values_within_the_range_are_enough():
    assert has_enough([0.5, 6.0, np.nan], most_unlike=0, largest_missing_share=0.01)


@pytest.mark.parametrize(("a", "b", "unlike"), [(-0.1, 6, 1), (0.5, 7.1, 1), (2, 2, 2), (0, 7, 0)])
def test_values_outside_the_range_are_counted(a, b, unlike):
    for most in range(3):
        assert has_enough([a, b, 0.0], most_unlike=most) == (unlike <= most)


def test_too_much_missing_is_not_enough():
    assert has_enough([np.nan, 6.0, 0.0], largest_missing_share=0.5)
    assert not has_enough([np.nan, 6.0, 0.0], largest_missing_share=0.4)
    assert not has_enough([np.nan, np.nan, 0.0])


def test_a_value_where_training_had_none_is_unlike():
    inputs = ("a", "b", "c")
    assert not has_enough([0.5, 6.0, 1.0], inputs, most_unlike=0)
    assert has_enough([0.5, 6.0, np.nan], inputs, most_unlike=0)


def test_a_model_without_inputs_has_enough():
    assert has_enough([np.nan] * 3, ())
