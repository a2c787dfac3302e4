from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from riskmodel.core.files import hash_file, read_json
from riskmodel.simulation.region import build_world, simulate_block, simulate_region
from riskmodel.simulation.spec import SimulationSpec

pytestmark = pytest.mark.usefixtures("small_sample")

CUT = pd.Timestamp(2020, 11, 15)
DATES = ("date", "start_date", "end_date", "known_date")


def test_same_seed_same_bytes_and_another_seed_differs(simulate, tmp_path):
    common = {"n_pupils": 400, "attendance_grades": (9,)}
    one = simulate(tmp_path / "one", **common)
    two = simulate(tmp_path / "two", **common)
    three = simulate(tmp_path / "three", random_state=12, **common)
    for name in ("extracts", "truth"):
        assert hash_file(one.folder / name) == hash_file(two.folder / name)
        assert hash_file(one.folder / name) != hash_file(three.folder / name)


def test_a_block_does_not_depend_on_the_blocks_before_it(collect):
    spec = SimulationSpec(n_pupils=4_300, attendance_grades=(9,))
    world = build_world(spec, random_state=5)
    alone, alone_truth = collect(), collect()
    simulate_block(world, 2, alone, alone_truth)
    for block in (0, 2):
        after, after_truth = collect(), collect()
        simulate_block(world, block, after, after_truth)
    assert alone.together() == after.together()
    assert alone_truth.together() == after_truth.together()
    assert len(alone.together()["persons"]) in range(280, 301)


def test_all_blocks_reach_the_files(attended):
    file = pq.ParquetFile(attended.folder / "extracts" / "persons.parquet")
    assert file.num_row_groups == 2
    assert file.metadata.num_rows == 2_400


@pytest.fixture(scope="module")
def cut_short(simulate, tmp_path_factory):
    """The same pupils as `whole_lives`, at an extract in the middle."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("riskmodel.simulation.calibration._SAMPLE", 4_000)
        return [
            simulate(
                tmp_path_factory.mktemp("cut"),
                n_pupils=1_500,
                attendance_grades=(9,),
                extract_date=extract,
            )
            for extract in (date(2020, 11, 15), date(2045, 1, 1))
        ]


def test_nothing_after_the_extract_exists(cut_short):
    early, _ = cut_short
    for name in early.summary.rows:
        table = early.read(name)
        for column in set(DATES) & set(table.columns):
            assert (table[column].dropna() <= CUT).all(), (name, column)
    outcomes = early.read("outcomes").merge(early.truth, on=["person_id", "outcome"])
    outcomes = outcomes[outcomes["status"] == "observed"]
    assert outcomes["cohort"].max() == 2020


@pytest.mark.parametrize("name", ["grades", "outcomes", "health_contacts", "attendance"])
def test_an_early_extract_is_a_later_one_cut_off(cut_short, name):
    early, late = (region.read(name) for region in cut_short)
    known = late["known_date"].fillna(late["date"]) if "known_date" in late else late["date"]
    expected = late[(late["date"] <= CUT) & (known <= CUT)]
    pd.testing.assert_frame_equal(early, expected.reset_index(drop=True), check_dtype=False)


def test_running_enrolments_have_no_end(cut_short):
    enrolments = cut_short[0].read("enrolments")
    running = enrolments[enrolments["start_date"] >= pd.Timestamp(2020, 8, 1)]
    assert running["end_date"].isna().mean() > 0.9


def test_csv_is_as_swedish_systems_write_it(simulate, tmp_path):
    region = simulate(tmp_path, n_pupils=300, attendance_grades=(9,), table_format="csv")
    folder = tmp_path / "extracts"
    assert {path.suffix for path in folder.iterdir()} == {".csv"}
    raw = (folder / "attendance.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert b'"320,0"' in raw
    for name, count in region.summary.rows.items():
        table = pd.read_csv(folder / f"{name}.csv", sep=";", decimal=",", encoding="utf-8-sig")
        assert len(table) == count
    attendance = pd.read_csv(
        folder / "attendance.csv", sep=";", decimal=",", encoding="utf-8-sig", parse_dates=["date"]
    )
    assert attendance["offered_minutes"].dtype == float
    assert attendance["is_reported"].dtype == bool
    persons = pd.read_csv(folder / "persons.csv", sep=";", encoding="utf-8-sig")
    assert "förgymnasial" in set(persons["parental_education"])


def test_both_formats_hold_the_same(simulate, tmp_path):
    one = simulate(tmp_path / "p", n_pupils=200, attendance_grades=())
    simulate(tmp_path / "c", n_pupils=200, attendance_grades=(), table_format="csv")
    outcomes = pd.read_csv(
        tmp_path / "c" / "extracts" / "outcomes.csv", sep=";", decimal=",", encoding="utf-8-sig"
    )
    expected = one.read("outcomes")
    assert outcomes["value"].tolist() == pytest.approx(expected["value"].tolist(), nan_ok=True)
    assert outcomes["date"].tolist() == expected["date"].dt.strftime("%Y-%m-%d").tolist()


def test_progress_ends_at_one_and_never_falls(tmp_path):
    seen: list[float] = []
    spec = SimulationSpec(n_pupils=4_100, attendance_grades=())
    simulate_region(spec, tmp_path, random_state=1, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) == 3
    assert seen[-1] == 1


def test_a_broken_run_leaves_what_was_there(simulate, tmp_path):
    before = simulate(tmp_path, n_pupils=200, attendance_grades=())
    hashes = [hash_file(tmp_path / name) for name in ("extracts", "truth")]

    def stop(_: float) -> None:
        raise KeyboardInterrupt

    spec = SimulationSpec(n_pupils=300, attendance_grades=())
    with pytest.raises(KeyboardInterrupt):
        simulate_region(spec, tmp_path, random_state=2, progress=stop)
    assert [hash_file(tmp_path / name) for name in ("extracts", "truth")] == hashes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["extracts", "truth"]
    assert before.summary.n_pupils == 200


def test_summary_is_written_beside_the_truth(simulate, tmp_path: Path):
    region = simulate(tmp_path, n_pupils=200, attendance_grades=())
    assert read_json(tmp_path / "truth" / "margins.json") == region.summary.to_dict()
    assert region.summary.rows["attendance"] == 0
    assert pq.read_metadata(tmp_path / "extracts" / "attendance.parquet").num_rows == 0
