import numpy as np
import pandas as pd
import pytest

from riskmodel.screening.evidence import assess_evidence
from riskmodel.screening.specs import EvidenceSpec

TRAINED = pd.DataFrame({"a": [0.0, 1.0, np.nan], "b": [5.0, 7.0, 6.0], "c": [np.nan] * 3})


def assess(values, **settings):
    pupils = pd.DataFrame([values], columns=["a", "b", "c"], index=[7])
    return assess_evidence(TRAINED, pupils, ("a", "b"), EvidenceSpec(**settings)).loc[7]


def test_known_values_within_the_range_are_enough():
    found = assess([0.5, 6.0, np.nan])
    assert (found["share_missing"], found["n_unlike"], found["has_enough_data"]) == (0, 0, True)


@pytest.mark.parametrize(("a", "b", "unlike"), [(-0.1, 6, 1), (0.5, 7.1, 1), (2, 2, 2), (0, 7, 0)])
def test_values_outside_the_range_are_counted(a, b, unlike):
    assert assess([a, b, 0.0])["n_unlike"] == unlike
    assert assess([a, b, 0.0], most_unlike=0)["has_enough_data"] == (unlike == 0)
    assert assess([a, b, 0.0], most_unlike=1)["has_enough_data"] == (unlike < 2)


def test_too_much_missing_is_not_enough():
    assert assess([np.nan, 6.0, 0.0])["has_enough_data"]
    assert not assess([np.nan, 6.0, 0.0], largest_missing_share=0.4)["has_enough_data"]
    assert not assess([np.nan, np.nan, 0.0])["has_enough_data"]


def test_a_value_where_training_had_none_is_unlike():
    pupils = pd.DataFrame({"a": [0.5], "b": [6.0], "c": [1.0]})
    found = assess_evidence(TRAINED, pupils, ("a", "b", "c"), EvidenceSpec(most_unlike=0))
    assert found["n_unlike"].to_list() == [1]


def test_a_model_without_inputs_has_enough():
    assert assess_evidence(TRAINED, TRAINED, (), EvidenceSpec())["has_enough_data"].all()
