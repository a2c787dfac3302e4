"""How alike pupils must be for nobody to stand out."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from riskmodel.core.spec import Spec
from riskmodel.privacy.disclosure import DEFAULT_LIMIT

DEFAULT_QUASI_IDENTIFIERS = (
    "municipality",
    "sex",
    "birth_year",
    "migration_background",
    "parental_education",
)
"""What others may know of a pupil, and what the tables tell of one."""


class AnonymitySpec(Spec):
    """Which k-anonymity and l-diversity are demanded, and how attributes may be coarsened.

    `quasi_identifiers` are columns of `subjects`, or ``school_unit`` for the latest school.
    Pupils who are alike in all of them are a class; each class must hold `k` pupils, and `l`
    different known values of each sensitive attribute. Up to `max_suppressed_share` of the
    pupils may be left out for it: those of the classes that remain too small. `hierarchies`
    gives an attribute steps of its own, each a mapping from the values of the step before to
    coarser ones (what a step does not name stays as it is); the last step of every attribute
    joins all. `most_general` is the highest step that may be used, 0 for none at all.
    """

    k: int = Field(default=DEFAULT_LIMIT, ge=2)
    l: int = Field(default=2, ge=1)  # noqa: E741
    quasi_identifiers: tuple[str, ...] = Field(default=DEFAULT_QUASI_IDENTIFIERS, min_length=1)
    max_suppressed_share: float = Field(default=0.05, ge=0, lt=1)
    hierarchies: dict[str, tuple[dict[str, str], ...]] = Field(default_factory=dict)
    most_general: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_attributes(self) -> Self:
        """Demand different attributes, and settings of these only."""
        if len(set(self.quasi_identifiers)) < len(self.quasi_identifiers):
            raise ValueError("`quasi_identifiers` must name each attribute once")
        strange = {*self.hierarchies, *self.most_general} - set(self.quasi_identifiers)
        if strange:
            raise ValueError(
                f"`hierarchies` and `most_general` must be of quasi-identifiers, got "
                f"{', '.join(sorted(strange))}"
            )
        if any(step < 0 for step in self.most_general.values()):
            raise ValueError("`most_general` must hold steps of at least 0")
        return self
