"""What several folders share: one small run, and how the tests are dealt to the workers."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import settings

ROOT = Path(__file__).parents[1]
settings.register_profile("fuzz", max_examples=5_000)  # for `make fuzz`

# What takes long to make is made once: a group runs on one worker, the longest groups first, since
# one of them begun last would leave the other workers idle. Other files are each a group.
# (pytest-xdist 3.8 cannot see its own mark `xdist_group` under pytest 9.2.)
GROUPS = {
    "tests/contract/": "spark",
    "tests/e2e/test_demo.py": "demo",
    "tests/e2e/test_leakage.py": "leakage",
    "tests/e2e/": "finished run",
    "tests/notebooks/": "finished run",
    "tests/browser/": "browser",
    "tests/unit/simulation/": "simulation",
    "tests/unit/models/": "models",
    "tests/unit/explanation/": "explanation",
}
ORDER = ("spark", "finished run", "demo", "leakage", "browser", "simulation", "models")


def find_group(nodeid):
    """The group of a test: that of the first path above that it begins with, or its file."""
    path = nodeid.split("::")[0]
    return next((group for start, group in GROUPS.items() if path.startswith(start)), path)


def find_rank(item):
    """The place of a test's group in the order; other groups come after those named there."""
    group = find_group(item.nodeid)
    return ORDER.index(group) if group in ORDER else len(ORDER)


def pytest_collection_modifyitems(items):
    """Put the longest groups first."""
    items.sort(key=find_rank)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Deal whole groups to the workers, in their order."""
    from xdist.scheduler import LoadScopeScheduling

    class GroupScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return find_group(nodeid)

    config.option.loadscopereorder = False
    return GroupScheduling(config, log)


CANARY_WORDS = ("Kanariefågel", "kanarie.fagel@example.org", "070-174 06 05", "fritext-kanarie")


@dataclass(frozen=True)
class CanaryRun:
    """A finished run and all that it said."""

    folder: Path
    config: Path
    out: Path
    raw_ids: frozenset
    words: tuple
    stdout: str
    stderr: str


def riskmodel(*arguments, cwd, env=None, check=True):
    """Call the command line as a user does."""
    command = [sys.executable, "-m", "riskmodel.cli.app", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", check=False
    )
    assert not check or done.returncode == 0, done.stderr[-4000:]
    return done


def write_csv(frame, path, encoding="utf-8-sig"):
    frame.to_csv(path, sep=";", decimal=",", index=False, encoding=encoding)


def luhn(nine_digits):
    total = 0
    for position, digit in enumerate(nine_digits):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def old_number(index):
    """A valid personal number of somebody born in 1890, who cannot be a pupil."""
    day, serial = divmod(index, 900)
    nine = f"9001{day + 1:02d}{serial + 50:03d}"
    return "18" + nine + luhn(nine)


def plant_identifiers(extracts):
    """Give the first pupils valid personal numbers, and add columns that must not survive."""
    persons = pd.read_csv(extracts / "persons.csv", sep=";", encoding="utf-8-sig", dtype=str)
    chosen = persons["person_id"].iloc[:400]
    numbers = {old: old_number(i) for i, old in enumerate(chosen)}
    for path in sorted(extracts.glob("*.csv")):
        frame = pd.read_csv(path, sep=";", encoding="utf-8-sig", dtype=str)
        frame["person_id"] = frame["person_id"].replace(numbers)
        frame["namn"] = CANARY_WORDS[0]
        frame["e-post"] = CANARY_WORDS[1]
        frame["telefon"] = CANARY_WORDS[2]
        frame["anteckning"] = CANARY_WORDS[3]
        write_csv(frame, path)
    return frozenset(persons["person_id"].replace(numbers))


def write_config(folder, extracts, **changes):
    """Fill the compulsory-school template with this run's places."""
    settings = yaml.safe_load((ROOT / "configs" / "compulsory_school.yaml").read_text("utf-8"))
    for name in settings["sources"]:
        settings["sources"][name] = {
            "path": str(extracts / f"{name}.csv"),
            "encoding": "utf-8-sig",
            "delimiter": ";",
            "decimal": ",",
        }
    settings["out"] = str(folder / "run")
    settings["pseudonyms"] = {"key_file": str(folder / "key" / "test.key")}
    settings["cohort"]["cohorts"] = {"first_year": 2020, "last_year": 2026}
    settings["cohort"]["split"] = {
        "kind": "temporal",
        "train": ["2020/21", "2021/22", "2022/23", "2023/24"],
        "test": ["2024/25", "2025/26"],
    }
    settings["cohort"]["prediction_points"] = settings["cohort"]["prediction_points"][:1]
    # The additive model, which takes longest, has its own run in `test_demo.py`.
    candidates = ["base_rate", "rule", "scorecard", "logistic", "boosting"]
    settings["models"] |= {"candidates": candidates, "folds": 3, "origins": 2,
                           "screened_cohorts": ["2022/23"]}  # fmt: skip
    settings["screening"]["views"] = {
        "medical": {"title": "Elevhälsans medicinska del", "withheld_domains": []},
        "mentor": {"title": "Mentorer", "withheld_domains": ["mental_health", "motivation"]},
    }
    settings |= changes
    path = folder / "config" / "run.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def canary_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canary")
    region = folder / "region.yaml"
    region.write_text(
        "version: 1\nrandom_state: 7\n"
        "region: {n_pupils: 3500, first_cohort: 2021, last_cohort: 2027, table_format: csv,"
        " attendance_grades: [9]}\n",
        encoding="utf-8",
    )
    riskmodel("simulate", "--config", region, "--out", folder / "region", cwd=folder)
    extracts = folder / "region" / "extracts"
    raw_ids = plant_identifiers(extracts)
    riskmodel("keygen", folder / "key" / "test.key", cwd=folder)
    config = write_config(folder, extracts)
    done = riskmodel("run", "--config", config, cwd=folder)
    return CanaryRun(
        folder, config, folder / "run", raw_ids, CANARY_WORDS, done.stdout, done.stderr
    )


@pytest.fixture
def e2e_call(tmp_path):
    """The command line, called from an empty folder."""

    def call(*arguments, **options):
        return riskmodel(*arguments, cwd=tmp_path, **options)

    return call
