"""When passed subjects are enough for a programme in upper secondary school."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import ibis

from riskmodel.cohort.rules.specs import EligibilityVersion, Version, Way
from riskmodel.core.windows import is_before

Clock = Literal["day", "known"]


def find_eligible(rows: Any, versions: Sequence[EligibilityVersion]) -> Any:
    """Return the day on which each pupil's passed subjects were enough.

    A passed grade stays passed: who has been eligible stays so (skollagen 10:23 lets anybody
    try for a better grade, gymnasieförordningen 7:4 lets the applicant count it).

    Parameters
    ----------
    rows : ibis.Table
        Final grades: columns subject_id, subject, is_pass, `day` and `known`.
    versions : sequence of EligibilityVersion
        The rule's wordings; one holds for what is enough on a day from its first on, and
        before its end.

    Returns
    -------
    ibis.Table
        Columns subject_id, `day` and `known`, the day on which that was known. One row for each
        pupil who is eligible at some time.

    Notes
    -----
    The day is the latest of the days on which the core subjects were passed and on which the
    last one needed of the others was, so all pupils are done in one query, whose cost grows
    with the number of grades.
    """
    passed = rows.filter(rows.is_pass)
    first = passed.group_by("subject_id", "subject").aggregate(
        day=passed.day.min(), known=passed.known.min()
    )
    found = [_clip(_find_way(first, way), version) for version in versions for way in version.ways]
    every = ibis.union(*found) if len(found) > 1 else found[0]
    return every.group_by("subject_id").aggregate(day=every.day.min(), known=every.known.min())


def _find_way(first: Any, way: Way) -> Any:
    """Return when each pupil had enough in one way, by both clocks."""
    needed = {*way.core, *way.named}
    is_core = first.subject.isin(way.core)
    ranked = first.mutate(
        is_core=is_core,
        day_rank=_rank(first, "day", is_core),
        known_rank=_rank(first, "known", is_core),
    )
    is_needed = ranked.subject.isin(sorted(needed))
    n_needed = (is_needed.cast("int64")).sum()
    n_others = (~ranked.is_core).cast("int64").sum()
    enough = ranked.group_by("subject_id").aggregate(
        n_needed=n_needed,
        n_others=n_others,
        day=_latest(ranked, "day", is_needed, way.others),
        known=_latest(ranked, "known", is_needed, way.others),
    )
    met = (enough.n_needed == len(needed)) & (enough.n_others >= way.others)
    return enough.filter(met).select("subject_id", "day", "known")


def _rank(first: Any, clock: Clock, is_core: Any) -> Any:
    """Return the place of each subject among the pupil's core or other ones, from 1."""
    return 1 + ibis.row_number().over(
        group_by=[first.subject_id, is_core], order_by=[first[clock], first.subject]
    )


def _latest(ranked: Any, clock: Clock, is_needed: Any, others: int) -> Any:
    """Return the day on which all that is needed was passed, and the last of the others."""
    counts = is_needed | (~ranked.is_core & (ranked[f"{clock}_rank"] <= others))
    return ranked[clock].max(where=counts)


def _clip(found: Any, version: Version) -> Any:
    """Return the rows of the days on which a version holds, the earlier ones moved to its first."""
    start = ibis.literal(version.valid_from)
    clipped = found.mutate(
        day=ibis.greatest(found.day, start), known=ibis.greatest(found.known, start)
    )
    if version.valid_to is None:
        return clipped
    return clipped.filter(is_before(clipped.day, ibis.literal(version.valid_to)))
