"""What is trained: the candidate models, the rules among them and how they are chosen."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name

Family = Literal["base_rate", "rule", "scorecard", "logistic", "additive", "boosting"]

LEARNT_INTERPRETABLE: tuple[Family, ...] = ("scorecard", "logistic", "additive")
"""The learnt families whose risk decomposes exactly, the simplest first."""

FEWEST_PERIODS = 2
"""The fewest earlier cohorts by which a model, or its settings, are chosen."""

YARDSTICK: Family = "boosting"
"""The family that is trained only to show what interpretability costs."""


class RuleSpec(Spec):
    """A rule of thumb: a pupil is flagged whose feature is at least a limit.

    A missing value is not flagged, because the rule cannot be applied to it.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    feature: str
    at_least: float = Field(allow_inf_nan=False)


class ScorecardSpec(Spec):
    """How large a scorecard may be, and which of the equally good ones is used.

    At most `n_terms` lines of at most `max_points` points; `card` 0 is the best one.
    """

    n_terms: int = Field(default=10, ge=1, le=50)
    max_points: int = Field(default=5, ge=1, le=100)
    card: int = Field(default=0, ge=0)


class LogisticSpec(Spec):
    """How a logistic regression is penalised and bent.

    `l1_ratios` are the absolute parts of the penalty to choose among, 0 for ridge and 1 for
    lasso; `n_knots` is how many inner knots bend a feature's line.
    """

    l1_ratios: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(default=(0.0,), min_length=1)
    n_knots: int = Field(default=0, ge=0, le=10)


class AdditiveSpec(Spec):
    """How many pairs of features may have an effect together beyond the sum of both."""

    n_pairs: int = Field(default=0, ge=0, le=50)


class VariantsSpec(Spec):
    """Other settings of the families to choose among, the simplest first.

    Which one is used is decided by regret over earlier cohorts; a family without variants
    keeps its own settings.
    """

    scorecard: tuple[ScorecardSpec, ...] = ()
    logistic: tuple[LogisticSpec, ...] = ()
    additive: tuple[AdditiveSpec, ...] = ()


class ModelSpec(Spec):
    """Which models are trained, compared and calibrated.

    `candidates` names the families; ``rule`` stands for each of `rules`. `selected` is
    ``auto`` (the interpretable model with the lowest out-of-fold log loss, the simpler one
    within one standard error) or the name of one candidate that can be explained.
    `sensitive_inputs` names the sensitive attributes that may be model inputs, by default
    none. `folds` is the number of parts of the cross-fitting. `calibration` is fitted to
    out-of-fold scores; ``auto`` takes the simplest within one standard error. With `monotone`
    a feature with an expected direction may move the risk of the learnt interpretable models
    in that direction only. `origins` is how many earlier training cohorts are predicted too, by
    models trained on what was known in their own time, on at most `history` cohorts: with two
    or more of them ``auto`` rests on these. Pupils without a known outcome are `left_out` of
    training, or count as ``not_completed`` or ``completed`` (`missing_labels`).
    `screened_cohorts` names cohorts in which an earlier list was used: those who were given
    support because of it may have completed for that reason, and training with and without
    these cohorts is compared. `variants` holds settings that are chosen by how they would have
    done in the earlier cohorts, of which there must be two or more.
    """

    candidates: tuple[Family, ...] = (
        "base_rate", "scorecard", "logistic", "additive", "boosting",
    )  # fmt: skip
    rules: tuple[RuleSpec, ...] = ()
    selected: str = "auto"
    sensitive_inputs: tuple[str, ...] = ()
    calibration: Literal["auto", "sigmoid", "beta", "isotonic", "none"] = "auto"
    folds: int = Field(default=5, ge=2, le=20)
    monotone: bool = True
    origins: int = Field(default=0, ge=0, le=20)
    history: int | None = Field(default=None, ge=1)
    missing_labels: Literal["left_out", "not_completed", "completed"] = "left_out"
    screened_cohorts: tuple[str, ...] = ()
    scorecard: ScorecardSpec = ScorecardSpec()
    logistic: LogisticSpec = LogisticSpec()
    additive: AdditiveSpec = AdditiveSpec()
    variants: VariantsSpec = VariantsSpec()

    def options(self, family: Family) -> dict[str, Any]:
        """Return the parameters of a family's estimator.

        Parameters
        ----------
        family : str
            One of the families.

        Returns
        -------
        dict
            Empty for a family that has none.
        """
        given = {
            "scorecard": self.scorecard, "logistic": self.logistic, "additive": self.additive,
        }.get(family)  # fmt: skip
        return {} if given is None else given.model_dump()

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
    def _check_variants(self) -> Self:
        """Demand earlier cohorts where settings are to be chosen by them."""
        asked = [name for name in LEARNT_INTERPRETABLE if getattr(self.variants, name)]
        if asked and self.origins < FEWEST_PERIODS:
            raise ValueError(
                f"`variants` are chosen by earlier cohorts: `origins` must be at least "
                f"{FEWEST_PERIODS}, got {self.origins}"
            )
        findings = [
            f"`variants.{name}` must be for a family among the candidates"
            for name in asked
            if name not in self.candidates
        ]
        if findings:
            raise ValueError("; ".join(findings))
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
                raise ValueError(
                    "`selected` 'auto' needs 'scorecard', 'logistic' or 'additive' as a candidate"
                )
        elif self.selected not in self.names:
            hint = suggest_name(self.selected, self.names)
            raise ValueError(f"`selected` must be 'auto' or one of the candidates.{hint}")
        return self
