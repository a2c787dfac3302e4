import json

import pandas as pd
import pytest
from unit.pipeline.keyholder_run import IDS, SECOND_SECRET, make_place

import riskmodel.pipeline.rotation as module
from riskmodel.core.files import hash_file, read_json, write_json, write_text
from riskmodel.errors import PrivacyError, UsageError
from riskmodel.pipeline.forgetting import forget
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.removal import find_holders, list_files
from riskmodel.pipeline.rotation import Rotation, repseudonymise
from riskmodel.pipeline.runs import run_selected
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.pseudonyms import pseudonymise_ids

SECOND = PseudonymKey(bytes.fromhex(SECOND_SECRET))
NEW = pseudonymise_ids(pd.Series(IDS), SECOND, domain="riskmodel").tolist()


@pytest.fixture
def place(tmp_path):
    """A run by the first key, with histories, an earlier list, and a second key."""
    place = make_place(tmp_path)
    place.write_key("second.key", SECOND_SECRET)
    old = place.pseudonyms(IDS)
    for name in ("features", "decisions", "predictions"):
        frame = pd.DataFrame({"subject_id": old * 2, "value": range(60)})
        frame.to_parquet(place.out / f"{name}.parquet", index=False)
    write_text(place.out / "screening.html", f"<td>{old[0]}</td>")
    write_text(place.out / "evaluation.json", '{"auc": 0.8}\n')
    first = PseudonymKey(bytes(range(32))).key_id
    write_json(place.out / "data_contract.json", {"key_id": first, "domain": "riskmodel"})
    place.write_list(place.root / "last_year" / "screening.parquet", IDS[:15])
    return place


def load(place, **pseudonyms):
    keys = {"key_file": str(place.own / "second.key")} | pseudonyms
    run = place.load(pseudonyms=keys)
    lists = (place.root / "last_year" / "screening.parquet",)
    cohort = run.config.cohort.model_copy(update={"earlier_lists": lists})
    return type(run)(run.config.model_copy(update={"cohort": cohort}), run.project)


def rotate(place, **changes):
    return repseudonymise(load(place), Rotation(**{"old_key": place.key_file} | changes))


def hash_all(place):
    return {path: hash_file(path) for path in list_files(load(place).config)}


def test_histories_stay_joined_under_the_new_key(place):
    before = pd.read_parquet(place.out / "decisions.parquet")
    renamed = dict(zip(place.pseudonyms(IDS), NEW, strict=True))
    rotate(place)
    after = pd.read_parquet(place.out / "decisions.parquet")
    assert after["subject_id"].tolist() == before["subject_id"].map(renamed).tolist()
    assert after["value"].tolist() == before["value"].tolist()
    listed = pd.read_parquet(place.root / "last_year" / "screening.parquet")
    assert listed["subject_id"].tolist() == NEW[:15]
    files = list_files(load(place).config)
    assert find_holders(files, place.pseudonyms(IDS)) == []
    run_selected(load(place), ["pseudonymise"], SilentProgress())
    subjects = pd.read_parquet(place.out / "pseudonymised" / "subjects.parquet")
    assert set(after["subject_id"]) == set(subjects["subject_id"])


def test_the_proof_says_that_all_is_joined_and_shows_no_small_count(place):
    kept = hash_file(place.out / "evaluation.json")
    rotate(place)
    proof = read_json(place.out / "repseudonymised.json")
    assert proof["is_joined"] is True
    tables = {table["file"]: table for table in proof["tables"]}
    assert set(tables) == {"features.parquet", "decisions.parquet", "predictions.parquet",
                           "screening.parquet"}  # fmt: skip
    assert tables["decisions.parquet"] == {
        "file": "decisions.parquet", "is_joined": True, "rows": 60, "subjects_before": 30,
        "subjects_after": 30,
    }  # fmt: skip
    assert tables["screening.parquet"]["rows"] == 10
    assert proof["files_removed"] == ["screening.html"]
    assert proof["new"]["key_id"] == SECOND.key_id == read_json(
        place.out / "data_contract.json")["key_id"]  # fmt: skip
    assert hash_file(place.out / "evaluation.json") == kept
    text = json.dumps(proof)
    assert not any(one in text for one in [*NEW, *place.pseudonyms(IDS), *IDS])


