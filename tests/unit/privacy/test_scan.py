from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import random
import sqlite3
import tarfile
import uuid
import zipfile
from contextlib import closing

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from riskmodel.errors import PrivacyError
from riskmodel.privacy import content
from riskmodel.privacy.identities import has_check_digit
from riskmodel.privacy.names import NameRegister, read_names
from riskmodel.privacy.patterns import IdentifierSearch, KnownIdentifiers, find_kinds
from riskmodel.privacy.scan import find_identifiers

NUMBER = "198112189876"
SHORT = "811218-9876"
EMAIL = "anna.andersson@skola.example.se"
NONE_KNOWN = KnownIdentifiers([])
CLOCKS = [f"20200115{n}" for n in range(1200, 1260) if has_check_digit(f"200115{n}")]


def found(*paths, known=()):
    return [(finding.file.name, finding.kind) for finding in find_identifiers(paths, known=known)]


def write_sqlite(path, value, column="text"):
    with closing(sqlite3.connect(path)) as store:
        store.execute(f'CREATE TABLE params (a TEXT, "{column}" TEXT, b TEXT)')
        store.execute("INSERT INTO params VALUES ('RUNNING', ?, 'FINISHED')", (value,))
        store.commit()


def write_xlsx(path, value):
    book = openpyxl.Workbook()
    book.active["B2"] = value
    book.save(path)


def write_zip(path, value):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps({"names": [value]}))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.skops", inner.getvalue())


def write_nested(path, write):
    inner = path.with_name("inner")
    write(inner)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(inner, "deep/inner")
    inner.unlink()


def write_tar(path, value):
    with tarfile.open(path, "w:gz") as archive:
        content = f"<p>{value}</p>".encode()
        info = tarfile.TarInfo("report.html")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))


def notebook(value):
    output = {"output_type": "stream", "name": "stdout", "text": [f"pupil {value}\n"]}
    cell = {"cell_type": "code", "metadata": {}, "outputs": [output], "source": []}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})


WRITERS = {
    "a.parquet": lambda path, v: pd.DataFrame({"n": [1.5, 2], "s": ["x", v]}).to_parquet(path),
    "list.parquet": lambda path, v: pq.write_table(pa.table({"l": [["x"], [v]]}), path),
    "struct.parquet": lambda path, v: pq.write_table(pa.table({"l": [{"a": {"b": v}}]}), path),
    "dict.parquet": lambda path, v: pq.write_table(
        pa.table({"d": pa.array(["x", v]).dictionary_encode()}), path
    ),
    "name.parquet": lambda path, v: pd.DataFrame({v: [1.0]}).to_parquet(path),
    "meta.parquet": lambda path, v: pq.write_table(
        pa.table({"a": [1]}).replace_schema_metadata({"note": v}), path
    ),
    "a.json": lambda path, v: path.write_text(json.dumps({"a": [v]}), encoding="utf-8"),
    "a.html": lambda path, v: path.write_text(f"<td>{v}</td>", encoding="utf-8"),
    "a.csv": lambda path, v: path.write_text(f"a;b;c\n1;{v};2\n", encoding="utf-8"),
    "a.log": lambda path, v: path.write_text(f"got {v}.\n", encoding="utf-8"),
    "a.ipynb": lambda path, v: path.write_text(notebook(v), encoding="utf-8"),
    "a.xlsx": write_xlsx,
    "a.db": write_sqlite,
    "schema.db": lambda path, v: write_sqlite(path, "x", column=v),
    "a.skops": write_zip,
    "a.tar.gz": write_tar,
    "a.gz": lambda path, v: path.write_bytes(gzip.compress(v.encode())),
    "a.npy": lambda path, v: np.save(path, np.array(["x", v, v])),
    "a.npz": lambda path, v: np.savez_compressed(path, ids=np.array([v.encode()])),
    "utf16.txt": lambda path, v: path.write_text(f"pupil {v} left", encoding="utf-16"),
    "a.yaml": lambda path, v: path.write_text(f"a:\n  - b: {v}\n", encoding="utf-8"),
    "escaped.json": lambda path, v: path.write_text(json.dumps(f"a\n{v}\tb"), encoding="utf-8"),
    "a.csv.bz2": lambda path, v: path.write_bytes(bz2.compress(f"a;{v};b".encode())),
    "a.csv.xz": lambda path, v: path.write_bytes(lzma.compress(f"a;{v};b".encode())),
    "parquet.zip": lambda path, v: write_nested(path, pd.DataFrame({"s": [v]}).to_parquet),
    "sqlite.zip": lambda path, v: write_nested(path, lambda inner: write_sqlite(inner, v)),
    "blob.db": lambda path, v: write_sqlite(path, gzip.compress(v.encode())),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (NUMBER, "personal_number"),
        (SHORT, "personal_number"),
        ("197010632391", "personal_number"),
        ("20130101-TF01", "temporary_number"),
        ("19810829M071", "reserve_number"),
        (EMAIL, "email"),
        ("070-123 45 67", "phone_number"),
        ("+46701234567", "phone_number"),
        ("031-123456", "phone_number"),
        ("Asa  Öberg-Lund", "name"),
        ("SIM000012345", "known_identifier"),
    ],
)
def test_a_planted_identifier_is_found(tmp_path, name, value, kind):
    path = tmp_path / name
    WRITERS[name](path, value)
    names = NameRegister(["Åsa Maria Öberg Lund"])
    known = ["SIM000012345", "SIM000012346"]
    findings = find_identifiers([tmp_path], known=known, names=names)
    assert [(finding.file, finding.kind) for finding in findings] == [(path, kind)]
    assert value not in repr(findings)
    assert value not in str(findings[0].to_dict())


