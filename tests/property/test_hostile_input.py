"""Whatever stands in a file: the library's own errors or a table, and never a value in a message.

`make fuzz` tries many more examples than the test run does.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import math

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from personnummer import personnummer

from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import RiskmodelError
from riskmodel.ingest.casting import FAILED, cast_columns
from riskmodel.ingest.excel_files import read_excel_file
from riskmodel.ingest.feature_table import read_feature_table
from riskmodel.ingest.identity_links import add_provider, identify, name_provider
from riskmodel.ingest.readers import open_source
from riskmodel.ingest.sniffing.samples import take_samples
from riskmodel.ingest.specs import FeatureTableSpec, IdentitySpec, LabelSpec, SourceSpec
from riskmodel.ingest.ss12000.pages import Page, UnreadablePageError
from riskmodel.ingest.ss12000.staging import Stage
from riskmodel.privacy.identities import (
    has_check_digit,
    is_personal_number,
    normalise_identifier,
    normalise_identifiers,
)
from riskmodel.privacy.keys import PseudonymKey

WORD = "Zkanariefagel"
KEY = PseudonymKey(bytes(range(32)))
FEW = settings(
    max_examples=max(50, settings.default.max_examples // 2),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
QUERIES = settings(FEW, max_examples=max(8, settings.default.max_examples // 12))
"""For laws that need the engine: each example is a table of many values."""
MANY = settings(FEW, max_examples=max(200, settings.default.max_examples))
PERSONS = TABLES["persons"]


@pytest.fixture(scope="module")
def engine():
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "hostile"


def check_silent(texts):
    """No text quotes the planted word."""
    assert WORD not in " ".join(map(str, texts))


PIECES = st.sampled_from([
    b";", b",", b"\t", b'"', b'""', b"\n", b"\r\n", b"\r", b" ", b"\0", b"\xef\xbb\xbf",
    b"\xff\xfe", b"\x1a", b"=1+1", b"person_id", b"birth_date", b"sex", b"'", b"\\", "Å".encode(),
    b"\xc5", b"\xe2\x80\xa8", b"198112189876", b"2010-01-31", b"NULL", b"nan", WORD.encode(),
])  # fmt: skip
HOSTILE = st.one_of(
    st.lists(PIECES, max_size=40).map(b"".join),
    st.lists(PIECES, max_size=30).map(lambda found: b"person_id;birth_date\n" + b"".join(found)),
    st.binary(max_size=200),
)


@given(HOSTILE, st.sampled_from(["utf-8", "utf-8-sig", "cp1252"]), st.sampled_from([None, ";"]))
@FEW
def test_any_bytes_are_a_csv_table_or_a_finding(engine, file, content, encoding, delimiter):
    path = file.with_suffix(".csv")
    path.write_bytes(content)
    spec = SourceSpec(path=path, encoding=encoding, delimiter=delimiter)
    rows, findings = open_source(engine, "persons", PERSONS, spec)
    assert (rows is None) == bool(findings)
    if rows is None:
        check_silent(finding.to_text() for finding in findings)
    else:
        engine.to_pandas(cast_columns(rows, PERSONS, spec))


@given(HOSTILE)
@FEW
def test_any_bytes_can_be_looked_at_and_are_a_ready_table_or_an_error(file, content):
    path = file.with_suffix(".txt")
    path.write_bytes(content)
    samples, problems = take_samples(path)
    assert samples or problems
    spec = FeatureTableSpec(path=path, label=LabelSpec(column="sex", below=2))
    try:
        read_feature_table(spec, KEY)
    except RiskmodelError as error:
        check_silent([error])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["\ud800", WORD, 10**400, "198112189876", "2024-02-31"]),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(
        st.sampled_from(["id", "data", "civicNo", "value", "enrolments", "schoolYear", "meta"])
        | st.text(max_size=3), below, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(JSON, st.sampled_from(["persons", "grades", "deletedEntities"]), st.integers(0, 60))
@FEW
def test_any_json_is_a_page_or_a_finding(file, value, endpoint, cut):
    text = json.dumps({"data": value, "pageToken": None}).encode()
    stage = Stage(endpoint, file.with_suffix(".parquet"))
    for content in (text, text[: -cut or None], json.dumps(value).encode()):
        chunks = [content[:7], content[7:]]
        try:
            stage.add(iter(chunks))
        except UnreadablePageError as error:
            check_silent([error, error.detail])
    stage.close()
    check_silent(finding.to_text() for finding in stage.findings)


@given(HOSTILE)
@FEW
def test_any_bytes_are_a_page_or_an_error(content):
    try:
        list(Page(iter([b'{"data": [', content])).read())
    except UnreadablePageError as error:
        check_silent([error, error.detail])


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    st.datetimes(dt.datetime(1901, 1, 1), dt.datetime(9999, 12, 31)), st.times(),
    st.timedeltas(dt.timedelta(-900), dt.timedelta(90_000)), st.just(WORD),
)  # fmt: skip


@given(st.lists(st.lists(CELLS, max_size=5), max_size=5), st.sampled_from([",", "."]))
@FEW
def test_any_cells_are_a_table_or_a_finding(file, rows, decimal):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    path = file.with_suffix(".xlsx")
    book.save(path)
    take_samples(path)
    table, findings = read_excel_file("persons", path, None, decimal=decimal, date_format=None)
    assert (table is None) == bool(findings)
    check_silent(finding.to_text() for finding in findings)


@given(st.binary(max_size=60), st.integers(0, 4000), st.sampled_from([".xlsx", ".parquet"]))
@example(b"\x80", 213, ".parquet")  # inside a column's name
@FEW
def test_a_file_broken_anywhere_is_a_table_or_a_finding(file, patch, place, suffix):
    frame = pd.DataFrame({"person_id": ["SIM1", "SIM2"], "birth_date": ["2010-01-31", WORD]})
    stream = io.BytesIO()
    frame.to_excel(stream, index=False) if suffix == ".xlsx" else frame.to_parquet(stream)
    content = bytearray(stream.getvalue())
    place %= len(content)
    content[place : place + len(patch)] = patch
    path = file.with_suffix(suffix)
    path.write_bytes(content)
    take_samples(path)
    try:
        # A broken Parquet file can take the engine with it: each has one of its own.
        with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as engine:
            rows, findings = open_source(engine, "persons", PERSONS, SourceSpec(path=path))
            if rows is not None:
                engine.to_pandas(rows)
    except RiskmodelError as error:
        check_silent([error])
    else:
        check_silent(finding.to_text() for finding in findings)


VALUES = Table(
    columns={
        "person_id": Column(type="string"),
        "day": Column(type="date"),
        "number": Column(type="number"),
        "whole": Column(type="integer"),
        "truth": Column(type="boolean"),
    }
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=16),
    st.from_regex(r"[-+ ]?[0-9]{0,7}[.,_eE ]?[0-9]{0,4}[ %]?", fullmatch=True),
    st.from_regex(r"[0-9]{1,6}[-/.][0-9]{1,3}[-/.][0-9]{1,3}[T ]?[0-9:]{0,8}", fullmatch=True),
    st.sampled_from(["inf", "-Infinity", "nan", "epoch", "1e999", "0x1F", "1_0", "infinity  "]),
)
FORMATS = [None, "%d/%m/%Y", ("%d/%m/%Y", "%m/%d/%Y"), ("%y-%m-%d", "excel"), "%Y%m%d"]


def cast(engine, texts, **options):
    spec = SourceSpec(path="none.csv", **options)
    data = pd.DataFrame(dict.fromkeys(VALUES.columns, pd.Series(texts, dtype="str")))
    return engine.to_pandas(cast_columns(engine.register(data, "hostile"), VALUES, spec))


@given(st.lists(TEXTS, min_size=30, max_size=60), st.sampled_from(FORMATS), st.sampled_from(",."))
@QUERIES
def test_any_text_is_a_sound_value_or_fails(engine, texts, date_format, decimal):
    found = cast(engine, texts, date_format=date_format, decimal=decimal)
    for text, row in zip(texts, found.to_dict("records"), strict=True):
        for name in ("day", "number", "whole", "truth"):
            is_given = bool(text.strip(" "))
            assert is_given or pd.isna(row[name])
            assert not (row[name + FAILED] and pd.notna(row[name]))
        assert pd.isna(row["number"]) or math.isfinite(row["number"])
        assert pd.isna(row["day"]) or 1800 <= row["day"].year <= 9999
        assert pd.isna(row["whole"]) or row["whole"] == row["number"]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=30, max_size=60))
@QUERIES
def test_numbers_that_are_written_are_read_again(engine, numbers):
    texts = [repr(number) for number in numbers]
    assert cast(engine, texts)["number"].tolist() == numbers
    commas = [text.replace(".", ",") for text in texts]
    assert cast(engine, commas, decimal=",")["number"].tolist() == numbers


NUMBERS = st.one_of(
    st.from_regex(r"(18|19|20)?[0-9]{6}[-+]?[0-9]{4}", fullmatch=True),
    st.from_regex(r"(18|19|20)[0-9]{2}(0[1-9]|1[0-2])([0-2][1-9]|[6-9][1-9])[-+]?[0-9]{4}",
                  fullmatch=True),
    st.from_regex(r"[0-9 +/–-]{8,14}", fullmatch=True),
)  # fmt: skip


def finish(text):
    """The same number with a check digit that fits."""
    digits = "".join(mark for mark in text if mark.isdigit())[-10:]
    assume(len(digits) == 10)
    return next(text[:-1] + c for c in "0123456789" if has_check_digit(digits[:-1] + c))


@given(NUMBERS, st.booleans())
@example("19811218-9876", False)
@MANY
def test_valid_numbers_are_those_of_the_personnummer_package(text, is_finished):
    assume(text.isascii() and text[-1:].isdigit())
    text = finish(text) if is_finished else text
    compact = "".join(text.split())
    is_long = len("".join(c for c in compact if c.isdigit())) == 12
    if "+" in compact:  # by this year the package tells the century; here a fixed day does
        return
    try:
        expected = personnummer.valid(compact)
    except ValueError:
        expected = False
    if compact.count("-") > 1 or "/" in compact:
        expected = False  # in no order that anyone writes
    if is_long and compact[:2] not in {"19", "20"}:  # other centuries are ours to refuse
        return
    if is_personal_number(text) != expected:
        digits = "".join(c for c in compact if c.isdigit())
        assert len(digits) in {10, 12}
        assert not is_personal_number(text)  # stricter, never laxer
        assert "-" in compact.strip("-")
        assert compact[-5] != "-"


IDENTIFIERS = st.one_of(
    NUMBERS,
    st.text(max_size=20),
    st.from_regex(r"\s?(19|20)[0-9]{6}[-– ]?[A-Za-zı]{1,2}[0-9]{2,3}\s?", fullmatch=True),
    st.from_regex(r"[A-Za-z ]{1,5}/(19|20)[0-9]{6}-?(T|TF)[0-9]{2,3}", fullmatch=True),
)


def is_taken(text):
    """Whether a text has a normal form; the error where it has none quotes nothing."""
    try:
        normalise_identifier(text)
    except RiskmodelError as error:
        if len(text.strip()) > 1:
            check_silent([str(error).replace(text.strip(), WORD)])
        return False
    return True


@given(IDENTIFIERS)
@example("\u200b198112189876")
@MANY
def test_a_normal_form_is_its_own_and_an_error_quotes_nothing(text):
    if not is_taken(text):
        return
    normal = normalise_identifier(text)
    assert normalise_identifier(normal) == normal
    assert normal == normal.strip() != ""


@given(st.sampled_from(["198112189876", "20130101TF01", "19810829M071", "SIM000012345"]),
       st.lists(st.tuples(st.integers(0, 14), st.sampled_from("\u200b\ufeff\u00ad\u200e\u2060")),
                max_size=4))  # fmt: skip
@FEW
def test_what_cannot_be_seen_does_not_make_another_person(number, marks):
    text = number
    for place, mark in marks:
        text = text[:place] + mark + text[place:]
    assert normalise_identifier(text) == number


@given(st.lists(IDENTIFIERS, max_size=8))
@FEW
def test_identifiers_together_are_what_each_is_alone(texts):
    together, counts = normalise_identifiers(pd.Series(texts, dtype=object))
    assert sum(counts.values()) == len(texts)
    alone = [normalise_identifiers(pd.Series([text], dtype=object))[0].iloc[0] for text in texts]
    assert [None if pd.isna(x) else x for x in together] == [
        None if pd.isna(x) else x for x in alone
    ]


TEMPORARY = st.from_regex(
    r"\s?(19|20)[0-9]{6}[-–‑\u2212 \u00a0\u200b]?(T|tf|TF)[0-9]{2,3}\s?", fullmatch=True
)


@given(st.lists(TEMPORARY, min_size=30, max_size=60))
@example(["20130101 TF01", "\x8520130101TF01"])
@QUERIES
def test_a_temporary_number_in_any_form_belongs_to_its_provider(engine, texts):
    table = add_provider(Table(columns={"person_id": Column(type="string")}, person="person_id"))
    found = []
    for provider in ("Skola A", "Skola B"):
        frame = pd.DataFrame({"person_id": texts, "school_provider": provider})
        data = engine.register(frame, "temporary")
        rows = cast_columns(data, table, SourceSpec(path="none.csv"))
        named = engine.to_pandas(name_provider(rows, data, table))["person_id"]
        found.append(identify(named, IdentitySpec()))
        by_run, _ = identify(frame["person_id"].astype("str"), IdentitySpec(provider=provider))
        is_temporary = found[-1][1] == "temporary_number"
        assert (by_run == found[-1][0])[is_temporary].all()
    is_temporary = found[0][1] == "temporary_number"
    assert (is_temporary == (found[1][1] == "temporary_number")).all()
    assert (found[0][0] != found[1][0])[is_temporary].all()
