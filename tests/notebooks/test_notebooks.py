"""Every notebook runs from end to end, and is stored as a reader should first meet it."""

import json
import re
import socket
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from riskmodel.privacy.scan import find_identifiers

FOLDER = Path(__file__).parents[2] / "notebooks"
LANGUAGES = {"screening": "sv", "retraining": "en", "read_an_audit": "sv"}
COMMON_WORDS = {"sv": r"\b(och|att|inte|som|den|är)\b", "en": r"\b(and|the|not|that|is|of)\b"}
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/*<…])/(?:[a-z]\w+)/\w|\b[A-Z]:[\\/]")

NAMES = pytest.mark.parametrize("name", sorted(LANGUAGES))


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook, kind=None):
    return [
        output
        for cell in code_cells(notebook)
        for output in cell.outputs
        if kind is None or output.output_type == kind
    ]


def printed(notebook):
    return "".join(o.text for o in outputs(notebook, "stream") if o.name == "stdout")


def shown(notebook):
    return "".join(o.data.get("text/html", "") for o in outputs(notebook, "execute_result"))


def test_there_is_one_for_each_reader():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(LANGUAGES)


@NAMES
def test_it_is_stored_without_outputs(name):
    notebook = read(name)
    assert not outputs(notebook)
    assert all(cell.execution_count is None for cell in code_cells(notebook))


@NAMES
def test_its_file_changes_only_where_its_text_does(name):
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    nbformat.validate(content)
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z-]+", cell_id) for cell_id in ids)
    assert not any(cell["metadata"] for cell in content["cells"])
    assert content["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@NAMES
def test_it_names_no_machine(name):
    text = "\n".join(cell.source for cell in read(name).cells)
    assert not ABSOLUTE_PATH.search(text)
    assert socket.gethostname() not in text
    assert str(Path.home()) not in text


@NAMES
def test_it_is_written_in_its_readers_language(name):
    text = " ".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")
    counts = {language: len(re.findall(w, text.lower())) for language, w in COMMON_WORDS.items()}
    other = {"sv": "en", "en": "sv"}[LANGUAGES[name]]
    assert counts[LANGUAGES[name]] > 20 * max(1, counts[other])


@NAMES
def test_it_begins_with_a_run(name):
    first = code_cells(read(name))[0].source
    assert "run_demo(" in first
    assert "RISKMODEL_RUN" in first


@NAMES
def test_it_runs_from_end_to_end(executed, name):
    errors = [f"{o.ename}: {o.evalue}" for o in outputs(executed[name], "error")]
    assert not errors
    assert all(cell.execution_count for cell in code_cells(executed[name]))


@NAMES
def test_its_reader_meets_no_warning(executed, name):
    warnings = [o.text for o in outputs(executed[name], "stream") if o.name == "stderr"]
    assert not warnings


@NAMES
def test_it_shows_a_table_and_a_figure(executed, name):
    assert "<table" in shown(executed[name])
    assert "<svg" in shown(executed[name])


@NAMES
def test_its_outputs_hold_no_identifier(executed, finished_run, name, tmp_path):
    subjects = pd.read_parquet(finished_run.out / "pseudonymised" / "subjects.parquet")
    known = {*finished_run.raw_ids, *subjects["subject_id"]}
    kept = tmp_path / f"{name}.ipynb"
    kept.write_text(json.dumps([dict(o) for o in outputs(executed[name])]), encoding="utf-8")
    assert len(known) > 5_000
    assert find_identifiers([kept], known=known) == []


def test_the_list_is_read_honestly(executed):
    text = printed(executed["screening"])
    assert len(re.findall(r"Av 10 elever .* ungefär \d+ \(mellan \d+ och \d+\)", text)) == 2
    assert "missades" in text
    assert re.search(r">[0-9a-f]{4}-[0-9a-f]{4}<", shown(executed["screening"]))


def test_the_statistician_meets_a_refusal_and_a_logged_run(executed):
    text = printed(executed["retraining"])
    assert "the same features as the run wrote: True" in text
    assert "exit code 12" in text
    assert "exit code 0" in text
    assert "without_health_contacts - FINISHED" in text
    assert "fairness.json" in text
    assert "screening" not in text.split("logged files:")[1]


def test_the_evaluator_meets_a_flag_and_a_silence(executed):
    table = shown(executed["read_an_audit"])
    assert ">flaggad<" in table
    assert ">inte flaggad<" in table
    assert ">för få för att säga<" in table
    assert "visas inte: för få elever" in table


def test_a_finished_run_is_left_as_it_was(executed, finished_run):
    assert executed
    assert finished_run.read_hashes() == finished_run.hashes
