"""`riskmodel features --engine spark`, called as its user does, on one machine."""

import os
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from riskmodel.core.files import hash_file
from riskmodel.features.catalogue import load_catalogue
from riskmodel.pipeline.progress import SilentProgress
from riskmodel.pipeline.runs import load_run, run_selected, use_engine

FEATURES = ("absence_share_school_year", "longest_absence_run_school_year", "fail_count")
SETTINGS = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
}
"""For so few rows: Spark's own settings, made for many, take minutes."""

QUICK_JAVA = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
PUPILS = [f"pupil {number:02d}" for number in range(24)]


def make_extracts():
    """Two cohorts of twelve pupils each at two schools, with a few lessons and grades."""
    first = [2022 if number < 12 else 2023 for number in range(24)]
    start = pd.to_datetime([f"{year}-08-15" for year in first])
    lessons = [
        {"person_id": pupil, "date": day + pd.Timedelta(days=later), "offered_minutes": 60.0,
         "attended_minutes": 60.0 - minutes, "valid_absence_minutes": 0.0,
         "invalid_absence_minutes": minutes, "other_minutes": 0.0, "is_reported": True}
        for number, (pupil, day) in enumerate(zip(PUPILS, start, strict=True))
        for later in range(3, 60, 7)
        for minutes in [float((number * later) % 7) / 3]
    ]  # fmt: skip
    grades = [
        {"person_id": pupil, "date": day - pd.Timedelta(days=60), "subject": subject,
         "grade": "F" if number % 3 == 0 else "C", "term": "VT", "school_year": 8,
         "is_final": False}
        for number, (pupil, day) in enumerate(zip(PUPILS, start, strict=True))
        for subject in ("MA", "SV")
    ]  # fmt: skip
    return {
        "persons": pd.DataFrame({"person_id": PUPILS}),
        "enrolments": pd.DataFrame(
            {"person_id": PUPILS, "school_unit": ["one", "two"] * 12, "school_type": "GR",
             "school_year": 9, "start_date": start, "end_date": start + pd.Timedelta(days=300)}
        ),
        "attendance": pd.DataFrame(lessons),
        "grades": pd.DataFrame(grades),
        "outcomes": pd.DataFrame(
            {"person_id": PUPILS, "outcome": "eligible_vocational", "value": 1,
             "date": start + pd.Timedelta(days=300), "status": "observed"}
        ),
    }  # fmt: skip


@pytest.fixture
def config(tmp_path):
    extracts = make_extracts()
    for name, frame in extracts.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    key = tmp_path / "keys" / "test.key"
    key.parent.mkdir()
    key.write_text(bytes(range(32)).hex() + "\n", encoding="utf-8")
    key.chmod(0o600)
    left_out = [spec.name for spec in load_catalogue("swedish_school") if spec.name not in FEATURES]
    settings = {
        "version": 1,
        "name": "spark",
        "title": "On Spark",
        "purpose": "To be the same.",
        "legal_basis": {"text": "Nobody in it exists.", "reference": "None"},
        "out": str(tmp_path / "run"),
        "random_state": 1,
        "sources": {name: {"path": str(tmp_path / f"{name}.parquet")} for name in extracts},
        "pseudonyms": {"key_file": str(key)},
        "cohort": {
            "population": {"where": {"school_type": ["GR"], "school_year": [9]}},
            "cohorts": {"first_year": 2022, "last_year": 2023},
            "prediction_points": [{"name": "november", "month": 11, "day": 1}],
            "outcome": {"name": "eligible_vocational", "horizon": {"months": 12}},
            "split": {"kind": "cross_fitted", "folds": 2},
        },
        "features": {"catalogue": "swedish_school", "exclude": left_out},
        "models": {"candidates": ["base_rate"], "selected": "base_rate"},
        "audit": {"sensitive_features": ["sex"], "capacity": 0.25},
        "engine": {"kind": "spark", "memory_limit": "600MB", "spark_settings": SETTINGS},
    }
    path = tmp_path / "config" / "run.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def call_features(config, *options):
    """Call the command and return what came of it."""
    command = [sys.executable, "-m", "riskmodel.cli.app", "features", "--config", str(config)]
    return subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | QUICK_JAVA,
        check=False,
    )


@pytest.mark.usefixtures("java")
def test_a_master_on_this_machine_writes_the_same_bytes(config, tmp_path):
    run = use_engine(load_run(config), "duckdb", None)
    run_selected(run, ["pseudonymise", "cohort", "features"], SilentProgress())
    made = tmp_path / "run" / "features.parquet"
    by_duckdb = hash_file(made)
    assert pd.read_parquet(made)["fail_count"].gt(0).any()
    made.unlink()
    done = call_features(config, "--engine", "spark", "--master", "local[1]")
    assert done.returncode == 0, done.stderr[-3000:]
    assert hash_file(made) == by_duckdb
    again = call_features(config, "--engine", "duckdb")
    assert "up to date" in again.stderr + again.stdout
