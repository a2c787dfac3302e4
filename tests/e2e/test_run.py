"""The whole path through the command line, from extracts with identifiers to the reports."""

import json
import re
import shutil
import sqlite3
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml

from riskmodel.core.files import hash_file, read_json
from riskmodel.models.persistence import load_model
from riskmodel.pipeline import artifacts

CONTRACT = (
    "features.parquet", "labels.parquet", "model", "evaluation.json", "fairness.json",
    "fairness.html", "screening.parquet", "screening.xlsx", "screening.html",
    "model_card.html", "manifest.json",
)  # fmt: skip


IDENTIFIER = re.compile(rb"SIM\d{9}|18900\d{7}|900\d{3}[-+]?\d{4}")


def every_byte(path):
    """All text of a file, archives and databases opened."""
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        texts = frame.select_dtypes(exclude="number").astype("str")
        values = [str(value) for name in texts for value in texts[name].unique()]
        return "\n".join([*frame.columns, *values]).encode() + path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    if path.suffix == ".db":
        with sqlite3.connect(path) as connection:
            return "\n".join(connection.iterdump()).encode()
    return path.read_bytes()


def test_every_artifact_of_the_contract_is_there(canary_run):
    assert [name for name in CONTRACT if not (canary_run.out / name).exists()] == []
    features = pd.read_parquet(canary_run.out / "features.parquet")
    labels = pd.read_parquet(canary_run.out / "labels.parquet")
    screening = pd.read_parquet(canary_run.out / "screening.parquet")
    assert list(features.columns[:2]) == ["subject_id", "prediction_date"]
    assert (features.dtypes.iloc[2:] == "float64").all()
    assert len(features) == len(labels)
    assert set(labels["split"]) == {"train", "test", "none"}
    assert screening["risk"].between(0, 1).all()
    listed = screening.groupby("school_unit").size()
    scored = labels[labels["cohort"] == "2026/27"].groupby("school_unit").size()
    assert (listed == np.ceil(scored * 0.15 - 1e-9)).all()
    assert {"subject_id", "school_unit", "rank", "reason_1"} <= set(screening.columns)
    for name in ("evaluation.json", "fairness.json", "manifest.json"):
        json.loads((canary_run.out / name).read_text(encoding="utf-8"))


def test_no_identifier_reaches_any_artifact_log_or_store(canary_run):
    files = [path for path in canary_run.out.rglob("*") if path.is_file()]
    assert len(files) > 20
    leaks = {path.name for path in files if holds_identifier(every_byte(path), canary_run)}
    assert leaks == set()
    assert not holds_identifier((canary_run.stdout + canary_run.stderr).encode(), canary_run)


def holds_identifier(content, run):
    """Whether a text holds a raw identifier in any form, or a planted word."""
    found = {match.decode() for match in IDENTIFIER.findall(content)}
    short = {"18" + number.replace("-", "").replace("+", "") for number in found}
    return bool((found | short) & run.raw_ids) or any(w.encode() in content for w in run.words)


def test_the_planted_identifiers_were_there_to_be_found(canary_run):
    raw = (canary_run.folder / "region" / "extracts" / "persons.csv").read_bytes()
    known = [person.encode() for person in canary_run.raw_ids]
    assert sum(person in raw for person in known[:50]) == 50
    assert holds_identifier(raw, canary_run)
    assert holds_identifier(b"900101-0504", canary_run)


def test_the_key_is_nowhere_but_in_its_file(canary_run):
    secret = (canary_run.folder / "key" / "test.key").read_bytes().strip()
    holders = [p for p in canary_run.out.rglob("*") if p.is_file() and secret in every_byte(p)]
    assert holders == []
    report = read_json(canary_run.out / artifacts.DATA_REPORT)
    assert len(report["key_id"]) == 16


def test_protected_persons_are_gone(canary_run):
    persons = pd.read_csv(
        canary_run.folder / "region" / "extracts" / "persons.csv", sep=";", encoding="utf-8-sig"
    )
    n_protected = int((persons["security_marking"].fillna("Ingen") != "Ingen").sum())
    subjects = pd.read_parquet(canary_run.out / artifacts.SUBJECTS)
    assert n_protected > 0
    assert len(subjects) == len(persons) - n_protected


def test_a_second_run_does_nothing_and_a_forced_one_gives_the_same_bytes(canary_run, e2e_call):
    before = {name: hash_file(canary_run.out / name) for name in CONTRACT}
    again = e2e_call("run", "--config", canary_run.config)
    assert again.stderr.count("up to date") == 10
    e2e_call("train", "--config", canary_run.config, "--force")
    e2e_call("run", "--config", canary_run.config)
    after = {name: hash_file(canary_run.out / name) for name in CONTRACT}
    differing = {name for name in CONTRACT if before[name] != after[name]}
    assert differing <= {"manifest.json"}


