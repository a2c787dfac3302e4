"""The key-holder's steps for pupils whose identity was replaced, or belongs to a provider."""

import json
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest
import yaml
from unit.pipeline.keyholder_run import IDS, SECOND_SECRET, make_place

from riskmodel.core.files import hash_file, write_text
from riskmodel.errors import DataContractError, UsageError
from riskmodel.pipeline.forgetting import forget
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.reidentify import Disclosure, reidentify
from riskmodel.pipeline.removal import find_holders, list_files
from riskmodel.pipeline.rotation import Rotation, repseudonymise
from riskmodel.pipeline.runs import load_run, run_selected
from riskmodel.privacy.keys import load_key
from riskmodel.privacy.pseudonyms import pseudonymise_ids

OLD, COORDINATION, PERSONAL = IDS[0], "197010632391", "198112189876"
CHAIN = [OLD, COORDINATION, PERSONAL]
TEMPORARY = "20100131TF01"


@pytest.fixture
def place(tmp_path):
    """A run in which the first pupil's number was replaced twice, made before and after it."""
    place = make_place(tmp_path)
    place.left_out = ("grades", "health_contacts", "support")
    name_first(place, "811218-9876")
    place.write_links((OLD, "701063-2391"), ("701063-2391", PERSONAL))
    everyone = place.pseudonyms([*CHAIN, *IDS[1:]])
    frame = pd.DataFrame({"subject_id": everyone, "value": range(len(everyone))})
    frame.to_parquet(place.out / "decisions.parquet", index=False)
    return place


def name_first(place, number, **columns):
    names = [f"Elev {n}" for n in range(1, 31)]
    place.write_persons(person_id=[number, *IDS[1:]], Namn=names, **columns)


def pseudonymise(place, **settings):
    run_selected(place.load(**settings), ["pseudonymise"], SilentProgress())


def holders(place, identities):
    return find_holders(list_files(place.load().config), place.pseudonyms(identities))


def ask(place, **settings):
    asked = Disclosure(place.out / "list.parquet", place.own / "named.xlsx", "Anna", "samtal")
    reidentify(place.load(**settings), asked)
    rows = openpyxl.load_workbook(place.own / "named.xlsx").worksheets[0].values
    headings = next(rows)
    frame = pd.DataFrame(rows, columns=headings)
    return frame[["Personnummer", "Namn"]].to_numpy().tolist()


def rotate(place, **settings):
    key_file = place.write_key("second.key", SECOND_SECRET)
    keys = {"pseudonyms": {"key_file": str(key_file)}}
    repseudonymise(place.load(**keys | settings), Rotation(place.key_file))
    return load_key(key_file, None)


def test_a_person_is_forgotten_by_any_identity(place):
    run, memories = place.load(), set()
    for given in CHAIN:
        (place.out / "forgotten.json").unlink(missing_ok=True)
        place.write_list(place.out / "decisions.parquet", [*CHAIN, *IDS[1:]])
        forget(run, [given])
        assert find_holders(list_files(run.config), place.pseudonyms(CHAIN)) == []
        memories.add(hash_file(place.out / "forgotten.json"))
    assert len(memories) == 1


def test_a_forgotten_person_stays_out_by_all_identities(place):
    forget(place.load(), [OLD])
    pseudonymise(place)
    assert holders(place, CHAIN) == []
    place.write_links(("x", "y"))  # nor by any of them where the source has lost the links
    frame = pd.DataFrame({"person_id": [*CHAIN, *IDS[1:]]})
    frame.to_csv(place.persons, sep=";", index=False)
    pseudonymise(place)
    assert holders(place, CHAIN) == []
    assert len(holders(place, IDS[1:2])) > 5


def test_a_forgotten_person_stays_out_when_the_identity_is_replaced_later(place):
    place.write_links(("x", "y"))
    name_first(place, OLD)
    forget(place.load(), [OLD])
    assert len(holders(place, [PERSONAL])) == 1
    name_first(place, PERSONAL)
    place.write_links((OLD, COORDINATION), (COORDINATION, PERSONAL))
    pseudonymise(place)
    assert holders(place, CHAIN) == []


