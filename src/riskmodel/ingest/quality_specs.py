"""From where on a soft finding is worth a reader's time."""

from __future__ import annotations

from pydantic import Field

from riskmodel.core.spec import Spec
from riskmodel.privacy.disclosure import DEFAULT_LIMIT


class QualitySpec(Spec):
    """The limits of the soft findings: what lies beyond them is reported and stops nothing.

    `not_reported_share` is of a school's rows of attendance in a school year: absence of 10 %
    is where schools begin to act, so that where more than that is not reported a pupil at that
    level cannot be told from one without absence. `school_day_share` says what a school day is:
    more than this share of the schools of a type that report that year have rows on it.
    `gap_days` are the school days without any row that a school may have in a school year: up
    to five days may go to the training of staff (skolförordningen 3:3), each school its own.
    `drop_share` is of the school's own median, over the weeks of a school year, of rows per
    enrolled pupil and school day: absence does not move it, because an absent pupil has rows
    too, and five closed days a year cannot halve a week more than twice. `duplicate_share`,
    `outside_enrolment_share` and `grade_scale_share` are of a school's rows of a table,
    `age_share` of its enrolments; `age_years` is how far the age may lie from the grade level's
    (one year for a late or an early start, one for a year that is taken again). `min_count`
    is the least number of pupils that a figure may rest on.
    """

    not_reported_share: float = Field(default=0.10, ge=0, lt=1)
    school_day_share: float = Field(default=0.5, ge=0, lt=1)
    gap_days: int = Field(default=5, ge=0)
    drop_share: float = Field(default=0.5, gt=0, lt=1)
    duplicate_share: float = Field(default=0.001, ge=0, lt=1)
    grade_scale_share: float = Field(default=0.0, ge=0, lt=1)
    outside_enrolment_share: float = Field(default=0.01, ge=0, lt=1)
    age_years: int = Field(default=2, ge=0, le=10)
    age_share: float = Field(default=0.01, ge=0, lt=1)
    min_count: int = Field(default=DEFAULT_LIMIT, ge=2)
