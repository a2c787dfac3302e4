import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from riskmodel.cli.console import ConsoleProgress, print_catalogue, print_headlines
from riskmodel.features.catalogue import load_catalogue

CONFIGS = Path(__file__).parents[3] / "configs"
REGION, RUN = CONFIGS / "region.yaml", CONFIGS / "compulsory_school.yaml"


def call(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "riskmodel.cli.app", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_help_answers_at_once(tmp_path):
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = call("--help", cwd=tmp_path)
        seconds.append(time.perf_counter() - start)
    assert done.returncode == 0
    for verb in ("demo", "init", "simulate", "keygen", "check", "pseudonymise", "cohort",
                 "features", "train", "evaluate", "audit", "screen", "report", "run"):  # fmt: skip
        assert verb in done.stdout
    # Half a second on an idle machine; tests share theirs with others.
    assert min(seconds) < 1.5


def test_the_commands_are_listed_in_the_order_of_their_use_each_told_in_full(tmp_path):
    told = call("--help", cwd=tmp_path).stdout.split("Commands:")[1].splitlines()[1:]
    assert "..." not in "".join(told)
    names = [line.split()[0] for line in told]
    order = ["demo", "keygen", "pseudonymise", "cohort", "features", "train", "screen", "run"]
    assert sorted(order, key=names.index) == order


def test_progress_in_a_log_is_a_whole_line_for_each_stage(capsys):
    note = "79 features; left out, known of nobody at any prediction date: " + "a_feature, " * 9
    with ConsoleProgress() as progress:
        progress.start("features")
        progress.advance(0.5)
        assert capsys.readouterr().err == ""
        progress.finish(note)
        (line,) = capsys.readouterr().err.splitlines()
    assert line.split()[0] == "features"
    assert line.endswith(note)
    assert capsys.readouterr().err == ""


def test_the_version_is_shown(tmp_path):
    import riskmodel

    assert call("--version", cwd=tmp_path).stdout.strip() == f"riskmodel {riskmodel.__version__}"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("run", "--config", "none.yaml"), 10, "readable file"),
        (("features",), 2, "--config"),
        (("init", "compulsory"), 2, "Did you mean 'compulsory_school'?"),
        (("frobnicate",), 2, "No such command"),
        (("check", "identifiers", "none"), 2, "must exist"),
        (("check", "config", "--config", REGION), 10, "riskmodel simulate --config"),
        (("simulate", "--out", "x", "--config", RUN), 10, "riskmodel init region"),
        (("simulate", "--out", "x", "--granularity", "hour"), 10, "granularity"),
    ],
)
def test_a_mistake_gets_a_clear_error_and_its_exit_code(tmp_path, arguments, code, expected):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_init_writes_a_template_and_never_overwrites(tmp_path):
    assert call("init", "upper_secondary", "--out", "mine.yaml", cwd=tmp_path).returncode == 0
    before = (tmp_path / "mine.yaml").read_bytes()
    done = call("init", "region", "--out", "mine.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "mine.yaml").read_bytes() == before
    assert "compulsory_school" in call("init", "--list", cwd=tmp_path).stdout
    assert "riskmodel simulate" in call("init", "region", "--out", "r.yaml", cwd=tmp_path).stdout


def test_keygen_makes_a_key_and_never_overwrites(tmp_path):
    path = Path("keys") / "new.key"
    assert call("keygen", path, cwd=tmp_path).returncode == 0
    before = (tmp_path / path).read_bytes()
    done = call("keygen", path, cwd=tmp_path)
    assert done.returncode == 13
    assert (tmp_path / path).read_bytes() == before
    assert before.decode().strip() not in done.stderr


def test_the_catalogue_is_listed_in_both_languages(capsys):
    specs = load_catalogue()
    print_catalogue(specs, "sv", "text")
    swedish = capsys.readouterr().out
    print_catalogue(specs, "en", "text")
    english = capsys.readouterr().out
    for text in ("absence_share_30d", "Skolnärvaro", "högre värde, högre risk", "räknas som noll"):
        assert text in swedish
        assert text == "absence_share_30d" or text not in english
    assert "School attendance" in english


@pytest.mark.parametrize("listing", ["text", "json", "csv", "markdown"])
def test_every_format_lists_every_feature(capsys, listing):
    specs = load_catalogue()
    print_catalogue(specs, "sv", listing)
    out = capsys.readouterr().out
    assert [spec.name for spec in specs if spec.name not in out] == []


def test_a_list_is_printed_as_asked_for_and_a_mistake_is_named(tmp_path):
    done = call("features", "--list", "--format", "json", cwd=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)[0]["name"] == "absence_share_30d"
    done = call("features", "--list", "--format", "jsn", cwd=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'json'?" in done.stderr


def test_the_features_of_a_run_are_listed(tmp_path):
    call("init", "compulsory_school", "--out", "mine.yaml", cwd=tmp_path)
    path = tmp_path / "mine.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "catalogue: swedish_school", "catalogue: swedish_school\n  exclude: [fail_count]"
    )
    path.write_text(text, encoding="utf-8")
    done = call("features", "--list", "--config", path, cwd=tmp_path)
    assert "pass_count" in done.stdout
    assert " fail_count\n" not in done.stdout


def test_headlines_are_aligned_under_their_headings(capsys):
    print_headlines({"Heading": "", "AUC": "0.9", "Longer name": "x"})
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["", "Heading", "  AUC          0.9", "  Longer name  x"]


def test_init_looks_at_files_and_writes_what_check_config_reads(tmp_path):
    pupils = (
        "Personnr;Kön;Skolenhetskod;Skolform;Fr.o.m.\n20051218-2395;Flicka;12345678;GR;20230816\n"
    )
    (tmp_path / "elever.csv").write_text(pupils, encoding="cp1252")
    (tmp_path / "tom.csv").write_bytes(b"")
    done = call("init", "--from", "elever.csv", "tom.csv", "--out", "run.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "persons: elever.csv" in done.stdout
    assert "tom.csv: är tom" in done.stdout
    assert "2395" not in done.stdout
    assert call("check", "config", "--config", "run.yaml", cwd=tmp_path).returncode == 0
    again = call("init", "--from", "elever.csv", "--out", "run.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert "existing run.yaml" in again.stderr
    many = call("init", "compulsory_school", "elever.csv", cwd=tmp_path)
    assert many.returncode == 2
    assert "--from" in many.stderr
