"""A model with other inputs differs from the run's own in these inputs alone."""

import pytest

from riskmodel.models.specs import ModelSpec
from riskmodel.pipeline.refits import make_arm_spec

RUN = ModelSpec(
    candidates=("logistic", "additive"), folds=4, calibration="beta", monotone=False,
    missing_labels="completed", logistic={"n_knots": 3, "l1_ratios": [0.5]},
)  # fmt: skip


def test_an_arm_keeps_all_settings_of_the_run():
    """The arms once had straight lines, two folds and other labels than the run's model."""
    arm = make_arm_spec(RUN, [], ("sex",))
    assert arm.candidates == ("logistic",)
    assert arm.sensitive_inputs == ("sex",)
    for name in ("folds", "calibration", "monotone", "missing_labels", "logistic"):
        assert getattr(arm, name) == getattr(RUN, name), name


@pytest.mark.parametrize(("chosen", "knots"), [(0, 0), (1, 5)])
def test_an_arm_has_the_settings_that_past_periods_chose(chosen, knots):
    tried = [RUN.logistic.model_copy(update={"n_knots": count}) for count in (0, 5)]
    variants = [
        {"family": "additive", "settings": {}, "is_chosen": True},
        *(
            {
                "family": "logistic",
                "settings": one.model_dump(mode="json"),
                "is_chosen": at == chosen,
            }
            for at, one in enumerate(tried)
        ),
    ]
    assert make_arm_spec(RUN, variants, ()).logistic.n_knots == knots
