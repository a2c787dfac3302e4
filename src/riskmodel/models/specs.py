"""What is trained: the candidate models, the rules among them and how they are chosen."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name

Family = Literal["base_rate", "rule", "logistic", "additive", "boosting"]

LEARNT_INTERPRETABLE: tuple[Family, ...] = ("logistic", "additive")
"""The learnt families whose risk decomposes exactly, the simplest first."""

YARDSTICK: Family = "boosting"
"""The family that is trained only to show what interpretability costs."""


class RuleSpec(Spec):
    """A rule of thumb: a pupil is flagged whose feature is at least a limit.

    A missing value is not flagged, because the rule cannot be applied to it.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    feature: str
    at_least: float = Field(allow_inf_nan=False)


class ModelSpec(Spec):
    """Which models are trained, compared and calibrated.

    `candidates` names the families; ``rule`` stands for each of `rules`. `selected` is
    ``auto`` (the interpretable model with the lowest out-of-fold log loss, the simpler one
    within one standard error) or the name of one candidate that can be explained.
    `sensitive_inputs` names the sensitive attributes that may be model inputs, by default
    none. `folds` is the number of parts of the cross-fitting.
    """

    candidates: tuple[Family, ...] = ("base_rate", "logistic", "additive", "boosting")
    rules: tuple[RuleSpec, ...] = ()
    selected: str = "auto"
    sensitive_inputs: tuple[str, ...] = ()
    calibration: Literal["sigmoid", "none"] = "sigmoid"
    folds: int = Field(default=5, ge=2, le=20)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the models in the order of `candidates`, rules by their own names."""
        rules = tuple(rule.name for rule in self.rules)
        return tuple(
            name for family in self.candidates for name in (rules if family == "rule" else [family])
        )

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Demand different names, and rules exactly where the family is a candidate."""
        if not self.candidates or len(set(self.names)) < len(self.names):
            raise ValueError("`candidates` and `rules` must hold at least one model, none twice")
        if ("rule" in self.candidates) != bool(self.rules):
            raise ValueError("`rules` must be given with the candidate 'rule', and only with it")
        return self

    @model_validator(mode="after")
    def _check_selected(self) -> Self:
        """Demand that the model to use is there and can be explained."""
        if self.selected == YARDSTICK:
            raise ValueError(
                "`selected` must be a model that can be explained, got 'boosting'. "
                "It is trained only as a yardstick."
            )
        if self.selected == "auto":
            if not set(LEARNT_INTERPRETABLE) & set(self.candidates):
                raise ValueError("`selected` 'auto' needs 'logistic' or 'additive' as a candidate")
        elif self.selected not in self.names:
            hint = suggest_name(self.selected, self.names)
            raise ValueError(f"`selected` must be 'auto' or one of the candidates.{hint}")
        return self