@pytest.mark.parametrize("name", WRITERS)
def test_a_clean_file_gives_no_finding(tmp_path, name):
    WRITERS[name](tmp_path / name, "plain")
    names = NameRegister(["Åsa Öberg"])
    assert find_identifiers([tmp_path], known=["SIM000012345"], names=names) == []


def test_whole_numbers_in_parquet_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"n": pa.array([1, None, int(NUMBER)])}), path)
    assert found(path) == [("a.parquet", "personal_number")]


@pytest.mark.parametrize("kind", ["int64", "float64", "decimal128(19, 0)"])
def test_numbers_that_a_table_stores_as_numbers_are_read(tmp_path, kind):
    kind = pa.decimal128(19, 0) if kind.startswith("decimal") else kind
    for numbers in ([int(NUMBER), 7], [8112189876, 7010632391, 1212121212, 30]):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"n": pa.array(numbers, "int64").cast(kind)}), path)
        assert found(path) == [("a.parquet", "personal_number")]
    plain = [8112189875, 7010632392, 20, 1_700_000_000]
    pq.write_table(pa.table({"n": pa.array(plain, "int64").cast(kind)}), path)
    assert found(path) == []


@pytest.mark.parametrize("kind", ["<i8", ">i8", "<f8"])
def test_numbers_in_arrays_are_read(tmp_path, kind):
    np.savez(tmp_path / "a.npz", np.array([int(NUMBER), 3], dtype=kind))
    np.savez(tmp_path / "b.npz", np.array([int(NUMBER) + 1, 3], dtype=kind))
    assert found(tmp_path) == [("a.npz", "personal_number")]


@pytest.mark.parametrize(
    "text",
    [
        f'"{SHORT.replace("-", "")}"',
        f"<td>{SHORT.replace('-', '')}</td>",
        f"a;{SHORT.replace('-', '')};b",
        f"id_{NUMBER}.json",
        f"({SHORT}),",
        f"user.{NUMBER}",
        "19811218&#45;9876",
        "19811218\u20119876",
        r"19811218\u20119876",
        f"{NUMBER}.",
        f"{NUMBER}.0",
        "19811218\u20139876",
        "8112189876,7010632391,1212121212",
        "\n".join(CLOCKS),
    ],
)
def test_written_forms_are_found(text):
    assert find_kinds(text.encode(), NONE_KNOWN) == {"personal_number"}


@pytest.mark.parametrize(
    "text",
    [
        "0.198112189876",
        "-12.198112189876",
        ".198112189876",
        f"{NUMBER}.25",
        f"{NUMBER}0",
        f"9{NUMBER}",
        f"a{NUMBER}f",
        f"{NUMBER}e-05",
        "198112189875",
        "811218-9875",
        "198113189876",
        "2024-09-01T12:00:00.811218",
        "20240901120000",
        "202409011230",
        "1725177600123",
        f"[1, {SHORT.replace('-', '')}, 2]",
        "vega-lite@5.2.js",
        "@media print",
        "a @ b",
        "0317-8471",
        "0000-0002-1825-0097",
        "2024-08-12",
        "0.031-123456",
        "8112189876543210",
    ],
)
def test_what_only_looks_like_an_identifier_is_left_alone(text):
    assert find_kinds(text.encode(), NONE_KNOWN) == set()


