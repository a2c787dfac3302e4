from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.core.schema import TABLES
from riskmodel.errors import DataContractError
from riskmodel.ingest.identity_links import resolve_links
from riskmodel.ingest.pseudonymise import pseudonymise_tables
from riskmodel.ingest.specs import IdentitySpec
from riskmodel.privacy.identities import classify_identifiers, normalise_identifier

LINKS = ("old_id", "new_id", "known_date")
TEMPORARY, COORDINATION, PERSONAL = "20100131-TF01", "701063-2391", "19811218-9876"


def links(*rows):
    return pd.DataFrame([(*row, None)[:3] for row in rows], columns=LINKS)


def resolve(*rows):
    return resolve_links(links(*rows), IdentitySpec())


def rules(result):
    return {finding.rule: finding.count for finding in result.findings}


def test_a_chain_leads_to_its_end_however_the_numbers_are_written():
    result = resolve((TEMPORARY, "197010632391"), (COORDINATION, "8112189876"), ("a", "b"))
    assert result.ends == {
        "20100131TF01": "198112189876",
        "197010632391": "198112189876",
        "a": "b",
    }
    assert result.steps == {"20100131TF01": 2, "197010632391": 1, "a": 1}
    assert result.findings == ()


@given(st.permutations(range(12)), st.integers(1, 4), st.randoms())
@settings(max_examples=60, deadline=None)
def test_any_forest_of_links_leads_each_identity_to_its_root(names, width, random):
    parents = {k: k // width - (k % width == 0) for k in range(1, 12)}
    rows = [(f"id{names[k]}", f"id{names[max(parent, 0)]}") for k, parent in parents.items()]
    random.shuffle(rows)
    result = resolve(*rows, *rows[:3])
    assert set(result.ends.values()) <= {f"id{names[0]}"}
    assert len(result.ends) == 11
    assert result.findings == ()


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
@settings(max_examples=150, deadline=None)
def test_whatever_the_links_each_end_is_an_end_or_there_is_a_finding(pairs):
    result = resolve(*((f"id{a}", f"id{b}") for a, b in pairs))
    proper = {(f"id{a}", f"id{b}") for a, b in pairs if a != b}
    old = {a for a, _ in proper}
    if not result.findings:
        assert set(result.ends) == old
        assert not set(result.ends.values()) & old
        assert all(result.ends[a] == result.ends.get(b, b) for a, b in proper)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([("a", "b"), ("b", "a")], {"link_cycle": 2}),
        ([("a", "b"), ("b", "c"), ("c", "b"), ("x", "y")], {"link_cycle": 3}),
        ([("a", "b"), ("a", "c")], {"link_end": 1}),
        ([("a", "b"), ("a", "c"), ("b", "c")], {}),
        ([("z", "a"), ("a", "b"), ("a", "c")], {"link_end": 1}),
        ([("a", "19811218-9875"), ("b", " ")], {"link": 2}),
        ([("a", " a ")], {}),
        ([("a", "b", "2021-01-01"), ("a", "c", "2023-01-01")], {}),
        ([("a", "b", "2021-01-01"), ("a", "c", "2021-01-01")], {"link_end": 1}),
    ],
)
def test_links_that_cannot_be_followed_are_findings(rows, found):
    assert rules(resolve(*rows)) == found


def test_the_successor_known_last_corrects_the_earlier_one():
    result = resolve(("a", "b", "2021-01-01"), ("a", "c", "2023-01-01"), ("a", "d"))
    assert result.ends == {"a": "c"}


def test_a_very_long_chain_is_followed():
    rows = [(f"id{k}", f"id{k + 1}") for k in range(5_000)]
    assert set(resolve(*rows).ends.values()) == {"id5000"}
    assert rules(resolve(*rows, ("id5000", "id0"))) == {"link_cycle": 5_001}


@pytest.fixture
def linked(frames):
    """A pupil who came with a temporary number, got a coordination number and was registered."""
    frames["persons"]["person_id"] = [TEMPORARY, PERSONAL, "SIM000000003"]
    frames["attendance"]["person_id"] = [TEMPORARY, COORDINATION, "SIM000000003", PERSONAL]
    frames["grades"]["person_id"] = [TEMPORARY, PERSONAL, COORDINATION]
    frames["identity_links"] = links((TEMPORARY, COORDINATION), (COORDINATION, PERSONAL))
    return frames


@pytest.fixture
def pseudonymise(ingest, engine, key):
    def run(frames, **options):
        result = pseudonymise_tables(engine, ingest(frames, **options), key, domain="school")
        return {name: engine.to_pandas(table) for name, table in result.tables.items()}

    return run


def test_linked_identities_become_one_subject(pseudonymise, linked):
    out = pseudonymise(linked)
    assert set(out) == {"subjects", "attendance", "grades"}
    assert out["subjects"]["municipality"].tolist() == ["Göteborg"]  # the row of the last identity
    subject = set(out["subjects"]["subject_id"])
    assert set(out["attendance"]["subject_id"]) == set(out["grades"]["subject_id"]) == subject
    assert (len(out["attendance"]), len(out["grades"])) == (3, 3)


def test_the_pseudonym_is_that_of_the_last_identity(pseudonymise, linked, frames):
    first = pseudonymise(linked)["subjects"]["subject_id"].tolist()
    alone = {"persons": linked["persons"][1:2]}
    assert pseudonymise(alone)["subjects"]["subject_id"].tolist() == first


