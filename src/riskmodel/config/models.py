"""What a configuration file holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from riskmodel.cohort.dates import find_date_errors
from riskmodel.cohort.rules.specs import outcome_source
from riskmodel.cohort.specs import CohortSpec, CrossFittedSplit, TemporalSplit
from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name
from riskmodel.core.windows import SchoolCalendar
from riskmodel.engine.specs import EngineSpec
from riskmodel.evaluation.specs import EvaluationSpec
from riskmodel.fairness.specs import AuditSpec
from riskmodel.features.catalogue import list_catalogues, load_catalogue
from riskmodel.features.leakage_specs import LeakageSpec
from riskmodel.features.specs import FeatureSpec
from riskmodel.ingest.quality_specs import QualitySpec
from riskmodel.ingest.specs import FeatureTableSpec, IdentitySpec, SourceSpec
from riskmodel.ingest.ss12000.specs import DELIVERED, EVENTS, Ss12000Spec
from riskmodel.models.specs import ModelSpec
from riskmodel.privacy.anonymity_specs import AnonymitySpec
from riskmodel.screening.specs import ScreeningSpec
from riskmodel.simulation.spec import SimulationSpec
from riskmodel.tracking.specs import TrackingSpec


class LegalBasis(Spec):
    """On what the processing of personal data rests: shown on every report, never judged."""

    text: str = Field(min_length=3)
    reference: str = Field(min_length=2)


class LinkageSpec(Spec):
    """Where the key is that joins sources with keys of their own, and does nothing else."""

    key_file: Path | None = None
    key_variable: str | None = "RISKMODEL_LINKAGE_KEY"


class SourceKeySpec(Spec):
    """Where a source's own key is, and what its pseudonyms are for."""

    domain: str = Field(min_length=1)
    key_file: Path | None = None
    key_variable: str | None = None

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        """Demand a key."""
        if self.key_file is None and self.key_variable is None:
            raise ValueError("give `key_file` or `key_variable`")
        return self


class PseudonymSpec(Spec):
    """Where the key of the pseudonyms is, outside the project, and what it is used for.

    `sources` names tables whose pseudonyms are made with a key and for a domain of their own;
    whoever lacks the key of `linkage` cannot join them to the others. `forgotten` is the file
    that remembers who must be left out; by default it is in the run's folder. Name one that
    all runs share, so that a person who was forgotten once stays so.
    """

    key_file: Path | None = None
    key_variable: str | None = "RISKMODEL_KEY"
    domain: str = Field(default="riskmodel", min_length=1)
    sources: dict[str, SourceKeySpec] = Field(default_factory=dict)
    linkage: LinkageSpec | None = None
    forgotten: Path | None = None

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        """Demand a linkage key with sources, and a domain for each."""
        if bool(self.sources) != (self.linkage is not None):
            raise ValueError("`sources` and `linkage` belong together: give both or neither")
        domains = [self.domain, *(source.domain for source in self.sources.values())]
        if len(set(domains)) < len(domains):
            raise ValueError("each source must have a `domain` of its own")
        return self


class EventTableSpec(Spec):
    """A user's own event table: its columns and the one that places a row in time.

    `fact_key` names the columns that, with the person, make rows versions of one fact.
    """

    columns: dict[str, Column]
    date: str = "date"
    person: str = "person_id"
    unique: tuple[str, ...] = ()
    fact_key: tuple[str, ...] = ()

    def to_table(self) -> Table:
        """Return the table's schema with the person's identifier and the known date added.

        Returns
        -------
        Table
            A user-declared table.
        """
        own = {
            self.person: Column(type="string", required=True),
            self.date: Column(type="date", required=True),
            "known_date": Column(type="date"),
        }
        return Table(
            columns=own | self.columns,
            person=self.person,
            date=self.date,
            unique=self.unique,
            fact_key=self.fact_key,
            user_declared=True,
        )