def test_hashes_pseudonyms_and_random_numbers_are_left_alone():
    rng = random.Random(4)
    lines = []
    for number in range(20_000):
        lines.append(hashlib.sha256(str(number).encode()).hexdigest()[:32])
        lines.append(str(uuid.UUID(int=rng.getrandbits(128))))
        lines.append(repr(rng.random()))
        lines.append(str(rng.randrange(10**15, 10**19)))
        lines.append(f"{1_600_000_000_000 + rng.randrange(10**11)}")
    assert find_kinds("\n".join(lines).encode(), KnownIdentifiers(["SIM000012345"])) == set()


def false_alarms(make, n=2_000):
    return sum(bool(find_kinds(make(), NONE_KNOWN)) for _ in range(n)) / n


def test_false_alarms_are_as_rare_as_stated():
    """The rates that docs/concepts/privacy.md states, on random digits."""
    rng = random.Random(6)

    def cells(n):
        return "\n".join(f"{rng.randrange(10**10):010d}" for _ in range(n)).encode()

    assert false_alarms(lambda: cells(1)) < 0.02
    assert false_alarms(lambda: cells(20)) < 0.002
    assert false_alarms(lambda: b"a %010d b" % rng.randrange(10**10)) < 0.001
    assert false_alarms(lambda: b"%012d" % rng.randrange(10**12)) < 0.002
    assert false_alarms(lambda: b"%06d-%04d" % (rng.randrange(10**6), rng.randrange(10**4))) < 0.02
    column = np.unique(np.random.default_rng(1).integers(0, 10**13, 200_000))
    search = IdentifierSearch(NONE_KNOWN)
    search.read_numbers(column)
    assert search.kinds == set()


