"""k-anonymity, l-diversity and generalisation, against a brute force written apart."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from riskmodel.errors import ConfigurationError, UsageError
from riskmodel.privacy.anonymity import assess_anonymity
from riskmodel.privacy.anonymity_specs import AnonymitySpec
from riskmodel.privacy.hierarchies import ALL, build_hierarchy, load_steps

QUASI = ("birth_year", "town", "sex")
OWN = {"town": ({"a": "north", "b": "north", "c": "south"},)}
YEARS = ("2008", "2009", "2010", "2011", "2014", None)

pupils = st.lists(
    st.tuples(
        st.sampled_from(YEARS),
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["x", "y"]),
        st.sampled_from(["ill", "well", None]),
    ),
    min_size=1,
    max_size=40,
)


def count(rows, sensitive=("state",)):
    frame = pd.DataFrame(rows, columns=[*QUASI, *sensitive])
    return frame.groupby(list(frame.columns), dropna=False).size().rename("n").reset_index()


def coarsen(value, attribute, step, present):
    """The steps by hand: bands of two, four and eight years; north and south; all."""
    value = "" if value is None else value
    if attribute == "sex":
        return value if step == 0 else ALL
    if attribute == "town":
        return [value, {"a": "north", "b": "north", "c": "south"}.get(value, value), ALL][step]
    widths = [1, 2, 4, 8]
    if step == len(widths):
        return ALL
    return value if value == "" else str(int(value) // widths[step])


def list_ladders(rows):
    """For each attribute the steps that change anything, as functions of a value."""
    ladders = []
    for place, attribute in enumerate(QUASI):
        present = {row[place] for row in rows}
        tops = {"birth_year": 4, "town": 2, "sex": 1}[attribute]
        partitions, kept = [], []
        for step in range(tops + 1):
            groups = defaultdict(set)
            for value in present:
                groups[coarsen(value, attribute, step, present)].add(value)
            partition = {frozenset(group) for group in groups.values()}
            if step == 0 or (partition not in partitions):
                partitions.append(partition)
                kept.append(step)
        ladders.append(kept)
    return ladders


def brute_force(rows, k, least, share):
    """Try everything, pupil by pupil; return the best losses and how many are left out."""
    ladders = list_ladders(rows)
    best = None
    for steps in itertools.product(*ladders):
        classes = defaultdict(list)
        for row in rows:
            key = tuple(coarsen(row[i], QUASI[i], steps[i], None) for i in range(len(QUASI)))
            classes[key].append(row[3])
        left_out = 0
        for members in classes.values():
            known = {member for member in members if member is not None}
            if len(members) < k or (known and len(known) < least):
                left_out += len(members)
        if left_out > share * len(rows) or left_out == len(rows):
            continue
        losses = []
        for i in range(len(QUASI)):
            present = {row[i] for row in rows}
            total = 0
            for row in rows:
                mine = coarsen(row[i], QUASI[i], steps[i], None)
                joined = sum(coarsen(other, QUASI[i], steps[i], None) == mine for other in present)
                total += (joined - 1) / (len(present) - 1) if len(present) > 1 else 0
            losses.append(total / len(rows))
        loss = sum(losses) / len(losses)
        if best is None or loss < best[0] - 1e-9:
            best = (loss, left_out)
    return best


@settings(max_examples=40, deadline=None)
@given(pupils, st.integers(2, 6), st.integers(1, 2), st.sampled_from([0.0, 0.1, 0.3]))
def test_the_search_agrees_with_a_brute_force(rows, k, least, share):
    spec = AnonymitySpec(
        k=k, l=least, quasi_identifiers=QUASI, max_suppressed_share=share, hierarchies=OWN
    )
    report = assess_anonymity(count(rows), ["state"], spec)
    best = brute_force(rows, k, least, share)
    if best is None:
        assert report.reached is None
        assert report.reason in ("too_few_pupils", "one_value", "step_limit")
    else:
        assert report.reached is not None
        assert report.reached.loss == pytest.approx(best[0], abs=1e-9)
        assert report.reached.n_suppressed <= share * len(rows)


@settings(max_examples=40, deadline=None)
@given(pupils, st.integers(2, 6), st.integers(1, 2))
def test_the_measures_agree_with_counting_by_hand(rows, k, least):
    spec = AnonymitySpec(k=k, l=least, quasi_identifiers=QUASI, hierarchies=OWN)
    found = assess_anonymity(count(rows), ["state"], spec).as_is
    classes = defaultdict(list)
    for row in rows:
        classes[row[:3]].append(row[3])
    known = [{m for m in members if m is not None} for members in classes.values()]
    assert found.n_pupils == len(rows)
    assert found.n_classes == len(classes)
    assert found.k == min(len(members) for members in classes.values())
    assert found.l == {"state": min((len(values) for values in known if values), default=0)}
    assert found.n_below_k == sum(len(m) for m in classes.values() if len(m) < k)
    assert found.n_below_l["state"] == sum(
        len(members)
        for members, values in zip(classes.values(), known, strict=True)
        if 0 < len(values) < least
    )


@settings(max_examples=40, deadline=None)
@given(pupils, st.integers(2, 6), st.randoms(use_true_random=False))
def test_what_is_reached_holds_what_is_demanded_in_any_order_of_rows(rows, k, random):
    spec = AnonymitySpec(k=k, l=2, quasi_identifiers=QUASI, hierarchies=OWN)
    report = assess_anonymity(count(rows), ["state"], spec)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert assess_anonymity(count(shuffled), ["state"], spec).to_dict(10) == report.to_dict(10)
    if report.reached is not None:
        kept = report.reached.kept
        assert kept.k >= k
        assert kept.l["state"] in (0, 2)
        assert kept.n_failing == 0
        assert kept.n_pupils + report.reached.n_suppressed == len(rows)


@settings(max_examples=40, deadline=None)
@given(pupils, st.integers(2, 12))
def test_no_small_count_of_pupils_is_shown(rows, k):
    spec = AnonymitySpec(k=k, l=2, quasi_identifiers=QUASI, hierarchies=OWN)
    shown = assess_anonymity(count(rows), ["state"], spec).to_dict(10)

    def look(value):
        if isinstance(value, dict):
            if "value" in value and value["value"] is not None:
                rest = len(rows) - value["value"]
                assert value["value"] == 0 or value["value"] >= 10
                assert "share" not in value or value["value"] == 0 or rest == 0 or rest >= 10
            for name, inner in value.items():
                if name != "demanded":
                    look(inner)

    look(shown)


@pytest.mark.parametrize(
    ("rows", "changes", "reason"),
    [
        ([("2008", "a", "x", "ill")] * 3, {"k": 5}, "too_few_pupils"),
        ([("2008", "a", "x", "ill")] * 30, {"k": 5}, "one_value"),
        (
            [("2008", town, "x", state) for town in "abcd" for state in ("ill", "well")] * 2,
            {"k": 5, "most_general": {"town": 0}},
            "step_limit",
        ),
    ],
)
def test_where_nothing_reaches_it_the_report_says_why(rows, changes, reason):
    spec = AnonymitySpec(l=2, quasi_identifiers=QUASI, hierarchies=OWN, **changes)
    report = assess_anonymity(count(rows), ["state"], spec)
    assert (report.reached, report.reason) == (None, reason)


def test_without_pupils_nothing_is_said():
    report = assess_anonymity(count([]), ["state"], AnonymitySpec(quasi_identifiers=QUASI))
    assert (report.reached, report.reason, report.as_is.k) == (None, "no_pupils", 0)


def test_a_class_where_nothing_sensitive_is_known_gives_nothing_away():
    rows = (
        [("2008", "a", "x", None)] * 10
        + [("2014", "b", "y", "ill")] * 9
        + [("2014", "b", "y", "well")]
    )
    report = assess_anonymity(count(rows), ["state"], AnonymitySpec(quasi_identifiers=QUASI))
    assert report.reached.loss == 0
    assert report.as_is.l == {"state": 2}


def test_a_column_that_is_missing_or_has_too_many_values_is_refused():
    rows = [("2008", "a", "x", str(number)) for number in range(70)]
    with pytest.raises(ConfigurationError, match="at most 62 values"):
        assess_anonymity(count(rows), ["state"], AnonymitySpec(quasi_identifiers=QUASI))
    with pytest.raises(UsageError, match="height"):
        assess_anonymity(count(rows), ["state"], AnonymitySpec(quasi_identifiers=("height",)))


@pytest.mark.parametrize(
    "settings",
    [
        {"k": 1},
        {"quasi_identifiers": ()},
        {"quasi_identifiers": ("sex", "sex")},
        {"hierarchies": {"height": ({"1": "2"},)}},
        {"most_general": {"sex": -1}},
        {"max_suppressed_share": 1.0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValidationError):
        AnonymitySpec(**settings)


@pytest.mark.parametrize("name", sorted(load_steps()))
def test_each_step_joins_whole_groups_of_the_one_before(name):
    values = {
        "birth_year": [str(year) for year in range(1998, 2021)] + [""],
        "municipality": ["1480", "1490", "1407", "0180", "1280", "0184", "Okänd", ""],
        "migration_background": ["svensk bakgrund", "utrikes född", "nyinvandrad", ""],
        "parental_education": ["förgymnasial", "gymnasial", "eftergymnasial", ""],
    }[name]
    hierarchy = build_hierarchy(name, values)
    assert len(hierarchy.labels) >= 3
    for finer, coarser in itertools.pairwise(hierarchy.labels):
        joined = dict(zip(finer, coarser, strict=True))
        assert tuple(joined[label] for label in finer) == coarser
        assert len(set(coarser)) < len(set(finer))
    assert set(hierarchy.labels[-1]) == {ALL}


def test_municipalities_are_joined_to_associations_then_counties():
    labels = build_hierarchy("municipality", ["1480", "1407", "1490", "0180", "0184"]).labels
    assert labels[1] == ("Göteborgsregionen", "Göteborgsregionen", "Sjuhärad", "0180", "0184")
    assert labels[2][3:] == ("01", "01")
    assert labels[3] == ("14", "14", "14", "01", "01")
