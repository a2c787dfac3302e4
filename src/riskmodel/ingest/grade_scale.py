"""Grades as points and as passed or not, from versioned data."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import ibis
import yaml

from riskmodel.core.spec import Spec
from riskmodel.core.windows import Interval


class Grade(Spec):
    """What one grade is worth; `points` None where it counts as no grade."""

    points: float | None
    is_pass: bool


class GradeScale(Spec):
    """The grades that hold from a day on."""

    valid_from: date
    grades: dict[str, Grade]


class GradeScales(Spec):
    """All scales, the oldest first."""

    version: int
    scales: tuple[GradeScale, ...]


@cache
def load_grade_scales() -> GradeScales:
    """Load the scales that come with the library.

    Returns
    -------
    GradeScales
        The oldest first.

    Examples
    --------
    >>> load_grade_scales().scales[-1].grades["E"].points
    10.0
    """
    file = resources.files("riskmodel.ingest") / "data" / "grade_scale.yaml"
    return GradeScales.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def add_grade_values(grades: Any, scales: GradeScales | None = None) -> Any:
    """Add what each grade is worth and whether it is a pass.

    Parameters
    ----------
    grades : ibis.Table
        Reads `grade` (in either case) and `date`.
    scales : GradeScales, optional
        By default those of `load_grade_scales`.

    Returns
    -------
    ibis.Table
        With `grade_points` (float) and `is_pass` (boolean) in addition; null where the grade
        is not in the scale of its day. A dash has no points and is not a pass.
    """
    known = (scales or load_grade_scales()).scales
    ends = [scale.valid_from for scale in known[1:]] + [date.max]
    code = grades["grade"].upper()
    points, passes = [], []
    for scale, end in zip(known, ends, strict=True):
        is_valid = Interval(scale.valid_from, end).contains(grades["date"])
        for name, grade in scale.grades.items():
            applies = is_valid & (code == name)
            points.append((applies, ibis.literal(grade.points, type="float64")))
            passes.append((applies, ibis.literal(grade.is_pass)))
    return grades.mutate(
        grade_points=ibis.cases(*points, else_=ibis.null("float64")),
        is_pass=ibis.cases(*passes, else_=ibis.null("boolean")),
    )