@pytest.mark.parametrize("told", [True, False])
def test_another_old_key_changes_nothing(place, told):
    third = place.write_key("third.key", bytes(range(5, 37)).hex())
    if not told:
        (place.out / "data_contract.json").unlink()
    before = hash_all(place)
    with pytest.raises(PrivacyError, match="`--old-key` must be the key of the results"):
        rotate(place, old_key=third)
    with pytest.raises(UsageError, match="another key"):
        rotate(place, old_key=place.own / "second.key")
    assert hash_all(place) == before


def test_persons_who_are_not_in_the_register_are_refused_or_taken_out(place):
    frame = pd.read_csv(place.persons, sep=";")
    frame[2:].to_csv(place.persons, sep=";", index=False)
    before = hash_all(place)
    with pytest.raises(PrivacyError, match="got <10 persons"):
        rotate(place)
    assert hash_all(place) == before
    rotate(place, leave_out_unknown=True)
    assert set(pd.read_parquet(place.out / "decisions.parquet")["subject_id"]) == set(NEW[2:])
    assert read_json(place.out / "repseudonymised.json")["left_out"] == "<10"
    assert len(pd.read_parquet(place.root / "last_year" / "screening.parquet")) == 13


@pytest.mark.parametrize("step", ["_rewrite", "_reseal", "_tell_new_key", "write_json"])
def test_a_kill_before_the_end_leaves_the_old_folder(place, monkeypatch, step):
    before = hash_all(place)

    def kill(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, kill)
    with pytest.raises(KeyboardInterrupt):
        rotate(place)
    assert hash_all(place) == before
    monkeypatch.undo()
    rotate(place)
    assert read_json(place.out / "repseudonymised.json")["is_joined"] is True


def test_a_kill_before_the_earlier_lists_follow_is_made_right_by_the_same_command(
    place, monkeypatch
):
    real, calls = module.remove_subjects, []

    def kill(files, unknown):
        calls.append(files)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(files, unknown)

    monkeypatch.setattr(module, "remove_subjects", kill)
    with pytest.raises(KeyboardInterrupt):
        rotate(place)
    monkeypatch.undo()
    assert find_holders(list_files(load(place).config), place.pseudonyms(IDS)) != []
    rotate(place)
    assert find_holders(list_files(load(place).config), place.pseudonyms(IDS)) == []
    assert set(pd.read_parquet(place.out / "decisions.parquet")["subject_id"]) == set(NEW)


def test_who_was_forgotten_stays_so_under_the_new_key(place):
    forget(place.load(), IDS[:1])
    rotate(place)
    assert read_json(place.out / "repseudonymised.json")["tombstones"] == {
        "moved": "<10", "left": "0",
    }  # fmt: skip
    run_selected(load(place), ["pseudonymise"], SilentProgress())
    subjects = pd.read_parquet(place.out / "pseudonymised" / "subjects.parquet")
    assert set(subjects["subject_id"]) == set(NEW[1:])


def test_links_to_a_source_with_a_key_of_its_own_follow(place):
    place.write_key("health.key", bytes(range(2, 34)).hex())
    place.write_key("linkage.key", bytes(range(3, 35)).hex())
    health = {"key_file": str(place.own / "health.key"), "domain": "health"}
    apart = {
        "sources": {"health_contacts": health},
        "linkage": {"key_file": str(place.own / "linkage.key")},
    }
    run_selected(
        load(place, key_file=str(place.key_file), **apart), ["pseudonymise"], SilentProgress()
    )
    contacts = hash_file(place.out / "pseudonymised" / "health_contacts.parquet")
    repseudonymise(load(place, **apart), Rotation(place.key_file))
    rotated = hash_file(place.out / "links.parquet")
    run_selected(load(place, **apart), ["pseudonymise"], SilentProgress(), force=True)
    assert hash_file(place.out / "pseudonymised" / "health_contacts.parquet") == contacts
    assert hash_file(place.out / "links.parquet") == rotated
