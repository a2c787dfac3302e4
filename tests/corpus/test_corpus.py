"""Hundreds of malformed inputs: each gives a clear error or a report, quickly, and no value."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from corpus import binary_files, other_files, pages, text_files
from corpus.builder import CANARIES, Case
from corpus.surfaces import Place, propose, run_case

from riskmodel.errors import RiskmodelError, UsageError
from riskmodel.pipeline.artifacts import DATA_REPORT, SCREENING

CASES = [*text_files.CASES, *binary_files.CASES, *pages.CASES, *other_files.CASES]
SECONDS = 5.0
"""What a case may take of the processor's time."""


@pytest.fixture(scope="session")
def key_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "corpus.key"
    path.write_text(bytes(range(32)).hex() + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


@pytest.fixture
def place(tmp_path, key_file):
    (tmp_path / "given").mkdir()
    return Place(tmp_path / "given", tmp_path / "out", key_file)


def check_said(text: str) -> None:
    """No value stands in a text."""
    for canary in CANARIES:
        assert canary not in text


def check_error(error: BaseException) -> None:
    """An error, and those behind it that Python would show, hold no value."""
    shown: BaseException | None = error
    while shown is not None:
        check_said(f"{shown!r} {shown}")
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def check_artifacts(out: Path) -> set[str]:
    """Nothing is half written and no file holds a value; gives the names of the files."""
    files = [path for path in out.rglob("*") if path.is_file()] if out.exists() else []
    assert not [path for path in out.rglob(".partial-*")]
    for path in files:
        content = path.read_bytes()
        for canary in CANARIES[1:]:  # a word may be a municipality's name, and is then wanted
            assert canary.encode() not in content
    return {path.name for path in files}


def test_the_corpus_is_large_and_names_each_case_once():
    assert len(CASES) >= 200
    assert len({(case.name, *case.files) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.surface}: {case.name}"[:90])
def test_each_input_is_refused_or_reported(case: Case, place: Place, capfd, caplog):
    case.write(place.given)
    begun = time.process_time()
    if case.said:
        with pytest.raises(RiskmodelError) as caught:
            run_case(case, place)
        assert case.said in str(caught.value)
        assert caught.value.exit_code in {2, 10, 11, 13}
        assert len(str(caught.value)) < 20_000
        check_error(caught.value)
        assert check_artifacts(place.out) <= {SCREENING}
    else:
        check_said(run_case(case, place))
        check_artifacts(place.out)
    assert time.process_time() - begun < SECONDS
    if case.reported:
        report = (place.out / DATA_REPORT).read_text(encoding="utf-8")
        assert case.reported in report
    check_said("".join([caplog.text, *capfd.readouterr()]))


LOOKED_AT = [
    *text_files.FILES, *text_files.ENCODINGS, *text_files.STRUCTURE, *binary_files.CASES,
    *text_files.DATES[::8], *text_files.IDENTITIES[::8],
]  # fmt: skip


@pytest.mark.parametrize("case", LOOKED_AT, ids=lambda case: case.name[:90])
def test_looking_at_each_extract_proposes_or_refuses(case: Case, place: Place, capfd):
    case.write(place.given)
    begun = time.process_time()
    try:
        said = "\n".join(propose(place))
    except UsageError as error:
        check_error(error)
        assert check_artifacts(place.out) == set()
    else:
        check_said(said)
        assert check_artifacts(place.out) == {"proposal.yaml"}
    assert time.process_time() - begun < SECONDS
    check_said("".join(capfd.readouterr()))
