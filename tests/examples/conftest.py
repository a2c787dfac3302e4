"""The examples' scripts as modules, invented data, and the folder of the real data."""

import importlib.util
import os
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def load_script(name):
    """Import a script that lies outside the package."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, EXAMPLES / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def prepare():
    return load_script("oulad/prepare.py")


@pytest.fixture(scope="session")
def results():
    return load_script("results.py")


@pytest.fixture(scope="session")
def data():
    """The folder of the real data, or a skip where they are absent."""
    default = ROOT.parent / "shared" / "data"
    folder = Path(os.environ.get("RISKMODEL_DATA", default))
    if not (folder / "oulad_ddd").is_dir() or not (folder / "uci320").is_dir():
        pytest.skip("the real data are not here: set RISKMODEL_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def invented(tmp_path_factory):
    """Students 1 to 6 of an invented presentation, each there for one trap."""
    folder = tmp_path_factory.mktemp("invented")
    key = {"code_module": "XXX", "code_presentation": "2014J"}
    students = pd.DataFrame(
        {
            "id_student": [1, 2, 3, 4, 5, 6],
            "gender": ["M", "F", "F", "M", "F", "M"],
            "region": "Invented Region",
            "highest_education": "A Level or Equivalent",
            "imd_band": ["10-20", "10-20%", "50-60%", None, "90-100%", "40-50%"],
            "age_band": ["0-35", "35-55", "55<=", "0-35", "0-35", "0-35"],
            "num_of_prev_attempts": [0, 1, 0, 0, 0, 0],
            "studied_credits": 60,
            "disability": ["N", "Y", "N", "N", "N", "N"],
            "final_result": ["Pass", "Distinction", "Fail", "Withdrawn", "Withdrawn", "Withdrawn"],
        }
    ).assign(**key)
    registration = pd.DataFrame(
        {
            "id_student": [1, 2, 3, 4, 5, 6],
            "date_registration": [-50, None, 5, -50, -50, -10],
            "date_unregistration": [None, None, None, 28, 27, -20],
        }
    ).assign(**key)
    assessments = pd.DataFrame(
        {
            "id_assessment": [11, 12, 13],
            "assessment_type": ["TMA", "CMA", "Exam"],
            "date": [20, 40, None],
            "weight": [20, 80, 100],
        }
    ).assign(**key)
    submitted = pd.DataFrame(
        [
            (11, 1, 19, 0, 90),  # on time
            (12, 1, 45, 0, 50),  # five days late
            (13, 1, 260, 0, 70),  # the examination
            (11, 2, -1, 1, 60),  # brought along from an earlier presentation
            (11, 4, 20, 0, None),  # on the last day, without a score
        ],
        columns=["id_assessment", "id_student", "date_submitted", "is_banked", "score"],
    )
    clicks = pd.DataFrame(
        [(1, 101, 3, 4), (1, 101, 3, 4), (1, 102, 3, 5), (1, 103, 3, 7), (2, 101, -5, 2)],
        columns=["id_student", "id_site", "date", "sum_click"],
    ).assign(**key)
    sites = pd.DataFrame(
        {"id_site": [101, 102, 103], "activity_type": ["forumng", "forumng", "homepage"]}
    ).assign(**key)
    courses = pd.DataFrame({**{name: [value] for name, value in key.items()},
                            "module_presentation_length": [262]})  # fmt: skip
    tables = {
        "studentInfo": students,
        "studentRegistration": registration,
        "assessments": assessments,
        "studentAssessment": submitted,
        "vle": sites,
        "courses": courses,
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    clicks.to_parquet(folder / "studentVle.parquet", index=False)
    return folder


@pytest.fixture(scope="session")
def prepared(prepare, invented, tmp_path_factory):
    """What the preparation makes of the invented data: tables by name."""
    target = tmp_path_factory.mktemp("prepared")
    counts = prepare.prepare(invented, target, marking_days=14)
    tables = {path.stem: pd.read_parquet(path) for path in target.glob("*.parquet")}
    assert counts == {name: len(table) for name, table in tables.items()}
    return tables