class FeaturesSpec(Spec):
    """Which features are computed: a catalogue, less what is left out, plus the user's own."""

    catalogue: str | None = None
    exclude: tuple[str, ...] = ()
    declared: tuple[FeatureSpec, ...] = ()

    @field_validator("catalogue")
    @classmethod
    def _check_catalogue(cls, name: str | None) -> str | None:
        """Demand a catalogue that there is."""
        names = list_catalogues()
        if name is not None and name not in names:
            raise ValueError(f"must be one of {', '.join(names)}.{suggest_name(name, names)}")
        return name

    def select(self) -> tuple[FeatureSpec, ...]:
        """Return the features in order: the catalogue's, then the declared ones.

        Returns
        -------
        tuple of FeatureSpec
            Names may repeat here; the feature stage reports it.
        """
        known = load_catalogue(self.catalogue) if self.catalogue else ()
        return tuple(spec for spec in known if spec.name not in self.exclude) + self.declared


def find_needed_tables(cohort: CohortSpec, tables: Collection[str]) -> tuple[str, ...]:
    """Return the tables that a run from extracts cannot do without.

    Parameters
    ----------
    cohort : CohortSpec
        Names the outcome.
    tables : collection of str
        The tables that there are.

    Returns
    -------
    tuple of str
        Persons, enrolments, and the table that the outcome comes from.
    """
    outcome = cohort.outcome
    return ("persons", "enrolments", outcome_source(outcome.name, outcome.from_grades, tables))