def test_the_model_that_is_saved_is_the_one_that_made_the_list(canary_run):
    training = read_json(canary_run.out / "training.json")
    point = training["order"][0]
    model = load_model(canary_run.out / "model" / point / training["points"][point]["chosen"])
    features = pd.read_parquet(canary_run.out / "features.parquet")
    screening = pd.read_parquet(canary_run.out / "screening.parquet")
    listed = screening.merge(features, on=["subject_id", "prediction_date"], validate="1:1")
    risk = model.predict_risk(listed[list(model.feature_names)])
    assert risk == pytest.approx(screening["risk"], abs=1e-12)


def test_no_sensitive_attribute_is_a_model_input(canary_run):
    features = pd.read_parquet(canary_run.out / "features.parquet")
    used = {name.split("=")[0] for name in features.columns}
    assert not used & {"sex", "migration_background", "parental_education", "municipality"}


def test_no_reason_from_school_health_is_shown_to_the_team(canary_run):
    features = {info["name"]: info for info in read_json(canary_run.out / "features.json")}
    assert any(info["domain"] == "mental_health" for info in features.values())
    screening = pd.read_parquet(canary_run.out / "screening.parquet")
    domains = screening.filter(regex=r"^domain_").stack()
    assert "mental_health" not in set(domains)
    page = (canary_run.out / "screening.html").read_text(encoding="utf-8")
    names = [i["name_sv"] for i in features.values() if i["domain"] == "mental_health"]
    assert not [name for name in names if f"{name}:" in page]


def test_the_risks_are_calibrated_against_the_truth(canary_run):
    evaluation = read_json(canary_run.out / "evaluation.json")
    (point,) = evaluation["points"]
    metrics = evaluation["points"][point]["models"][evaluation["chosen"][point]]["metrics"]
    assert metrics["auc"]["lower"] > 0.75
    assert 0.7 < metrics["calibration_slope"]["value"] < 1.3  # a small sample of 1,000 pupils
    base = evaluation["points"][point]["models"]["base_rate"]["metrics"]
    assert metrics["brier"]["value"] < base["brier"]["value"]


def test_a_stage_that_is_not_ready_says_what_to_run_first(canary_run, e2e_call, tmp_path):
    config = tmp_path / "run.yaml"
    text = canary_run.config.read_text(encoding="utf-8")
    config.write_text(text.replace(str(canary_run.out), str(tmp_path / "new")), encoding="utf-8")
    done = e2e_call("train", "--config", config, check=False)
    assert done.returncode == 2
    assert "Run `riskmodel cohort` first" in done.stderr
    assert "Traceback" not in done.stderr


def test_leaking_training_cohorts_are_left_out_and_refused_where_none_is_left(
    canary_run, e2e_call, tmp_path
):
    shutil.copytree(canary_run.out, tmp_path / "run", ignore=shutil.ignore_patterns("mlflow*"))
    settings = yaml.safe_load(canary_run.config.read_text(encoding="utf-8"))
    settings["out"] = str(tmp_path / "run")
    split = settings["cohort"]["split"]
    split["train"], split["test"] = [*split["train"], "2025/26"], ["2024/25"]
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = e2e_call("cohort", "--config", config)
    left_out = read_json(tmp_path / "run" / artifacts.COHORT)["left_out_of_training"]
    assert [(item["point"], item["cohort"]) for item in left_out] == [("november", "2025/26")]
    labels = pd.read_parquet(tmp_path / "run" / artifacts.LABELS)
    assert set(labels.loc[labels["cohort"] == "2025/26", "split"]) == {"none"}
    split["train"] = ["2025/26"]
    config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    done = e2e_call("cohort", "--config", config, check=False)
    assert done.returncode == 12
    assert "cohort 2025/26" in done.stderr


def test_earlier_cohorts_were_predicted_in_their_own_time_and_stand_on_the_card(canary_run):
    past = pd.read_parquet(canary_run.out / "backtest.parquet")
    assert sorted(past["cohort"].unique()) == ["2022/23", "2023/24"]
    training = read_json(canary_run.out / "training.json")["points"]["november"]
    assert [period["train"][-1] for period in training["periods"]] == ["2021/22", "2022/23"]
    evaluation = read_json(canary_run.out / "evaluation.json")
    measured = evaluation["points"]["november"]["periods"]
    assert measured[0]["models"][training["chosen"]]["auc"]["value"] > 0.7
    assert {entry["source"] for entry in evaluation["sources"]} >= {"results", "mental_health"}
    assert set(evaluation["unseen"]) == {"school_unit", "municipality"}
    assert evaluation["points"]["november"]["targeting"]["difference"]["lower"] > 0
    assert evaluation["screened"]["cohorts"] == ["2022/23"]
    assert abs(evaluation["screened"]["auc_difference"]["value"]) < 0.05
    card = (canary_run.out / "model_card.html").read_text(encoding="utf-8")
    for name in ("periods", "worth", "scorecard"):
        assert f'<section id="{name}"' in card
