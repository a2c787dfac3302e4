import json

import pandas as pd
import pytest
from unit.pipeline.keyholder_run import IDS, SECOND_SECRET, make_place

import riskmodel.pipeline.forgetting as module
from riskmodel.core.files import hash_file, write_text
from riskmodel.core.schema import SECURITY_MARKINGS
from riskmodel.errors import PrivacyError, UsageError
from riskmodel.pipeline.forgetting import forget
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.removal import find_holders, list_files
from riskmodel.pipeline.runs import run_selected
from riskmodel.privacy.scan import find_identifiers


@pytest.fixture
def place(tmp_path):
    """A run with everything that names pupils by pseudonym, and an earlier list elsewhere."""
    place = make_place(tmp_path)
    pseudonyms = place.pseudonyms(IDS)
    for name in ("features", "predictions", "decisions", "labels", "backtest"):
        frame = pd.DataFrame({"subject_id": pseudonyms, "value": range(30)})
        frame.to_parquet(place.out / f"{name}.parquet", index=False)
    categories = pd.DataFrame({"subject_id": pd.Categorical(pseudonyms), "value": 1.0})
    categories.to_parquet(place.out / "leaving.parquet", index=False)
    place.write_list(place.out / "screening_views" / "mentor.parquet", IDS[:5])
    write_text(place.out / "screening.html", f"<td>{pseudonyms[0]}</td>")
    write_text(place.out / "screening_views" / "mentor.html", f"<td>{pseudonyms[1]}</td>")
    frame = pd.DataFrame({"Elev": pseudonyms[:5]})
    frame.to_excel(place.out / "screening_views" / "mentor.xlsx", index=False)
    write_text(place.out / "evaluation.json", '{"auc": 0.8}\n')
    earlier = place.root / "last_year" / "screening.parquet"
    place.write_list(earlier, IDS[:5])
    write_text(earlier.with_suffix(".html"), f"<td>{pseudonyms[0]}</td>")
    return place


def load(place, **settings):
    run = place.load(**settings)
    lists = (place.root / "last_year" / "screening.parquet",)
    cohort = run.config.cohort.model_copy(update={"earlier_lists": lists})
    return type(run)(run.config.model_copy(update={"cohort": cohort}), run.project)


def pseudonymise(place, **settings):
    run_selected(load(place, **settings), ["pseudonymise"], SilentProgress())


def count_rows(place):
    return {path.name: len(pd.read_parquet(path)) for path in place.out.glob("*.parquet")}


def test_a_person_is_forgotten_everywhere_with_a_proof(place):
    (place.out / "pseudonymised").mkdir()
    support = place.out / "pseudonymised" / "support.parquet"
    pd.DataFrame({"subject_id": place.pseudonyms(IDS)}).to_parquet(support, index=False)
    before, (gone, kept) = count_rows(place), place.pseudonyms(IDS[:2])
    untouched = hash_file(place.out / "evaluation.json")
    forget(load(place), [f" {IDS[0]} ", ""])
    files = list_files(load(place).config)
    assert find_holders(files, [gone]) == []
    assert place.out / "forgetting.json" in files
    assert place.root / "last_year" / "screening.parquet" in files
    assert {before[name] - rows for name, rows in count_rows(place).items()} == {1}
    assert not (place.out / "screening.html").exists()
    assert not (place.root / "last_year" / "screening.html").exists()
    assert (place.out / "screening_views" / "mentor.html").exists()
    assert not (place.out / "screening_views" / "mentor.xlsx").exists()
    assert hash_file(place.out / "evaluation.json") == untouched
    assert kept in set(pd.read_parquet(place.out / "decisions.parquet")["subject_id"])
    proof = json.loads((place.out / "forgetting.json").read_text("utf-8"))
    assert (proof["persons"], proof["holding_a_pseudonym_after"]) == ("<10", 0)
    assert "pseudonymised/support.parquet" in proof["tables_changed"]
    hashes = {row["file"]: row["sha256"] for row in proof["files"]}
    assert hashes["features.parquet"] == hash_file(place.out / "features.parquet")
    assert find_identifiers([place.out], known=[*IDS[:1], gone]) == []