def test_random_bytes_are_left_alone(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(random.Random(5).randbytes(1_000_000))
    assert find_identifiers([path], known=["SIM000012345"]) == []


@pytest.mark.parametrize("filler", [b"x ", b"x", b"\0", b"7 "])
@pytest.mark.parametrize("block", [2048, 4096])
def test_blocks_cut_nothing_in_two(tmp_path, monkeypatch, filler, block):
    monkeypatch.setattr(content, "_BLOCK", block)
    path = tmp_path / "large.txt"
    for before in range(block - 30, block + 4):
        start = (filler * block)[:before]
        path.write_bytes(start + b" " + NUMBER.encode() + b"," + filler * block)
        assert found(path) == [("large.txt", "personal_number")], before


@pytest.mark.parametrize("before", range(2020, 2052))
def test_a_long_number_across_blocks_is_still_one_number(tmp_path, monkeypatch, before):
    monkeypatch.setattr(content, "_BLOCK", 2048)
    path = tmp_path / "digits.txt"
    path.write_bytes(b"7" * before + NUMBER.encode() + b"7" * 5000)
    assert found(path) == []


def test_a_name_that_is_an_identifier_is_not_repeated(tmp_path):
    path = tmp_path / "folder" / f"{NUMBER}.json"
    path.parent.mkdir()
    path.write_text(EMAIL, encoding="utf-8")
    assert found(tmp_path) == [("folder", "email"), ("folder", "personal_number")]


def test_known_identifiers_are_words_of_their_own():
    known = KnownIdentifiers(["11391", "Elev-Åsa 1", "abc"])
    assert known.occur_in(b"[11391]")
    assert known.occur_in(b"11391")
    assert known.occur_in("x Elev-Åsa 1,".encode())
    assert not known.occur_in(b"113910 911391 a11391")
    assert not known.occur_in(b"abc")
    assert not known.occur_in(b"")


def test_many_known_identifiers_are_found_fast(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("row 1,2,3 value\n" * 200_000 + "SIM000199999\n", encoding="utf-8")
    known = [f"SIM{number:09d}" for number in range(200_000)]
    assert found(path, known=known) == [("a.txt", "known_identifier")]


def test_what_cannot_be_scanned_is_not_called_clean(tmp_path):
    with pytest.raises(PrivacyError, match="nothing at gone"):
        find_identifiers([tmp_path / "gone"])
    for name, broken in {
        "a.parquet": b"PAR1 broken",
        "a.zip": b"PK\x03\x04 broken",
        "a.gz": gzip.compress(b"text" * 100)[:-20],
        "a.db": b"SQLite format 3\0 broken",
    }.items():
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(PrivacyError, match="cannot be called clean"):
            find_identifiers([tmp_path / name])


def test_an_empty_folder_is_clean(tmp_path):
    (tmp_path / "empty.txt").touch()
    assert find_identifiers([tmp_path]) == []


def pack(content, times):
    for _ in range(times):
        content = gzip.compress(content)
    return content


def test_archives_are_opened_as_deep_as_stated_and_no_deeper(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(pack(NUMBER.encode(), content.MAX_DEPTH))
    assert found(path) == [("a.gz", "personal_number")]
    path.write_bytes(pack(b"plain", content.MAX_DEPTH + 1))
    with pytest.raises(PrivacyError, match="TooMuchError in a.gz"):
        find_identifiers([path])


@pytest.mark.parametrize("times", [1, 2])
def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch, times):
    monkeypatch.setattr(content, "FREE_EXPANSION", 1 << 20)
    path = tmp_path / "bomb.zip"
    for name in ["a"] * times:
        inner = path.read_bytes() if path.exists() else bytes(30 << 20)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, inner)
    with pytest.raises(PrivacyError, match="TooMuchError in bomb.zip"):
        find_identifiers([path])


@pytest.mark.parametrize("magic", [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd"])
def test_archives_of_other_kinds_are_not_called_clean(tmp_path, magic):
    (tmp_path / "a.bin").write_bytes(magic + bytes(40))
    with pytest.raises(PrivacyError, match="cannot be called clean"):
        find_identifiers([tmp_path])


REGISTER = NameRegister(
    ["Åsa Maria Öberg", "Gül, Çağla", "Bo Ek", "Maj Mars", "Zlatana", "Per", "Łucja Søby"],
    common=["maj", "mars", "per", "ek"],
)


@pytest.mark.parametrize(
    "text",
    [
        "Åsa Öberg",
        "OBERG, ÅSA",
        "A\u030asa O\u0308berg",
        r"\u00c5sa \u00d6berg",
        "&Aring;sa &Ouml;berg",
        "<td>Maria</td><td>Öberg</td>",
        '"given": "x", "Cagla", "Gul"',
        "Bo Ek",
        "to Zlatana.",
        "lucja_soby".replace("_", "-"),
        "åsa\nmaria\ncagla\n",
    ],
)
def test_names_are_found_however_they_are_written(text):
    search = IdentifierSearch(NONE_KNOWN, REGISTER)
    search.read(text.encode())
    assert search.kinds == {"name"}


@pytest.mark.parametrize(
    "text", ["maj mars", "per 100", "Maria", "Asa\nOberg?", "Zlatanas", "Bo, och Ek", "xBo Ek"]
)
def test_words_that_are_also_names_do_not_flood(text):
    search = IdentifierSearch(NONE_KNOWN, REGISTER)
    search.read(text.encode())
    assert search.kinds == set()


def test_names_in_other_encodings_are_found(tmp_path):
    for encoding in ("cp1252", "utf-16"):
        (tmp_path / f"{encoding}.txt").write_text("Åsa Öberg", encoding=encoding)
    findings = find_identifiers([tmp_path], names=REGISTER)
    assert [finding.kind for finding in findings] == ["name", "name"]


def test_a_register_without_names_is_refused(tmp_path):
    (tmp_path / "names.txt").write_text(" \n12\n", encoding="utf-8")
    with pytest.raises(PrivacyError, match="at least one name"):
        read_names(tmp_path / "names.txt")
    with pytest.raises(PrivacyError, match="file of names"):
        read_names(tmp_path / "gone.txt")
    (tmp_path / "names.txt").write_bytes("Asa Oberg".encode("utf-16-le"))
    with pytest.raises(PrivacyError, match="got UnicodeError"):
        read_names(tmp_path / "names.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_register_is_read_as_it_was_saved(tmp_path, encoding):
    path = tmp_path / "names.txt"
    path.write_bytes("Åsa Öbergskvist\r\nMaj Ek\r\n".encode(encoding))
    assert read_names(path).occur_in("Åsa Öbergskvist".encode(), set())