def test_a_marking_takes_out_what_was_written_under_earlier_identities_in_every_table(place):
    place.left_out = ()
    name_first(place, PERSONAL, security_marking=["Sekretessmarkering"] + ["Ingen"] * 29)
    pseudonymise(place)
    assert holders(place, CHAIN) == []


def test_links_that_cannot_be_read_or_followed_stop_the_forgetting_before_it_begins(place):
    before = {path: hash_file(path) for path in list_files(place.load().config)}
    run = place.load()
    place.write_links((OLD, PERSONAL), (PERSONAL, OLD))
    with pytest.raises(DataContractError, match="lead back"):
        forget(run, [OLD])
    (place.persons.parent / "identity_links.csv").unlink()
    with pytest.raises(DataContractError, match="does not exist"):
        forget(run, [OLD])
    assert {path: hash_file(path) for path in list_files(run.config)} == before


def test_a_list_from_before_or_after_the_replacement_gets_the_name_and_the_last_number(place):
    place.write_list(place.out / "list.parquet", [*CHAIN, IDS[1]])
    assert ask(place) == [[PERSONAL, "Elev 1"]] * 3 + [[IDS[1], "Elev 2"]]


def test_the_row_of_the_last_identity_counts_and_any_marking_protects(place):
    place.write_list(place.out / "list.parquet", [OLD, IDS[1]])
    ids, names = [OLD, PERSONAL, IDS[1]], ["Förr", "Nu", "Elev 2"]
    frame = pd.DataFrame({"person_id": ids, "security_marking": "Ingen", "Namn": names})
    frame.to_csv(place.persons, sep=";", index=False)
    assert ask(place) == [[PERSONAL, "Nu"], [IDS[1], "Elev 2"]]
    frame.loc[0, "security_marking"] = "Sekretessmarkering"
    frame.to_csv(place.persons, sep=";", index=False)
    (place.own / "named.xlsx").unlink()
    assert ask(place) == [[IDS[1], "Elev 2"]]


def test_new_keys_follow_every_identity(place):
    before = pd.read_parquet(place.out / "decisions.parquet")
    forget(place.load(), [IDS[1]])
    key = rotate(place)
    after = pd.read_parquet(place.out / "decisions.parquet")
    kept = [*CHAIN, *IDS[2:]]
    new = pseudonymise_ids(pd.Series(kept), key, domain="riskmodel").tolist()
    assert after["subject_id"].tolist() == new
    assert len(before) == len(after) + 1
    run = place.load(pseudonyms={"key_file": str(place.own / "second.key")})
    run_selected(run, ["pseudonymise"], SilentProgress())
    subjects = pd.read_parquet(place.out / "pseudonymised" / "subjects.parquet")["subject_id"]
    assert set(subjects) == set(new) - set(new[:2])


def read_config(place):
    place.load()
    return yaml.safe_load((place.root / "project" / "run.yaml").read_text("utf-8"))


PROVIDED = {"identities": {"provider": "1480"}}


@pytest.mark.parametrize("in_column", [True, False])
def test_temporary_numbers_are_those_of_their_provider(place, in_column):
    settings = {} if in_column else PROVIDED
    column = {"school_provider": "1480"} if in_column else {}
    place.write_links((OLD, TEMPORARY))
    links = place.persons.parent / "identity_links.csv"
    pd.read_csv(links, sep=";").assign(**column).to_csv(links, sep=";", index=False)
    name_first(place, TEMPORARY, **column)
    pseudonymise(place, **settings)
    identity = f"1480/{TEMPORARY}"
    assert holders(place, [identity]) != []
    place.write_list(place.out / "list.parquet", [OLD, identity])
    assert ask(place, **settings) == [[identity, "Elev 1"]] * 2
    before = {path: hash_file(path) for path in list_files(place.load().config)}
    if in_column:
        with pytest.raises(UsageError, match="provider"):
            forget(place.load(), ["20100131-TF01"])
        assert {path: hash_file(path) for path in before} == before
    forget(place.load(**settings), [f"1490/{TEMPORARY}"])  # somebody else
    assert holders(place, [identity]) != []
    forget(place.load(**settings), [f"1480/{TEMPORARY}" if in_column else "20100131-TF01"])
    assert holders(place, [OLD, identity]) == []


