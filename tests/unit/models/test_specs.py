import pytest
from pydantic import ValidationError

from riskmodel.models.specs import ModelSpec, RuleSpec

RULE = RuleSpec(name="high_absence", feature="absence_share", at_least=0.15)


def test_rules_stand_by_their_own_names():
    spec = ModelSpec(candidates=("base_rate", "rule", "logistic"), rules=(RULE,))
    assert spec.names == ("base_rate", "high_absence", "logistic")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"selected": "boosting"}, "yardstick"),
        ({"selected": "logistik"}, "Did you mean 'logistic'"),
        ({"candidates": ("base_rate", "boosting")}, "'auto' needs"),
        ({"candidates": ()}, "at least one"),
        ({"candidates": ("logistic", "logistic")}, "none twice"),
        ({"candidates": ("logistic", "rule")}, "with the candidate 'rule'"),
        ({"rules": (RULE,)}, "with the candidate 'rule'"),
        ({"folds": 1}, "greater than or equal to 2"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(settings, text):
    with pytest.raises(ValidationError, match=text):
        ModelSpec(**settings)


def test_a_rule_needs_a_name_that_can_be_a_folder():
    with pytest.raises(ValidationError):
        RuleSpec(name="../x", feature="absence_share", at_least=0.15)
