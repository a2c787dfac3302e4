"""What the rules are made of, and the ones that come with the library."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Self

import yaml
from pydantic import Field, model_validator

from riskmodel.core.spec import Spec
from riskmodel.core.validation import suggest_name

DIPLOMA = "diploma"
"""The name of the rule about the diploma."""


class Version(Spec):
    """One wording of a rule: the days on which it holds, and the paragraph that it follows.

    `valid_to` is the first day on which it no longer holds; left out, it still does.
    """

    valid_from: date
    valid_to: date | None = None
    follows: str = Field(min_length=1)

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        """Demand that it holds on some day."""
        if self.valid_to is not None and (self.valid_to - self.valid_from).days <= 0:
            raise ValueError("`valid_to` must lie after `valid_from`")
        return self


class FinalYear(Version):
    """The grade level in which compulsory school ends."""

    grade_level: int = Field(ge=1, le=13)


class Way(Spec):
    """Subjects that are enough together: `core`, and `others` more, among them those `named`."""

    core: tuple[str, ...]
    others: int = Field(ge=0)
    named: tuple[str, ...] = ()


class EligibilityVersion(Version):
    """Who is eligible: whose passed subjects are enough in one of the ways."""

    ways: tuple[Way, ...] = Field(min_length=1)


class MeritVersion(Version):
    """How many of the best grades are added up, and which subjects may come on top."""

    best: int = Field(ge=1)
    beside: tuple[str, ...] = ()


class CompulsoryRules(Spec):
    """All rules about final grades from compulsory school."""

    version: int
    final_years: tuple[FinalYear, ...]
    eligibility: dict[str, tuple[EligibilityVersion, ...]]
    merit: dict[str, tuple[MeritVersion, ...]]


class Subject(Spec):
    """What a subject of compulsory school is called; `languages` begin codes of languages."""

    subject: str
    valid_from: date
    valid_to: date | None = None
    codes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Course(Spec):
    """The courses of one subject by the rules of 2011, and the levels that they answer to."""

    subject: str
    stem: str
    name: str
    levels: dict[str, str]


class Projects(Spec):
    """What the diploma project is called."""

    prefix: str
    names: tuple[str, ...]


class UpperSecondarySubjects(Spec):
    """What subjects, levels and the project of upper secondary school are called."""

    courses: tuple[Course, ...]
    subjects: dict[str, tuple[str, ...]]
    level_codes: tuple[str, ...]
    projects: Projects


class SubjectNames(Spec):
    """What all subjects are called."""

    version: int
    compulsory: tuple[Subject, ...]
    upper_secondary: UpperSecondarySubjects


class ProgrammeSubject(Spec):
    """A subject common to a programme: its points there, and what it is called."""

    points: int = Field(gt=0)
    names: tuple[str, ...]


class DiplomaKind(Spec):
    """What a kind of programme asks for beside points and the project.

    `levels` gives for each subject the levels that must be passed, each as the ones of which
    one is enough. `programme_points` must be passed in subjects common to the programme.
    """

    levels: dict[str, tuple[tuple[str, ...], ...]]
    programme_points: int | None = None


class DiplomaVersion(Version):
    """What makes a diploma of an education that began on the version's days.

    An education that is not completed before `completed_before` is completed by the version
    that follows.
    """

    completed_before: date | None = None
    points: int
    passed_points: int
    kinds: dict[str, DiplomaKind]
    programme_subjects: dict[str, tuple[ProgrammeSubject, ...]] = Field(default_factory=dict)


class DiplomaRules(Spec):
    """All rules about the diploma; `programmes` are the first letters of codes, by kind."""

    version: int
    school_types: tuple[str, ...]
    programmes: dict[str, tuple[str, ...]]
    versions: tuple[DiplomaVersion, ...]


class FromGradesSpec(Spec):
    """Compute the outcome from final grades in place of reading it.

    `rule` is the rule's name, by default the outcome's own. `at_least` is the merit value that
    counts as completed, for the rules about merit. The others are for the diploma: `years`
    says after how many school years from the start of upper secondary a pupil without one has
    not completed, and `programme_subjects` which subjects are common to a programme, by the
    programme's two letters: names or beginnings of codes, in place of the library's own.
    """

    rule: str | None = None
    at_least: float | None = Field(default=None, gt=0, le=340)
    years: int = Field(default=4, ge=3, le=6)
    programme_subjects: dict[str, tuple[str, ...]] = Field(default_factory=dict)


@cache
def load_compulsory_rules() -> CompulsoryRules:
    """Load the rules about final grades from compulsory school.

    Returns
    -------
    CompulsoryRules
        As they come with the library.

    Examples
    --------
    >>> load_compulsory_rules().eligibility["eligible_vocational"][-1].ways[0].others
    5
    """
    return CompulsoryRules.model_validate(_read("compulsory"))


@cache
def load_diploma_rules() -> DiplomaRules:
    """Load the rules about the diploma from upper secondary school.

    Returns
    -------
    DiplomaRules
        As they come with the library.
    """
    return DiplomaRules.model_validate(_read("diploma"))


@cache
def load_subject_names() -> SubjectNames:
    """Load what subjects are called.

    Returns
    -------
    SubjectNames
        As they come with the library.
    """
    return SubjectNames.model_validate(_read("subjects"))


def find_rule_errors(outcome: str, spec: FromGradesSpec) -> list[str]:
    """Find what is wrong with how an outcome is to be computed.

    Parameters
    ----------
    outcome : str
        The outcome's name.
    spec : FromGradesSpec
        How.

    Returns
    -------
    list of str
        One sentence for each finding.
    """
    name, rules = spec.rule or outcome, load_compulsory_rules()
    if name not in rule_names():
        return [
            f"`from_grades.rule` must be one of {', '.join(rule_names())}, got '{name}'."
            f"{suggest_name(name, rule_names())}"
        ]
    findings = []
    if (name in rules.merit) != (spec.at_least is not None):
        findings.append("`from_grades.at_least` belongs to the rules about merit, and they need it")
    known = [code for codes in load_diploma_rules().programmes.values() for code in codes]
    findings += [
        f"`from_grades.programme_subjects` must name programmes, got '{code}'."
        f"{suggest_name(code, known)}"
        for code in spec.programme_subjects
        if code not in known
    ]
    return findings


def outcome_source(outcome: str, spec: FromGradesSpec | None, tables: Collection[str]) -> str:
    """Return the table that an outcome comes from.

    Parameters
    ----------
    outcome : str
        The outcome's name.
    spec : FromGradesSpec or None
        How to compute it, if that is asked for.
    tables : collection of str
        The names of the tables that there are.

    Returns
    -------
    {"outcomes", "grades"}
        The grades if that is asked for, or if there is no table of outcomes and a rule has the
        outcome's name and needs no more than that.

    Examples
    --------
    >>> outcome_source("eligible_vocational", None, ["enrolments", "grades"])
    'grades'
    """
    if spec is not None:
        return "grades"
    is_computable = not find_rule_errors(outcome, FromGradesSpec())
    needs_none = "outcomes" in tables or "grades" not in tables
    return "outcomes" if needs_none or not is_computable else "grades"


def rule_names() -> tuple[str, ...]:
    """Return the names of the outcomes that can be computed.

    Returns
    -------
    tuple of str
        In the order of the data.
    """
    rules = load_compulsory_rules()
    return (*rules.eligibility, *rules.merit, DIPLOMA)


def _read(name: str) -> Any:
    """Return the content of one of the package's data files."""
    file = resources.files("riskmodel.cohort.rules") / "data" / f"{name}.yaml"
    return yaml.safe_load(file.read_text(encoding="utf-8"))
