"""What training demands of the leakage test."""

from types import SimpleNamespace

import pytest

from riskmodel.core.files import hash_file, write_json
from riskmodel.errors import LeakageError, UsageError
from riskmodel.features.leakage_specs import LeakageSpec
from riskmodel.pipeline.artifacts import FEATURES, LEAKAGE, RunFolder
from riskmodel.pipeline.facts import describe_leakage
from riskmodel.pipeline.leakage import demand_test

LEAK = {"name": "moved:late", "text": "it moves", "severity": "leak", "is_accepted": False}
NOTE = {"name": "no_known_dates:grades", "text": "-", "severity": "note", "is_accepted": False}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / FEATURES).write_bytes(b"features")
    return RunFolder(tmp_path)


def write(folder, *findings, digest=None):
    content = {
        "features_sha256": digest or hash_file(folder.path(FEATURES)),
        "n_perturbed": 1_230,
        "n_features": 5,
        "n_moved": 1,
        "findings": list(findings),
    }
    write_json(folder.path(LEAKAGE), content)
    return content


def make_config(*accepted, feature_table=None):
    return SimpleNamespace(feature_table=feature_table, leakage=LeakageSpec(accepted=accepted))


def test_training_demands_a_test(folder):
    with pytest.raises(UsageError, match="Run `riskmodel check leakage` first"):
        demand_test(make_config(), folder)
    write(folder, NOTE)
    demand_test(make_config(), folder)


def test_a_ready_table_has_none(folder):
    demand_test(make_config(feature_table="table"), folder)


def test_the_test_must_be_of_the_present_features(folder):
    write(folder, NOTE, digest="0" * 64)
    with pytest.raises(LeakageError, match="must be the test of the present features"):
        demand_test(make_config(), folder)


def test_a_leak_keeps_training_away_unless_it_is_accepted(folder):
    write(folder, LEAK, NOTE)
    with pytest.raises(LeakageError, match="moved:late: it moves") as caught:
        demand_test(make_config(), folder)
    assert "no_known_dates" not in str(caught.value)
    demand_test(make_config("moved:late"), folder)
    with pytest.raises(LeakageError):
        demand_test(make_config("moved:other"), folder)


def test_the_line_on_the_test_names_what_was_accepted(folder):
    warning = {"name": "known_in_bulk:grades", "severity": "warning", "is_accepted": False}
    content = write(folder, LEAK | {"is_accepted": True}, warning)
    line = describe_leakage(content)
    assert line == (
        "about 1,230 facts changed, 4 of 5 features held; accepted: moved:late; 1 warning"
    )
