"""Configurations, ready tables, filled-in lists, logs and folders that are broken or absurd."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from corpus.binary_files import GOOD as GOOD_BOOK
from corpus.builder import NUMBER, PERSONS, WORD, Case, book, overwrite, parquet, repack, save_table


def _config(name: str, content: bytes | str, said: str) -> Case:
    return Case(f"configuration: {name}", "config", {"run.yaml": content}, said)


def _changed(name: str, old: str, new: str, said: str) -> Case:
    """The template, one place of it changed."""
    return Case(f"configuration: {name}", "config", {}, said, {"old": old, "new": new})


CONFIGURATIONS = [
    _config("no bytes", b"", "must hold names and values"),
    _config("a list", "- a\n- b\n", "must hold names and values"),
    _config("text", WORD, "must hold names and values"),
    _config("an extract", PERSONS, "run.yaml"),
    _config("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "UTF-8"),
    _config("cp1252", f"a: Å{WORD}".encode("cp1252"), "UTF-8"),
    _config("UTF-16", f"a: {WORD}".encode("utf-16"), "UTF-8"),
    _config("a NUL", f"a: {WORD}\0", "valid YAML"),
    _config("an escaped NUL", f'title: "{WORD}\\0"', "valid YAML"),
    _config("half a character", f'title: "{WORD}\\uD800"', "valid YAML"),
    _config("a character beyond all", f'title: "{WORD}\\U00110000"', "valid YAML"),
    _config("a tab", f"a:\n\tb: {WORD}", "valid YAML"),
    _config("two documents", f"a: 1\n---\nb: {WORD}", "valid YAML"),
    _config("a quote not closed", f'a: "{WORD}', "valid YAML"),
    _config("a bracket not closed", f"a: [{WORD}", "valid YAML"),
    _config("a key twice", f"a: {WORD}\na: 2", "stands twice"),
    _config("a key twice below", f"a: {{b: {WORD}, b: 2}}", "stands twice"),
    _config("an alias", f"a: &x {WORD}\nb: *x", "aliases"),
    _config("a bomb of aliases", "a0: &a0 [x]\n" + "".join(
        f"a{k + 1}: &a{k + 1} [{', '.join([f'*a{k}'] * 10)}]\n" for k in range(12)), "aliases"),
    _config("a merge", "a: &x {b: 1}\nc:\n  <<: *x\n", "aliases"),
    _config("a merge of text", f"<<: {WORD}", "valid YAML"),
    _config("a Python object", "a: !!python/object/apply:os.system ['true']", "valid YAML"),
    _config("a long tag", "a: " + "!" * 100_000, "valid YAML"),
    *(_config(f"a wrong {tag}", f"a: !!{tag} {WORD}", "valid YAML")
      for tag in ("int", "float", "bool", "timestamp", "map", "seq", "set", "omap")),
    *(_config(f"a list as {tag}", f"a: !!{tag} [{WORD}]", "valid YAML")
      for tag in ("map", "set", "str", "int", "pairs")),
    _config("a day that is none", "a: 2024-13-45", "valid YAML"),
    _config("a year nought", "a: 0000-00-00", "valid YAML"),
    _config("a zone that is none", "a: 2001-12-14t21:59:43.10-99:99", "valid YAML"),
    _config("a number of 5,000 digits", "a: " + "9" * 5000, "valid YAML"),
    _config("a number of no digits", "a: 0x_", "valid YAML"),
    _config("a list for a key", f"? [{WORD}]\n: 1", "valid YAML"),
    _config("a mapping for a key", f"? {{a: {WORD}}}\n: 1", "valid YAML"),
    _config("a bomb of lists", "[" * 100_000, "valid YAML"),
    _config("a bomb of mappings", "a: " + "{b: " * 5000, "valid YAML"),
    _config("a bomb of dashes", "- " * 20_000, "valid YAML"),
    _config("a bomb of questions", "? " * 20_000, "valid YAML"),
    _config("far too much", f"a: {WORD}\n" * 200_000, "must be at most"),
    _config("thousands of names", "\n".join(f"k{k}: {WORD}" for k in range(6000)), "finding"),
    _config("a list of thousands", "a: [" + "1," * 9_000 + "]", "finding"),
    _config("a list of tens of thousands", "a: [" + "1," * 60_000 + "]", "names and values"),
    _config("a number for a name", "1: 2", "finding"),
    _config("nothing for a name", "null: 2", "finding"),
    _changed("a place with a NUL", "out: ", 'out: "a\\0b" #', "valid YAML"),
    _changed("infinity for a seed", "random_state: 2026", "random_state: .inf", "random_state"),
    _changed("text for a seed", "random_state: 2026", f"random_state: {WORD}", "random_state"),
    _changed("a list for a seed", "random_state: 2026", "random_state: [1]", "random_state"),
    _changed("a list for sources", "sources:", f"sources: [{WORD}]\nx:", "sources"),
    _changed("text for the cohort", "cohort:", f"cohort: {WORD}\nx:", "cohort"),
    _changed("nothing for the audit", "audit:", "audit:\nx:", "audit"),
    _changed("a number for a version", "version: 1", f"version: {NUMBER}", "version"),
    _changed("a truth for a version", "version: 1", "version: yes please", "version"),
]  # fmt: skip

LABEL = {"column": "y", "below": 2}


def _ready(
    name: str, content: Any, said: str = "", file: str = "table.csv", **settings: Any
) -> Case:
    spec = {"label": LABEL, "id_column": "who"} | settings
    return Case(f"ready table: {name}", "table", {file: content}, said, spec)


READY = "who;x;y\nSIM1;1;1\nSIM2;2;3\n"
TABLES = [
    _ready("no bytes", b"", "is empty"),
    _ready("no rows", "who;x;y\n"),
    _ready("a label of text", f"who;x;y\nSIM1;1;{WORD}\n", "column's type (number)"),
    _ready("a label of infinity", "who;x;y\nSIM1;1;inf\n", "column's type (number)"),
    _ready("no label", READY, "column must be there", label={"column": "z", "below": 2}),
    _ready("a broken number", "who;x;y\n198112189875;1;1\n", "valid identifier"),
    _ready("one person twice", f"who;x;y\n{NUMBER};1;1\n19811218-9876;2;1\n", "must not repeat"),
    _ready("nobody", "who;x;y\n;1;1\n", "a value must be there"),
    _ready("a number for a text", f"who;x;y\nSIM1;a{NUMBER} {NUMBER};1\n", "no identifiers"),
    _ready("texts of every kind", "who;x;y\n" + "".join(f"S{k};{WORD}{k};1\n" for k in range(50)),
           "at most 30 texts"),
    _ready("texts that make one name", f"who;x;x={WORD};y\nS1;{WORD}=b;b;1\nS2;c;d;1\n",
           "each column once"),
    _ready("a number of 400 digits", "who;x;y\nSIM1;" + "9" * 400 + ";1\nSIM2;1;1\n"),
    _ready("no number, as text", "who;x;y\nSIM1;nan;1\nSIM2;inf;1\n"),
    _ready("a name twice", READY.replace("x", "y"), "1 repeated"),
    _ready("too few cells", READY + f"{WORD}\n", "as many cells"),
    _ready("NULs", READY + f"{WORD}\0;1;1\n", "NUL"),
    _ready("cp1252", READY.encode() + f"Å{WORD};1;1\n".encode("cp1252"), "not utf-8"),
    _ready("a name twice in Parquet", save_table(pa.table(
        [["a"], ["b"], [1]], names=["who", "who", "y"])), "1 repeated", "table.parquet"),
    _ready("names that differ by case", save_table(pa.table(
        [["a"], ["b"], [1]], names=["who", "Who", "y"])), "1 repeated", "table.parquet"),
    _ready("nested", parquet(who=["a"], x=[{"a": WORD}], y=[1]), "feature_table.x",
           "table.parquet"),
    _ready("broken pages", overwrite(parquet(who=["a"] * 9, x=list(range(9)), y=[1] * 9), 6, 60),
           "table.parquet", "table.parquet"),
    _ready("no Excel", WORD.encode(), "is not Excel", "table.xlsx"),
    _ready("broken XML", repack(GOOD_BOOK, {"xl/worksheets/sheet1.xml": b"<a>"}), "is not Excel",
           "table.xlsx"),
]  # fmt: skip

HEADINGS = ("Hela pseudonymen", "Listans datum", "Beslut")
DAY = "2024-11-01"
PUPIL = "0" * 31 + "a"


def _filled(name: str, content: Any, said: str) -> Case:
    return Case(f"filled-in list: {name}", "feedback", {"lista.xlsx": content}, said)


FEEDBACK = [
    _filled("no bytes", b"", "1"),
    _filled("no Excel", WORD.encode(), "1"),
    _filled("cut off", GOOD_BOOK[:500], "1"),
    _filled("broken XML", repack(GOOD_BOOK, {"xl/workbook.xml": b"<a>"}), "1"),
    _filled("another book", GOOD_BOOK, "1"),
    _filled("another sheet", book(HEADINGS, (PUPIL, DAY, WORD)), "1"),
    *(
        _filled(name, book(*rows, title="Listan"), "1")
        for name, rows in {
            "no columns": [("a", "b"), (WORD, WORD)],
            "a decision that is none": [HEADINGS, (PUPIL, DAY, WORD)],
            "a pupil of another list": [HEADINGS, (WORD, DAY, None)],
            "a list of another day": [HEADINGS, (PUPIL, WORD, None)],
            "a pupil twice": [HEADINGS, (PUPIL, DAY, None), (PUPIL, DAY, None)],
            "a number for a decision": [HEADINGS, (PUPIL, DAY, 1e300)],
            "a command for a decision": [HEADINGS, (PUPIL, DAY, "@SUM(1)")],
            "a name twice": [(*HEADINGS, "Beslut"), (PUPIL, DAY, None, WORD)],
        }.items()
    ),
]


def _entry(**changes: Any) -> bytes:
    row = {
        "number": 1, "time": "2026-01-01T00:00:00Z", "who": WORD, "action": "reidentify",
        "purpose": WORD, "list_sha256": "0" * 64, "pupils": 1, "key_id": "0" * 16,
        "previous": "0" * 64, "seal": "0" * 64, "hash": "0" * 64,
    } | changes  # fmt: skip
    text = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"


LOGS = [
    Case(f"log: {name}", "log", {"access.log": content}, "unbroken chain")
    for name, content in {
        "no line feed": b"{}",
        "an empty line": b"\n",
        "text": WORD.encode() + b"\n",
        "a list": b"[]\n",
        "no entry": b"{}\n",
        "an entry of another chain": _entry(),
        "half a character": _entry().replace(WORD.encode(), b"\\ud800"),
        "a bomb of lists": b"[" * 100_000 + b"\n",
        "a closed bomb": b'{"a":' * 900 + b"1" + b"}" * 900 + b"\n",
        "NULs": bytes(500) + b"\n",
        "a huge number": _entry().replace(b'"number":1', b'"number":' + b"9" * 5000),
        "infinity": _entry().replace(b'"pupils":1', b'"pupils":1e999'),
        "cp1252": _entry().replace(WORD.encode(), "Å".encode("cp1252")),
        "a mark of bytes": b"\xef\xbb\xbf" + _entry(),
        "a seal that is no text": _entry(seal=[1]),
        "letters in a seal": _entry(seal="å" * 64),
    }.items()
]
LOGS.append(Case("log: a folder", "log", {"access.log": lambda path: path.mkdir()}, "readable"))
LOGS.append(Case("log: not there", "log", {"other.log": b""}, "readable"))

CASES: list[Case] = [*CONFIGURATIONS, *TABLES, *FEEDBACK, *LOGS]