@pytest.mark.parametrize("identities", [{"all_local": True}, {"invalid": "keep_local"}])
def test_numbers_that_are_taken_as_local_are_so_everywhere(place, identities):
    settings, number = {"identities": identities}, "19811218-9875"
    place.write_links((OLD, number))
    name_first(place, number)
    frame = pd.DataFrame({"subject_id": place.pseudonyms([OLD, number, *IDS[1:]])})
    frame.to_parquet(place.out / "decisions.parquet", index=False)
    pseudonymise(place, **settings)
    place.write_list(place.out / "list.parquet", [OLD, number, *IDS[1:12]])
    place.write_list(place.out / "screening.parquet", [number, *IDS[1:12]])
    assert ask(place, **settings)[:2] == [[number, "Elev 1"]] * 2
    key = rotate(place, **settings)
    new = pseudonymise_ids(pd.Series([OLD, number]), key, domain="riskmodel").tolist()
    after = pd.read_parquet(place.out / "decisions.parquet")["subject_id"].tolist()
    assert after[:2] == new
    keys = {"pseudonyms": {"key_file": str(place.own / "second.key")}}
    forget(place.load(**settings, **keys), [number])
    assert find_holders(list_files(place.load().config), new) == []


def test_a_register_in_several_files_with_titles_and_other_names_is_read_as_the_extract_is(place):
    content = read_config(place)
    frame = pd.read_csv(place.persons, sep=";", dtype="str").fillna("")
    frame = frame.rename(columns={"person_id": "Pers-nr", "security_marking": "Skydd"})
    for part, rows in (("a", frame[:10]), ("b", frame[10:])):
        text = rows.to_csv(sep=";", index=False).replace("\r", "")
        write_text(place.persons.with_name(f"{part}.csv"), f"Elevlista{';' * 2}\n{text}")
    content["sources"]["persons"] = {
        "path": str(place.persons.with_name("a.csv")),
        "also": [str(place.persons.with_name("b.csv"))],
        "header_row": 2,
        "names": {"person_id": ["persnr"], "security_marking": ["skydd"]},
        "values": {"security_marking": {"nej": "Ingen"}},
    }
    settings = {"sources": content["sources"]}
    pseudonymise(place, **settings)
    place.write_list(place.out / "list.parquet", [OLD, *IDS[1:3], *IDS[15:17]])
    named = ask(place, **settings)
    assert [name for _, name in named] == [f"Elev {n}" for n in (1, 2, 3, 16, 17)]
    rotate(place, **settings)


