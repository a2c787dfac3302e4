import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def examples():
    path = Path(__file__).with_name("report_examples.py")
    spec = importlib.util.spec_from_file_location("report_examples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def predictions(examples):
    return examples.make_predictions()


@pytest.fixture(scope="session")
def audit(examples, predictions):
    return examples.make_audit(predictions)


@pytest.fixture(scope="session")
def evaluation(examples, predictions):
    return examples.make_evaluation(predictions)


@pytest.fixture(scope="session")
def card_arguments(examples, audit):
    return {
        "run": examples.TEST_RUN,
        "models": examples.MODELS,
        "training": examples.TRAINING,
        "features": examples.FEATURES,
        "flow": examples.FLOW,
        "audit": audit,
        "importances": examples.IMPORTANCES,
    }
