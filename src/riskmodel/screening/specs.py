"""What a screening list is asked to hold and show, and to whom."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

import pandas as pd
from pydantic import Field, StrictFloat, StrictInt, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.errors import UsageError
from riskmodel.features.specs import Domain

Unit = Literal["school", "team", "all"]
"""Within what pupils are put in order."""

Capacity = StrictInt | StrictFloat
ViewName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]

_DEFAULT_CAPACITY = 10


class ViewSpec(Spec):
    """What one role may read of the list: all reasons but those withheld from it.

    `title` is what the role is called on the page.
    """

    title: str = Field(min_length=1)
    withheld_domains: tuple[Domain, ...] = ("mental_health",)
    withheld_features: tuple[str, ...] = ()


class LimitSpec(Spec):
    """When no list is made: the pupils' data lack too much, have drifted, or the model is old.

    `largest_missing_rise` is by how much a feature's share of missing values may exceed that of
    the training pupils, `largest_drift` the largest population stability index of a feature, on
    ten groups of the training values. A list is refused if more than `most_features` features
    exceed either. `oldest_model_months` counts from the last prediction date of the training
    pupils; without it a model may be of any age.
    """

    largest_missing_rise: float = Field(default=0.3, gt=0, le=1)
    largest_drift: float = Field(default=0.5, gt=0)
    most_features: int = Field(default=5, ge=0)
    oldest_model_months: int | None = Field(default=None, ge=1)


class EvidenceSpec(Spec):
    """When a pupil's data are too thin, or too unlike the training pupils', to go by.

    `largest_missing_share` is of the features that the model uses; `most_unlike` is how many of
    them may lie outside the range that the training pupils had.
    """

    largest_missing_share: float = Field(default=0.5, gt=0, le=1)
    most_unlike: int = Field(default=1, ge=0)


class ConformalSpec(Spec):
    """Sets of possible outcomes that are to hold the true one in a share `level` of each group.

    `by` names a pupil's attribute, such as ``parental_education``; without it all are one group.
    """

    level: float = Field(default=0.9, gt=0.5, lt=1)
    by: str | None = None


class EarlierSpec(Spec):
    """What a list is compared with: an earlier prediction point, of this run or of another.

    `run` is the folder of another run of the same pupils under the same key; `point` is its
    prediction point, or one of this run's.
    """

    point: str
    run: Path | None = None


class ScreeningSpec(Spec):
    """Whom a list is for and how many it may hold.

    One capacity is given, 10 per school by default: a number of pupils (an integer) or a share
    of the pupils (a decimal number above 0, at most 1; rounded up, so that there is at least one
    place) of each school, of each team of `teams` (the schools that each looks after), or of all
    pupils. `cohort` and `point` choose the rows where they carry those columns; without them the
    latest prediction date is taken. Reasons from `withheld_domains` or `withheld_features`
    count in the risk and are not shown: health records have a secrecy of their own. Each of
    `views` gets files of its own, with what that role may read. `limits` say when no list is
    made, `evidence` when a single pupil's data are too thin. `earlier` names the list to compare
    with; without it, it is that of the same cohort's previous prediction point, if there is one.
    """

    cohort: str | None = None
    point: str | None = None
    capacity_per_school: Capacity | None = None
    capacity_per_team: Capacity | None = None
    capacity_overall: Capacity | None = None
    teams: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    n_reasons: int = Field(default=3, ge=1, le=10)
    n_protective: int = Field(default=2, ge=0, le=10)
    language: Literal["sv", "en"] = "sv"
    withheld_domains: tuple[Domain, ...] = ("mental_health",)
    withheld_features: tuple[str, ...] = ()
    views: dict[ViewName, ViewSpec] = Field(default_factory=dict)
    limits: LimitSpec = LimitSpec()
    evidence: EvidenceSpec = EvidenceSpec()
    conformal: ConformalSpec | None = None
    earlier: EarlierSpec | None = None

    @model_validator(mode="after")
    def _check_capacity(self) -> Self:
        """Demand at most one capacity, of at least one or a share above zero and at most one."""
        given = {
            name: value
            for name in ("capacity_per_school", "capacity_per_team", "capacity_overall")
            if (value := getattr(self, name)) is not None
        }
        if len(given) > 1:
            raise ValueError(f"give one of {', '.join(f'`{name}`' for name in given)}")
        for name, value in given.items():
            if not (value >= 1 if isinstance(value, int) else 0 < value <= 1):
                raise ValueError(
                    f"`{name}` must be a whole number of at least 1, or a share above "
                    "0 and at most 1"
                )
        return self

    @model_validator(mode="after")
    def _check_teams(self) -> Self:
        """Demand teams exactly where the capacity is per team, each school in one of them."""
        if bool(self.teams) != (self.capacity_per_team is not None):
            raise ValueError("`teams` and `capacity_per_team` belong together")
        schools = [school for members in self.teams.values() for school in members]
        if len(set(schools)) < len(schools):
            raise ValueError("`teams` must name each school once")
        return self

    @property
    def unit(self) -> Unit:
        """Within what pupils are put in order."""
        if self.capacity_overall is not None:
            return "all"
        return "school" if self.capacity_per_team is None else "team"

    @property
    def capacity(self) -> int | float:
        """The capacity of each unit."""
        given = (self.capacity_per_school, self.capacity_per_team, self.capacity_overall)
        return next((value for value in given if value is not None), _DEFAULT_CAPACITY)

    def for_chosen_rows(self) -> ScreeningSpec:
        """Return the rule for rows that are of one cohort and point already.

        Returns
        -------
        ScreeningSpec
            Without either.
        """
        return self.model_copy(update={"cohort": None, "point": None})

    def for_view(self, name: str) -> ScreeningSpec:
        """Return the settings of one role's files.

        Parameters
        ----------
        name : str
            One of the views.

        Returns
        -------
        ScreeningSpec
            With what is withheld from it.
        """
        view = self.views[name]
        return self.model_copy(
            update={
                "withheld_domains": view.withheld_domains,
                "withheld_features": view.withheld_features,
            }
        )

    def find_unknown_features(self, known: Iterable[str]) -> list[str]:
        """Return a finding for each withheld feature that does not exist.

        Parameters
        ----------
        known : iterable of str
            The features that there are.

        Returns
        -------
        list of str
            With the place in the settings: a name that is misspelt would withhold nothing.
        """
        names = set(known)
        places = {"withheld_features": self.withheld_features} | {
            f"views.{name}.withheld_features": view.withheld_features
            for name, view in self.views.items()
        }
        return [
            f"screening.{place}: there is no feature '{name}'.{suggest_name(name, names)}"
            for place, withheld in places.items()
            for name in withheld
            if name not in names
        ]

    def find_units(self, schools: pd.Series[str]) -> pd.Series[str]:
        """Return the unit of each school unit.

        Parameters
        ----------
        schools : pandas.Series of str
            School units.

        Returns
        -------
        pandas.Series of str
            The school itself, its team, or an empty text for one list of all.

        Raises
        ------
        UsageError
            If a school is in no team.
        """
        if self.unit == "school":
            return schools
        if self.unit == "all":
            return pd.Series("", index=schools.index)
        by_school = {school: team for team, members in self.teams.items() for school in members}
        found = schools.map(by_school)
        if found.isna().any():
            names = sorted(schools[found.isna()].unique())
            raise UsageError(
                f"`teams` must name every school, got {len(names)} in none. Add them to a team.",
                [f"teams: no team looks after '{name}'" for name in names],
            )
        return found

    def capacity_of(self, n_pupils: int) -> int:
        """Return how many pupils of a unit the list may hold.

        Parameters
        ----------
        n_pupils : int
            The unit's pupils at the prediction date.

        Returns
        -------
        int
            May exceed `n_pupils` where the capacity is a number.

        Examples
        --------
        >>> ScreeningSpec(capacity_per_school=0.1).capacity_of(41)
        5
        >>> ScreeningSpec(capacity_overall=10).capacity_of(7)
        10
        """
        capacity = self.capacity
        if isinstance(capacity, int):
            return capacity
        return math.ceil(round(capacity * n_pupils, 9))