def test_without_links_the_identities_are_two_subjects(pseudonymise, linked):
    del linked["identity_links"]
    linked["persons"] = pd.concat([linked["persons"]] * 2)[:4].reset_index(drop=True)
    linked["persons"].loc[3, "person_id"] = COORDINATION
    assert len(pseudonymise(linked)["subjects"]) == 3


def test_a_protected_identity_anywhere_in_the_chain_protects_the_person(pseudonymise, linked):
    linked["persons"].loc[0, "security_marking"] = "Skyddad folkbokföring"
    out = pseudonymise(linked)
    assert {name: len(frame) for name, frame in out.items()} == {
        "subjects": 0,
        "attendance": 0,
        "grades": 0,
    }


def test_a_person_who_stands_there_twice_is_still_a_finding(ingest, linked):
    linked["persons"].loc[2, "person_id"] = "8112189876"
    linked["attendance"].loc[2, "person_id"] = PERSONAL
    with pytest.raises(DataContractError, match="rows must not repeat: <10 rows"):
        ingest(linked)


def test_broken_links_are_refused_with_all_else_and_without_a_value(ingest, linked):
    linked["identity_links"] = links((TEMPORARY, COORDINATION), (COORDINATION, TEMPORARY))
    linked["grades"].loc[0, "person_id"] = "SIM000000009"
    with pytest.raises(DataContractError) as caught:
        ingest(linked)
    assert caught.value.findings[0] == (
        "identity_links: links must not lead back to where they began: <10 rows"
    )
    assert caught.value.findings[-1].startswith("grades.person_id: every person must be in")
    linked["identity_links"] = links((None, PERSONAL), (COORDINATION, PERSONAL, "soon"))
    with pytest.raises(DataContractError) as caught:
        ingest(linked)
    assert [text.split(":")[0] for text in caught.value.findings[:2]] == [
        "identity_links.old_id",
        "identity_links.known_date",
    ]
    assert not any(text in str(caught.value) for text in ("9876", "2391", "soon", "TF01"))


def test_temporary_numbers_belong_to_their_provider(pseudonymise, linked):
    del linked["identity_links"]
    linked["persons"]["person_id"] = [TEMPORARY, TEMPORARY, "SIM000000003"]
    linked["persons"]["school_provider"] = ["1480", "1490", "1490"]
    linked["attendance"]["person_id"] = [TEMPORARY] * 3 + ["SIM000000003"]
    linked["attendance"]["school_provider"] = ["1480", "1490", "1480", None]
    del linked["grades"]
    out = pseudonymise(linked)
    subjects = out["subjects"].set_index("municipality")["subject_id"]
    rows = out["attendance"]["subject_id"].value_counts()
    assert rows[subjects["Borås"]] == 2
    assert rows[subjects["Göteborg"]] == 1
    assert list(out["subjects"]) == [*out["subjects"].columns]
    assert not any("school_provider" in frame for frame in out.values())


def test_one_provider_for_all_extracts_can_be_named_once(pseudonymise, frames):
    frames["persons"]["person_id"] = [TEMPORARY, PERSONAL, "SIM000000003"]
    persons = {"persons": frames["persons"]}
    plain = set(pseudonymise(persons)["subjects"]["subject_id"])
    named = set(pseudonymise(persons, spec=IdentitySpec(provider="1480"))["subjects"]["subject_id"])
    assert len(plain & named) == 1  # the personal number is the country's


def test_a_provider_is_part_of_temporary_numbers_alone():
    assert normalise_identifier("1480/20130101-tf01") == "1480/20130101TF01"
    assert normalise_identifier(" 1480 / 20130101-T123") == "1480/20130101T123"
    assert normalise_identifier("1480/19810829M071") == "19810829M071"
    assert normalise_identifier("1480/811218-9876") == "1480/811218-9876"
    assert normalise_identifier("a/b") == "a/b"


@pytest.mark.parametrize("policy", ["stop", "drop", "keep_local"])
def test_identifiers_that_are_not_valid_are_handled_by_the_stated_policy(ingest, frames, policy):
    ids = ["19811218-9875", "198113189876", "19810829M072"]
    for name in ("persons", "attendance", "grades"):
        frames[name]["person_id"] = frames[name]["person_id"].map(
            dict(zip(["SIM000000001", "SIM000000002", "SIM000000003"], ids, strict=True))
        )
    spec = IdentitySpec(invalid=policy)
    if policy == "stop":
        with pytest.raises(DataContractError) as caught:
            ingest(frames, spec=spec)
        assert caught.value.findings[:2] == (
            "persons.person_id: identifiers must be valid (invalid check digit): <10 rows",
            "persons.person_id: identifiers must be valid (invalid date): <10 rows",
        )
        assert not any(text in str(caught.value) for text in ids)
        return
    result = ingest(frames, spec=spec)
    assert result.identifier_kinds == {"invalid_check_digit": 2, "invalid_date": 1}
    assert result.report.usable_rows["persons"] == (2 if policy == "keep_local" else 0)
    assert not any(text in json.dumps(result.report.to_dict()) for text in ids)


def test_an_invalid_number_that_is_kept_has_one_form():
    ids = pd.Series(["19811218-9875", " 19811218-9875 ", None])
    identities, kinds = classify_identifiers(ids, keep_invalid=True)
    assert identities[:2].nunique() == 1
    assert kinds.tolist() == ["invalid_check_digit", "invalid_check_digit", "missing"]
    assert identities.isna().tolist() == [False, False, True]


def test_links_are_no_table_that_a_run_knows():
    assert "identity_links" not in TABLES