def test_pupils_of_a_delivery_are_named_forgotten_and_renamed_like_others(place):
    place.write_links((OLD, TEMPORARY))
    home = {"enroledAt": {"id": "unit"}, "schoolType": "GR", "schoolYear": 9,
            "startDate": "2025-08-15"}  # fmt: skip
    persons = [{"id": name, "enrolments": [home]} for name in IDS]
    persons[0] |= {"civicNo": {"value": TEMPORARY, "nationality": "SE"}}
    persons[2] |= {"securityMarking": "Sekretessmarkering"}
    pages = {"persons": persons, "groups": [
        {"id": "9a", "groupType": "Klass", "startDate": "2025-08-15", "groupMemberships": [
            {"person": {"id": IDS[3], "securityMarking": "Skyddad folkbokföring"}}]}]}  # fmt: skip
    for name, found in pages.items():
        meta = {"created": "2025-08-01T08:00:00Z", "modified": "2025-08-01T08:00:00Z"}
        page = {"data": [one | {"meta": meta} for one in found], "pageToken": None}
        write_text(place.root / "delivery" / f"{name}.json", json.dumps(page))
    sources = read_config(place)["sources"]
    kept = {name: sources[name] for name in ("outcomes", "identity_links")}
    settings = PROVIDED | {"ss12000": {"path": str(place.root / "delivery")}, "sources": kept}
    identity = f"1480/{TEMPORARY}"
    pseudonymise(place, **settings)
    subjects = pd.read_parquet(place.out / "pseudonymised" / "subjects.parquet")["subject_id"]
    assert set(subjects) == set(place.pseudonyms([identity, IDS[1], *IDS[4:]]))
    listed = [OLD, identity, *IDS[1:5]]
    place.write_list(place.out / "list.parquet", listed)
    run = place.load(**settings)
    asked = Disclosure(place.out / "list.parquet", place.own / "a.xlsx", "Anna", "samtal")
    reidentify(run, asked)
    sheet = openpyxl.load_workbook(place.own / "a.xlsx").worksheets[0]
    assert [row[0] for row in sheet.values][1:] == [identity, identity, IDS[1], IDS[4]]
    school = place.own / "school.csv"
    write_text(school, f"Persnr;Namn\n{TEMPORARY};Bo\n{IDS[2]};Eva\n{IDS[3]};Åke\n")
    reidentify(run, replace(asked, out=place.own / "b.xlsx", register=school, id_column="Persnr"))
    sheet = openpyxl.load_workbook(place.own / "b.xlsx").worksheets[0]
    assert [row[1] for row in sheet.values][1:] == ["Bo", "Bo", None, None]
    forget(run, [TEMPORARY])
    assert find_holders(list_files(run.config), place.pseudonyms([OLD, identity])) == []
    place.write_list(place.out / "decisions.parquet", IDS[1:])
    rotate(place, **settings)


def test_a_person_whom_no_file_knows_is_told_of(place):
    assert "<10 of the persons" in forget(place.load(), ["SIM00000X999", PERSONAL])
    assert "of the persons" not in forget(place.load(), [IDS[3]])


def load_table(place, **table):
    content = read_config(place)
    for name in ("sources", "event_tables", "cohort", "features", "identities"):
        content.pop(name, None)
    path = place.persons.with_name("table.csv")
    content["feature_table"] = {
        "path": str(path), "label": {"column": "label", "positive": ["1"]},
        "feature_columns": ["age"], "sensitive_columns": ["sex"],
    } | table  # fmt: skip
    content["identities"] = {"all_local": True}
    content["audit"] = {"sensitive_features": ["sex"], "capacity": 0.15}
    content.pop("screening", None)
    write_text(place.root / "project" / "table.yaml", yaml.safe_dump(content))
    return load_run(place.root / "project" / "table.yaml")


def test_a_ready_table_follows_the_same_rules_and_needs_identifiers(place):
    number = "19811218-9875"
    frame = pd.DataFrame({"id": [number, *IDS[1:]], "label": [0, 1] * 15, "age": range(30),
                          "sex": "Kvinna", "Namn": "Elev"})  # fmt: skip
    frame.to_csv(place.persons.with_name("table.csv"), sep=";", index=False)
    with pytest.raises(UsageError, match="id_column"):
        forget(load_table(place), [number])
    run = load_table(place, id_column="id")
    run_selected(run, ["pseudonymise"], SilentProgress())
    labels = pd.read_parquet(place.out / "labels.parquet")
    assert set(labels["subject_id"]) == set(place.pseudonyms([number, *IDS[1:]]))
    place.write_list(place.out / "list.parquet", [number, IDS[1]])
    asked = Disclosure(place.out / "list.parquet", place.own / "named.xlsx", "Anna", "samtal")
    reidentify(run, asked)
    sheet = openpyxl.load_workbook(place.own / "named.xlsx").worksheets[0]
    assert [row[0] for row in sheet.values][1:] == [number, IDS[1]]
    forget(run, [number])
    assert find_holders(list_files(run.config), place.pseudonyms([number])) == []
    assert number not in json.dumps(json.loads((place.out / "forgotten.json").read_text("utf-8")))
