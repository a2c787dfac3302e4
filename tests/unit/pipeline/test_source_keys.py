import pandas as pd
import pytest
from unit.pipeline.keyholder_run import IDS, make_place

from riskmodel.core.files import hash_file, read_json
from riskmodel.errors import ConfigurationError, PrivacyError
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.forgetting import forget
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.removal import find_holders, list_files
from riskmodel.pipeline.runner import StageContext
from riskmodel.pipeline.runs import run_selected
from riskmodel.pipeline.state import build_manifest
from riskmodel.pipeline.tables import open_tables


@pytest.fixture
def place(tmp_path):
    place = make_place(tmp_path)
    place.write_key("health.key", bytes(range(2, 34)).hex())
    place.write_key("linkage.key", bytes(range(3, 35)).hex())
    return place


def spec(place, **changes):
    return {
        "key_file": str(place.key_file),
        "sources": {
            "health_contacts": {"key_file": str(place.own / "health.key"), "domain": "health"}
        },
        "linkage": {"key_file": str(place.own / "linkage.key")},
    } | changes


def pseudonymise(place, **changes):
    run = place.load(pseudonyms=spec(place, **changes))
    run_selected(run, ["pseudonymise"], SilentProgress())
    return run


def read(run, name):
    context = StageContext(run.config, RunFolder(run.config.out), run.project, SilentProgress())
    with open_tables(context) as (engine, tables):
        frame = engine.to_pandas(tables[name])
    return frame.sort_values("subject_id", ignore_index=True)


def test_health_contacts_have_pseudonyms_of_their_own_until_the_linkage_key_joins_them(place):
    run = pseudonymise(place)
    main = set(place.pseudonyms(IDS))
    folder = place.out / "pseudonymised"
    subjects = pd.read_parquet(folder / "subjects.parquet")["subject_id"]
    health = pd.read_parquet(folder / "health_contacts.parquet")
    assert set(subjects) == set(pd.read_parquet(folder / "visits.parquet")["subject_id"]) == main
    assert not set(health["subject_id"]) & main
    assert health["subject_id"].is_monotonic_increasing
    assert set(read(run, "health_contacts")["subject_id"]) == main
    assert list(read(run, "health_contacts")) == list(health)


def test_the_joined_tables_are_those_of_one_key(place):
    apart = read(pseudonymise(place), "health_contacts")
    other = hash_file(place.out / "pseudonymised" / "support.parquet")
    simple = place.load()
    run_selected(simple, ["pseudonymise"], SilentProgress())
    assert hash_file(place.out / "pseudonymised" / "support.parquet") == other
    assert not (place.out / "links.parquet").exists()
    pd.testing.assert_frame_equal(read(simple, "health_contacts"), apart)
    assert "sources" not in read_json(place.out / "data_contract.json")


def test_the_manifest_names_the_keys_and_holds_none(place):
    run = pseudonymise(place)
    manifest = build_manifest(run.config, RunFolder(run.config.out), ["pseudonymise"])
    told = manifest["pseudonyms"]
    ids = [told["key_id"], told["sources"]["health_contacts"]["key_id"], told["linkage_key_id"]]
    assert len(set(ids)) == 3
    assert told["sources"]["health_contacts"]["domain"] == "health"
    for path in place.own.glob("*.key"):
        assert path.read_text("ascii").strip() not in str(manifest)


def test_without_the_linkage_key_the_tables_cannot_be_joined(place):
    pseudonymise(place)
    (place.own / "linkage.key").unlink()
    run = place.load(pseudonyms=spec(place))
    with pytest.raises(PrivacyError, match="key"):
        read(run, "health_contacts")
    place.write_key("linkage.key", bytes(range(4, 36)).hex())
    with pytest.raises(PrivacyError, match="opens none"):
        read(run, "health_contacts")


def test_one_key_for_two_purposes_is_refused(place):
    with pytest.raises(PrivacyError, match="got one twice"):
        pseudonymise(place, linkage={"key_file": str(place.key_file)})
    assert not (place.out / "pseudonymised").exists()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"linkage": None}, "belong together"),
        ({"sources": {}}, "belong together"),
        ({"sources": {"health_contact": {"key_variable": "A", "domain": "b"}}}, "Did you mean"),
        ({"sources": {"persons": {"key_variable": "A", "domain": "b"}}}, "other than persons"),
        ({"sources": {"support": {"key_variable": "A", "domain": "riskmodel"}}}, "of its own"),
        ({"sources": {"support": {"domain": "b"}}}, "key_file"),
    ],
)
def test_settings_that_do_not_fit_are_told(place, changes, text):
    with pytest.raises(ConfigurationError, match=text):
        place.load(pseudonyms=spec(place, **changes))


def test_who_is_forgotten_goes_from_the_source_and_the_links_too(place):
    run = pseudonymise(place)
    health = place.out / "pseudonymised" / "health_contacts.parquet"
    before = set(pd.read_parquet(health)["subject_id"])
    forget(run, IDS[:1])
    (gone,) = before - set(pd.read_parquet(health)["subject_id"])
    assert len(pd.read_parquet(place.out / "links.parquet")) == 29
    forget(run, IDS[:1])
    run_selected(run, ["pseudonymise"], SilentProgress())
    assert set(pd.read_parquet(health)["subject_id"]) == before - {gone}
    assert find_holders(list_files(run.config), [gone, *place.pseudonyms(IDS[:1])]) == []
