"""Merit value: the sum of a pupil's best final grades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ibis

from riskmodel.cohort.rules.specs import MeritVersion
from riskmodel.cohort.rules.versions import holds_on
from riskmodel.core.windows import is_before


def compute_merit(rows: Any, moments: Any, versions: Sequence[MeritVersion]) -> Any:
    """Return the merit value by the final grades until some days.

    Parameters
    ----------
    rows : ibis.Table
        Final grades: columns subject_id, subject, grade_points, `day` and `known`.
    moments : ibis.Table
        Columns subject_id, `day` and `known`: the last day whose grades count.
    versions : sequence of MeritVersion
        The rule's wordings.

    Returns
    -------
    ibis.Table
        The columns of `moments` with `merit`, in points. A moment on which no version holds has
        no row. The best grade counts in each subject; no grade at all (a dash) adds nothing.

    Notes
    -----
    The value for a training in dance, which the ordinance scales up from fewer grades, is not
    scaled.
    """
    earlier = rows.filter(rows.grade_points.notnull()).join(
        moments.select("subject_id", moment=moments.day), "subject_id"
    )
    earlier = earlier.filter(~is_before(earlier.moment, earlier.day))
    best = earlier.group_by("subject_id", "moment", "subject").aggregate(
        points=earlier.grade_points.max()
    )
    found = [_add_up(best, version) for version in versions]
    merit = ibis.union(*found) if len(found) > 1 else found[0]
    joined = moments.left_join(
        merit, [moments.subject_id == merit.subject_id, moments.day == merit.moment]
    )
    valid = ibis.or_(*(holds_on(item, joined.day) for item in versions))
    return joined.filter(valid).select(
        subject_id=joined.subject_id,
        day=joined.day,
        known=joined.known,
        merit=joined.merit.fill_null(0.0),
    )


def _add_up(best: Any, version: MeritVersion) -> Any:
    """Return the sums of the best grades on the days on which a version holds."""
    valid = best.filter(holds_on(version, best.moment))
    is_beside = valid.subject.isin(version.beside) if version.beside else ibis.literal(False)
    marked = valid.mutate(is_beside=is_beside)
    rank = ibis.row_number().over(
        group_by=[marked.subject_id, marked.moment, marked.is_beside],
        order_by=[marked.points.desc(), marked.subject],
    )
    ranked = marked.mutate(rank=rank)
    most = ibis.ifelse(ranked.is_beside, 1, version.best)
    counted = ranked.filter(ranked["rank"] < most)
    return counted.group_by("subject_id", "moment").aggregate(
        merit=counted.points.cast("float64").sum()
    )