def test_a_forgotten_person_does_not_come_back(place):
    forget(load(place), IDS[:1])
    pseudonymise(place)
    gone, kept = place.pseudonyms(IDS[:2])
    for path in sorted((place.out / "pseudonymised").iterdir()):
        subjects = set(pd.read_parquet(path)["subject_id"])
        assert gone not in subjects
        assert kept in subjects
    memory = (place.out / "forgotten.json").read_text("utf-8")
    assert gone not in memory
    assert IDS[0] not in memory


def test_a_shared_memory_takes_the_person_out_of_other_runs_too(place):
    memory = place.root / "forgotten.json"
    settings = {"pseudonyms": {"key_file": str(place.key_file), "forgotten": str(memory)}}
    other = make_place(place.root / "other")
    forget(other.load(**settings), IDS[:1])
    for path in place.persons.parent.glob("*.csv"):  # the source has erased the person already
        frame = pd.read_csv(path, sep=";")
        frame[frame["person_id"] != IDS[0]].to_csv(path, sep=";", index=False)
    pseudonymise(place, **settings)
    assert find_holders(list_files(load(place).config), place.pseudonyms(IDS[:1])) == []


def test_a_marking_that_appears_later_removes_earlier_rows_everywhere(place):
    gone, kept = place.pseudonyms(IDS[:4]), place.pseudonyms(IDS[4:])
    assert len(SECURITY_MARKINGS) == len(gone)
    assert len(find_holders(list_files(load(place).config), gone[:1])) > 10
    place.write_persons(security_marking=[*SECURITY_MARKINGS, *["Ingen"] * 26])
    pseudonymise(place)
    files = list_files(load(place).config)
    assert find_holders(files, gone) == []
    assert set(pd.read_parquet(place.out / "decisions.parquet")["subject_id"]) == set(kept)
    tables = sorted((place.out / "pseudonymised").iterdir())
    assert len(tables) == 8
    for path in tables:
        assert set(pd.read_parquet(path)["subject_id"]) == set(kept)


def test_what_nobody_is_removed_from_keeps_its_bytes(place):
    before = {path: hash_file(path) for path in list_files(load(place).config)}
    pseudonymise(place)
    assert {path: hash_file(path) for path in before} == before


def test_a_kill_after_the_memory_is_written_is_made_right_by_the_next_run(place, monkeypatch):
    def kill(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "remove_subjects", kill)
    with pytest.raises(KeyboardInterrupt):
        forget(load(place), IDS[:1])
    pseudonymise(place)
    assert find_holders(list_files(load(place).config), place.pseudonyms(IDS[:1])) == []


def test_a_file_that_cannot_be_changed_is_told_of_in_the_proof_and_the_error(place):
    write_text(place.out / "notes.txt", place.pseudonyms(IDS[:1])[0])
    with pytest.raises(PrivacyError, match="cannot be changed") as caught:
        forget(load(place), IDS[:1])
    assert caught.value.findings == ("notes.txt",)
    proof = json.loads((place.out / "forgetting.json").read_text("utf-8"))
    assert proof["holding_a_pseudonym_after"] == 1


@pytest.mark.parametrize("given", [[], ["", "  "], ["811218-9875"], ["19811318-9876"]])
def test_identifiers_that_are_none_change_nothing_and_are_not_shown(place, given):
    before = {path: hash_file(path) for path in list_files(load(place).config)}
    with pytest.raises(UsageError) as caught:
        forget(load(place), given)
    assert not any(text in str(caught.value) for text in given if text.strip())
    assert {path: hash_file(path) for path in list_files(load(place).config)} == before


def test_a_damaged_memory_stops_the_run(place):
    for text in ("", "[]", '{"format": 1}', '{"format": 1, "tombstones": {"a": [1]}}'):
        (place.out / "forgotten.json").write_text(text, encoding="utf-8")
        with pytest.raises(PrivacyError, match="riskmodel forget"):
            pseudonymise(place)


def test_another_key_does_not_recognise_a_tombstone(place):
    forget(load(place), IDS[:1])
    first = json.loads((place.out / "forgotten.json").read_text("utf-8"))
    other = place.write_key("second.key", SECOND_SECRET)
    forget(load(place, pseudonyms={"key_file": str(other)}), IDS[:1])
    both = json.loads((place.out / "forgotten.json").read_text("utf-8"))["tombstones"]
    assert len(both) == 2
    assert first["tombstones"].items() <= both.items()
    assert len({one for many in both.values() for one in many}) == 2