class RunConfig(Spec):
    """One run from extracts, or from a ready table of features, to its reports."""

    version: Literal[1]
    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    title: str
    purpose: str
    legal_basis: LegalBasis
    out: Path
    is_simulated: bool = False
    language: Literal["sv", "en"] = "sv"
    random_state: int = Field(ge=0)
    calendar: SchoolCalendar = SchoolCalendar()
    engine: EngineSpec = EngineSpec()
    sources: dict[str, SourceSpec] = Field(default_factory=dict)
    ss12000: Ss12000Spec | None = None
    event_tables: dict[str, EventTableSpec] = Field(default_factory=dict)
    person_attributes: dict[str, Column] = Field(default_factory=dict)
    identities: IdentitySpec = IdentitySpec()
    pseudonyms: PseudonymSpec = PseudonymSpec()
    quality: QualitySpec = QualitySpec()
    privacy: AnonymitySpec = AnonymitySpec()
    feature_table: FeatureTableSpec | None = None
    cohort: CohortSpec | None = None
    cross_fitting: CrossFittedSplit = CrossFittedSplit()
    features: FeaturesSpec = FeaturesSpec()
    leakage: LeakageSpec = LeakageSpec()
    models: ModelSpec = ModelSpec()
    evaluation: EvaluationSpec = EvaluationSpec()
    audit: AuditSpec
    screening: ScreeningSpec | None = None
    tracking: TrackingSpec = TrackingSpec()

    @model_validator(mode="before")
    @classmethod
    def _check_kind(cls, content: Any) -> Any:
        """Tell whoever gives the configuration of a region what it is for."""
        if isinstance(content, Mapping) and "region" in content and "audit" not in content:
            raise ValueError(
                "describes a simulated region: make it with `riskmodel simulate --config FILE`, "
                "and name its extracts in the configuration of a run"
            )
        return content

    @model_validator(mode="after")
    def _check_periods(self) -> Self:
        """Demand a split in time for what looks at single cohorts, and cohorts that exist."""
        asked = [name for name in ("origins", "screened_cohorts") if getattr(self.models, name)]
        if not asked:
            return self
        if self.cohort is None or not isinstance(self.cohort.split, TemporalSplit):
            raise ValueError(
                f"`models.{asked[0]}` needs cohorts with a `split` of the kind temporal"
            )
        for name in self.models.screened_cohorts:
            if name not in self.cohort.cohort_names:
                hint = suggest_name(name, self.cohort.cohort_names)
                raise ValueError(f"`models.screened_cohorts`: there is no cohort '{name}'.{hint}")
        return self

    @model_validator(mode="after")
    def _check_input(self) -> Self:
        """Demand one kind of input, complete."""
        if (self.feature_table is None) == (not self.given_tables):
            raise ValueError(
                "give either `sources` or `ss12000` (extracts), or `feature_table`, and not both"
            )
        if self.given_tables:
            self._check_extracts()
        elif self.pseudonyms.sources:
            raise ValueError("`pseudonyms.sources` belongs to `sources`; a table has one key")
        elif self.cohort is not None or self.features.select():
            raise ValueError(
                "`cohort` and `features` belong to `sources`; a `feature_table` has its own"
            )
        return self

    def _check_extracts(self) -> None:
        """Demand what a run from extracts needs."""
        if self.cohort is None:
            raise ValueError("`cohort` must be given with `sources`")
        if not self.features.select():
            raise ValueError("`features` must name a catalogue or declare at least one feature")
        given = self.given_tables
        missing = sorted(set(find_needed_tables(self.cohort, given)) - set(given))
        if missing:
            hint = " (or `grades`, for an outcome that a rule can compute)"
            raise ValueError(
                f"`sources` must hold the tables {', '.join(missing)} too"
                f"{hint if 'outcomes' in missing else ''}"
            )
        findings = [
            *self._find_unknown_attributes(),
            *self._find_unknown_keys(),
            *(f"cohort.{text}" for text in find_date_errors(self.cohort, self.calendar)),
            *self._find_unknown_list(self.cohort),
            *self._find_unknown_withheld(),
        ]
        if findings:
            raise ValueError("; ".join(findings))

    def _find_unknown_attributes(self) -> list[str]:
        """Return a finding for each quasi-identifier that no table has."""
        known = {"birth_year", "school_unit", *self.tables["persons"].columns}
        known -= {"person_id", "birth_date", "security_marking"}
        return [
            f"privacy.quasi_identifiers: there is no '{name}'.{suggest_name(name, known)}"
            for name in self.privacy.quasi_identifiers
            if name not in known
        ]

    def _find_unknown_keys(self) -> list[str]:
        """Return a finding for each key of a table that is not read, or is all persons."""
        known = [name for name in self.sources if name != "persons"]
        return [
            f"pseudonyms.sources: '{name}' must be a table of `sources` other than persons."
            f"{suggest_name(name, known)}"
            for name in self.pseudonyms.sources
            if name not in known
        ]

    def _find_unknown_withheld(self) -> list[str]:
        """Return a finding for each feature that is to be withheld and does not exist."""
        if self.screening is None:
            return []
        return self.screening.find_unknown_features(spec.name for spec in self.features.select())

    def _find_unknown_list(self, cohort: CohortSpec) -> list[str]:
        """Return a finding for a cohort or point of the list that does not exist."""
        if self.screening is None:
            return []
        earlier = self.screening.earlier
        points = [point.name for point in cohort.prediction_points]
        known = {"cohort": cohort.cohort_names, "point": points}
        asked = [(kind, kind, getattr(self.screening, kind)) for kind in known]
        if earlier is not None and earlier.run is None:
            asked.append(("earlier.point", "point", earlier.point))
        return [
            f"screening.{key}: there is no {kind} '{name}'.{suggest_name(name, known[kind])}"
            for key, kind, name in asked
            if name is not None and name not in known[kind]
        ]

    @property
    def split(self) -> TemporalSplit | CrossFittedSplit:
        """How training and test rows are told apart."""
        return self.cohort.split if self.cohort is not None else self.cross_fitting

    @property
    def given_tables(self) -> tuple[str, ...]:
        """The tables that there may be rows for: from SS 12000, and from files."""
        delivered = (*DELIVERED, *EVENTS) if self.ss12000 is not None else ()
        return tuple(dict.fromkeys((*delivered, *self.sources)))

    @property
    def tables(self) -> dict[str, Table]:
        """The schemas of the canonical tables, with the user's own attributes and tables."""
        persons = TABLES["persons"]
        columns = persons.columns | self.person_attributes
        return (
            TABLES
            | {"persons": persons.model_copy(update={"columns": columns})}
            | {name: spec.to_table() for name, spec in self.event_tables.items()}
        )


class RegionConfig(Spec):
    """A simulated region and its seed."""

    version: Literal[1]
    random_state: int = Field(ge=0)
    region: SimulationSpec = SimulationSpec()

    @model_validator(mode="before")
    @classmethod
    def _check_kind(cls, content: Any) -> Any:
        """Tell whoever gives the configuration of a run what a region's looks like."""
        if isinstance(content, Mapping) and "audit" in content and "region" not in content:
            raise ValueError(
                "describes a run: start a region's with `riskmodel init region --out FILE`, "
                "or leave `--config` out for that of the demo"
            )
        return content
