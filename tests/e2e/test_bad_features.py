"""Features that cannot be right stop a run with all findings at once, and no value of a cell."""

import shutil

import pytest
import yaml

from riskmodel.core.files import hash_file
from riskmodel.pipeline import artifacts

LATE = {
    "name": "visits_90d",
    "table": "visits",
    "aggregation": "count",
    "window": {"days": 90},
    "missing": "zero",
    "domain": "motivation",
}


@pytest.fixture
def prepare(canary_run, tmp_path):
    """A copy of the run with other settings and further or other extracts."""

    def make(change, **extracts):
        out = tmp_path / "run"
        shutil.copytree(canary_run.out, out, ignore=shutil.ignore_patterns("mlflow*"))
        settings = yaml.safe_load(canary_run.config.read_text(encoding="utf-8"))
        settings["out"] = str(out)
        for name, text in extracts.items():
            path = tmp_path / f"{name}.csv"
            path.write_text(text, encoding="utf-8-sig")
            given = settings["sources"]["support"] | {"path": str(path)}
            settings["sources"][name] = given
        change(settings)
        config = tmp_path / "config" / "run.yaml"
        config.parent.mkdir()
        config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
        return out, config

    return make


def test_every_mistake_in_the_features_is_told_before_anything_is_read(prepare, e2e_call):
    def change(settings):
        settings["features"]["exclude"] = ["absence_share_30"]
        settings["features"]["declared"] = [
            LATE | {"table": "attendance", "aggregation": "cuont", "value": "offered_minute"},
            LATE | {"table": "grades", "window": {"kind": "trem"}},
        ]

    _, config = prepare(change)
    for command in (("check", "config"), ("features",), ("run",)):
        done = e2e_call(*command, "--config", config, check=False)
        assert done.returncode == 10
        for expected in (
            "features.exclude[0]: must name a feature of the catalogue",
            "features.declared[0].aggregation: feature `visits_90d`",
            "features.declared[0].value: feature `visits_90d`",
            "Did you mean 'offered_minutes'?",
            "features.declared[1].window.kind",
            "Did you mean 'term'?",
            "features.declared[1].name",
        ):
            assert expected in done.stderr
        assert "Traceback" not in done.stderr


def test_tables_that_no_feature_can_see_are_told_together(prepare, canary_run, e2e_call):
    some_id = sorted(canary_run.raw_ids)[0]

    def change(settings):
        settings["event_tables"] = {"visits": {"columns": {}}}
        settings["features"]["declared"] = [LATE]

    out, config = prepare(
        change,
        support="person_id;start_date;end_date;measure\n",
        visits=f"person_id;date\n{some_id};2031-05-06\n",
    )
    before = hash_file(out / artifacts.FEATURES)
    e2e_call("pseudonymise", "--config", config)
    done = e2e_call("features", "--config", config, check=False)
    assert done.returncode == 11
    assert "support: must hold at least one row with a date, got none" in done.stderr
    assert "visits: must hold a row known before the last prediction date" in done.stderr
    assert "`visits_90d`" in done.stderr
    assert "2031" not in done.stderr
    assert some_id not in done.stderr
    assert "Traceback" not in done.stderr
    assert hash_file(out / artifacts.FEATURES) == before


def test_a_date_that_is_no_date_breaks_the_contract(prepare, canary_run, e2e_call):
    some_id = sorted(canary_run.raw_ids)[0]

    def change(settings):
        settings["event_tables"] = {"visits": {"columns": {}}}
        settings["features"]["declared"] = [LATE]

    _, config = prepare(change, visits=f"person_id;date\n{some_id};i somras\n")
    done = e2e_call("check", "data", "--config", config, check=False)
    assert done.returncode == 11
    assert "visits.date: values must be of the column's type (date)" in done.stderr
    assert "somras" not in done.stderr
