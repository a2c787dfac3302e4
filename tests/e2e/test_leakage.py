"""A leak planted in a run's data is named, ends with exit code 12 and keeps training away."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import yaml

from riskmodel.core.files import read_json
from riskmodel.pipeline.artifacts import RunFolder
from riskmodel.pipeline.leakage import demand_test
from riskmodel.pipeline.runs import load_run

PEOPLE = 420
YEARS = range(2020, 2025)


def feature(name, table, aggregation, **fields):
    shared = {"window": {"kind": "ever"}, "missing": "keep", "domain": "motivation"}
    return {"name": name, "table": table, "aggregation": aggregation} | shared | fields


FEATURES = [
    feature("honest_visits", "visits", "count", missing="zero"),
    feature("visits_this_term", "term_sums", "sum", value="visits"),
    feature("lessons_missed", "lessons", "sum", value="missed", window={"days": 90}),
    feature("letter_sent", "letters", "count", where={"kind": ["b"]}, missing="zero"),
]
TABLES = {
    "visits": {"columns": {"minutes": {"type": "number"}}},
    "term_sums": {"columns": {"visits": {"type": "number"}, "term_end": {"type": "date"}}},
    "lessons": {"columns": {"missed": {"type": "number"}, "registered_date": {"type": "date"}}},
    "letters": {"columns": {"kind": {"type": "string"}}},
}


def make_extracts():
    """Pupils of year 9 in five years, and tables of which three hold the future."""
    rng = np.random.default_rng(4)
    number = np.arange(PEOPLE)
    person = pd.Series([f"person {i:04d}" for i in number])
    start = pd.to_datetime([f"{YEARS[i % len(YEARS)]}-08-17" for i in number])
    value = (rng.random(PEOPLE) < 0.6).astype(int)

    def repeat(times, first, last):
        who = np.repeat(number, times)
        days = pd.to_timedelta(rng.integers(first, last, len(who)), unit="D")
        return pd.DataFrame({"person_id": person[who].to_numpy(), "date": start[who] + days})

    visits = repeat(8, -200, 300).assign(minutes=30)
    terms = pd.DataFrame({"person_id": person, "date": start})
    terms = terms.assign(visits=rng.integers(0, 9, PEOPLE), term_end=start + pd.Timedelta(days=120))
    lessons = repeat(30, -100, 300).assign(missed=rng.integers(0, 60, 30 * PEOPLE))
    lessons["registered_date"] = lessons["date"] + pd.to_timedelta(
        rng.integers(0, 60, len(lessons)), unit="D"
    )
    lessons["known_date"] = lessons["date"]
    letters = pd.DataFrame(
        {"person_id": person, "date": start, "kind": np.where(value == 1, "a", "b")}
    )
    return {
        "persons": pd.DataFrame({"person_id": person}),
        "enrolments": pd.DataFrame(
            {
                "person_id": person,
                "school_unit": [f"school {i % 6}" for i in number],
                "school_type": "GR",
                "school_year": 9,
                "start_date": start,
                "end_date": start + pd.Timedelta(days=300),
            }
        ),
        "outcomes": pd.DataFrame(
            {
                "person_id": person,
                "outcome": "eligible_vocational",
                "date": start + pd.Timedelta(days=300),
                "value": value,
                "status": "observed",
            }
        ),
        "visits": visits,
        "term_sums": terms,
        "lessons": lessons,
        "letters": letters,
    }


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    extracts = make_extracts()
    for name, frame in extracts.items():
        frame.to_parquet(folder / f"{name}.parquet")
    (folder / "keys").mkdir()
    key = folder / "keys" / "test.key"
    secret = hashlib.sha256(b"planted leaks").hexdigest()
    key.write_text(secret + "\n", encoding="utf-8")
    key.chmod(0o600)
    settings = {
        "version": 1,
        "name": "planted",
        "title": "Planted leaks",
        "purpose": "To be found.",
        "legal_basis": {"text": "Nobody in it exists.", "reference": "None"},
        "out": str(folder / "run"),
        "random_state": 1,
        "sources": {name: {"path": str(folder / f"{name}.parquet")} for name in extracts},
        "event_tables": TABLES,
        "pseudonyms": {"key_file": str(key)},
        "cohort": {
            "population": {"where": {"school_type": ["GR"], "school_year": [9]}},
            "cohorts": {"first_year": 2020, "last_year": 2024},
            "prediction_points": [{"name": "november", "month": 11, "day": 1}],
            "outcome": {"name": "eligible_vocational", "horizon": {"months": 12}},
            "split": {
                "kind": "temporal",
                "train": ["2020/21", "2021/22", "2022/23"],
                "test": ["2024/25"],
            },
        },
        "features": {"declared": FEATURES},
        "models": {"candidates": ["base_rate", "logistic"], "folds": 3},
        "audit": {"sensitive_features": ["sex"], "capacity": 0.25},
    }
    return folder, settings


def write(folder, settings, **changes):
    path = folder / "config" / "run.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(settings | changes), encoding="utf-8")
    return path


def test_planted_leaks_are_named_and_keep_training_away(planted, e2e_call):
    folder, settings = planted
    config = write(folder, settings)
    done = e2e_call("check", "leakage", "--config", config, check=False)
    assert done.returncode == 12, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    found = {
        "moved:visits_this_term", "moved:lessons_missed", "tells_outcome:letter_sent",
        "column_tells_outcome:letters.kind",
    }  # fmt: skip
    assert {name for name in found if f"- {name}: " in done.stderr} == found
    assert "`term_end`" in done.stderr
    assert "`registered_date`" in done.stderr
    assert "2 of 4 features held" in done.stdout
    assert "honest_visits" not in done.stderr
    content = read_json(folder / "run" / "leakage.json")
    assert {item["name"] for item in content["findings"] if item["severity"] == "leak"} == found
    assert not content["is_clean"]
    for command in (["run"], ["train"]):
        done = e2e_call(*command, "--config", config, check=False)
        assert done.returncode == 12, done.stderr[-3000:]
        assert all(name in done.stderr for name in found)
    assert not (folder / "run" / "model").exists()

    accepted = write(folder, settings, leakage={"accepted": sorted(found)})
    done = e2e_call("check", "leakage", "--all", "--config", accepted)
    assert done.stdout.count("accepted in the configuration") == len(found)
    run = load_run(accepted)
    demand_test(run.config, RunFolder(run.config.out))
