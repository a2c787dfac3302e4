"""CSV files that are broken, odd or absurd."""

from __future__ import annotations

from pathlib import Path

from corpus.builder import HEADER, NUMBER, PERSON, PERSONS, WORD, Case, persons, table

ATTENDANCE = "person_id;date;offered_minutes;is_reported\n"
GRADES = "person_id;date;subject;grade;term\n"


def _make_folder(path: Path) -> None:
    path.mkdir()


def _make_circle(path: Path) -> None:
    path.symlink_to(path.name)


def _make_dead_link(path: Path) -> None:
    path.symlink_to("nowhere.csv")


def _row(value: str) -> str:
    return f"{ATTENDANCE}{NUMBER};2024-09-02;{value};true\n"


FILES = [
    persons("no bytes", b"", "persons.csv is empty"),
    persons("a folder", _make_folder, "persons.csv is a folder"),
    persons("a link in a circle", _make_circle, "persons.csv"),
    persons("a dead link", _make_dead_link, "persons.csv does not exist"),
    persons("spaces", "   ", "persons.csv"),
    persons("one line feed", "\n", "persons.csv"),
    persons("an empty line above two empty cells", "\n;\n", "has no header in row 1"),
    persons("an empty line above the header", f"\n{PERSONS}", "has no header in row 1"),
    persons("only line feeds", "\n" * 50_000, "persons.csv"),
    persons("a mark alone", b"\xef\xbb\xbf", "persons.csv"),
    persons("a mark and a line feed", b"\xef\xbb\xbf\n", "persons.csv"),
    persons("no header", PERSON, "no person_id"),
    persons("a header alone", HEADER),
    persons("a header without its end", HEADER.rstrip(), "persons.csv"),
    persons("another extension", PERSONS, "no known extension", file="persons.csv.gz"),
    persons("no extension", PERSONS, "no known extension", file="persons"),
    persons("a picture", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "persons.csv"),
    persons("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + WORD.encode(), "persons.csv"),
    persons("a zip file", b"PK\x03\x04" + bytes(500), "persons.csv"),
    persons("a compressed file", b"\x1f\x8b\x08" + bytes(range(255)) * 9, "persons.csv"),
    persons("HTML", f"<html><body>{WORD}</body></html>\n", "no person_id"),
    persons("JSON", f'{{"person_id": "{NUMBER}"}}\n', "persons.csv"),
    persons("random bytes", bytes(k * 197 % 256 for k in range(4096)), "persons.csv"),
]

ENCODINGS = [
    *(
        persons(f"{name} as {told}", PERSONS.encode(name), "persons", encoding=told)
        for name, told in [
            ("cp1252", "utf-8"), ("latin-1", "utf-8-sig"), ("utf-16", "utf-8"),
            ("utf-16-le", "utf-8"), ("utf-16-be", "cp1252"), ("utf-32", "utf-8"),
            ("utf-16", "cp1252"), ("cp037", "utf-8"),
        ]
    ),
    persons("UTF-8 as cp1252", PERSONS.encode("utf-8"), encoding="cp1252"),
    persons("a mark within", PERSONS.encode() + b"\xef\xbb\xbfSIM3;;;\n"),
    persons("two marks", b"\xef\xbb\xbf" * 2 + PERSONS.encode(), "no person_id"),
    persons("a mark of UTF-16 and UTF-8", b"\xff\xfe" + PERSONS.encode(), "is utf-16"),
    persons("UTF-8 behind a mark of UTF-16", b"\xff\xfe" + PERSONS.encode(), "persons",
            encoding="utf-16"),
    persons("UTF-16", PERSONS.encode("utf-16"), encoding="utf-16"),
    persons("UTF-16 without its mark", PERSONS.encode("utf-16-le"), "not utf-16",
            encoding="utf-16"),
    persons("UTF-16 cut within a letter", PERSONS.encode("utf-16")[:-1], "not utf-16",
            encoding="utf-16"),
    persons("half a pair in UTF-16", PERSONS.encode("utf-16") + b"\x00\xd8;\x00", "not utf-16",
            encoding="utf-16"),
    persons("a NUL in UTF-16", f"{HEADER}{NUMBER};;;B\0{WORD}\n".encode("utf-16"), "NUL",
            encoding="utf-16"),
    persons("half a letter at the end", PERSONS.encode() + b"\xc3", "not utf-8"),
    persons("a surrogate", HEADER.encode() + b"a;;;\xed\xa0\x80\n", "not utf-8"),
    persons("an overlong slash", HEADER.encode() + b"a;;;\xc0\xaf\n", "not utf-8"),
    persons("half the file in another", PERSONS.encode() + "Å;;;\n".encode("cp1252"), "not utf-8"),
    persons("undefined in cp1252", HEADER.encode() + b"a;;;\x81\n", "not cp1252",
            encoding="cp1252"),
    persons("a NUL in a cell", f"{HEADER}{NUMBER};;;B\0{WORD}\n", "NUL"),
    persons("a NUL in an identifier", f"{HEADER}{NUMBER}\0;;;\n", "NUL"),
    persons("a NUL in the header", PERSONS.replace("sex", "se\0x"), "NUL"),
    persons("NULs alone", bytes(5000), "NUL"),
]  # fmt: skip

STRUCTURE = [
    persons("a name twice", PERSONS.replace("sex", "birth_date"), "1 repeated"),
    persons("a name twice in another case", PERSONS.replace("sex", "Birth_Date"), "1 repeated"),
    persons("all names alike", ";".join(["a"] * 50) + "\n", "49 repeated"),
    persons("names of spaces", " ; ; \n" + f"{WORD};;\n", "no person_id"),
    persons("too few cells", HEADER + WORD + "\n", "as many cells as the header"),
    persons("too many cells", PERSONS + f"{WORD};;;;;;\n", "as many cells as the header"),
    persons("another delimiter", PERSONS.replace(";", ","), delimiter=","),
    persons("another than told", PERSONS.replace(";", ","), "no person_id", delimiter=";"),
    persons("tabs", PERSONS.replace(";", "\t")),
    persons("tabs for semicolons", PERSONS.replace(";", "\t"), "no person_id", delimiter=";"),
    persons("tabs and commas", PERSONS.replace(";", "\t").replace("Ale", "Ale, B")),
    persons("cells that tabs part further", PERSONS.replace(";", "\t") + f"SIM3\t\t\t\t{WORD}\n",
            "as many cells"),
    persons("bars", PERSONS.replace(";", "|"), "no person_id"),
    persons("a quote not closed", f'{PERSONS}"{WORD};;;\n', "must be closed"),
    persons("a quote not closed in the header", f'"{PERSONS}', "persons.csv"),
    persons("text after a quote", f'{HEADER}"{WORD}"x;;;\n'),
    persons("an odd quote within", f'{PERSONS}SIM3;;;5" {WORD}x\n'.replace(WORD, "B")),
    persons("many quotes", HEADER + '"' * 10_001 + "\n", "persons.csv"),
    persons("line feeds in a cell", f'{HEADER}"SIM\n3";;;"B\n\nx"\n'),
    persons("line ends of every kind", PERSONS.replace("\n", "\r\n") + "SIM3;;;\rSIM4;;;\n"),
    persons("carriage returns alone", PERSONS.replace("\n", "\r")),
    persons("separators of Unicode", f"{HEADER}SIM3;;;A\u2028B\x0b\x0c\x85\n"),
    persons("a very long cell", f"{HEADER}SIM3;;;{WORD * 200_000}\n", "persons.csv"),
    persons("a very long line of names", "x" * 3_000_000 + "\n", "persons.csv"),
    persons("a long line within", f"{HEADER}{NUMBER};;;{'B' * 100_000}\n"),
    persons("thousands of columns", ";".join([HEADER.strip(), *(f"c{k}" for k in range(3000))])
            + f"\n{NUMBER};;;" + ";" * 3000 + "\n"),
    persons("thousands of cells too many", HEADER + ";" * 100_000 + "\n", "as many cells"),
    persons("a title above", f"Utdrag {WORD}\n\n{PERSONS}", "persons.csv"),
    persons("a header row too far", PERSONS, "persons", header_row=90),
    persons("a sum below", PERSONS + f"Summa {WORD};;;2;2\n", "as many cells"),
    persons("a sum below that is told", f"{PERSONS}Summa {WORD};;;2;2\n", footer_rows=1),
    persons("fewer rows below than told", PERSONS, "fewer rows than", footer_rows=100),
    persons("a long foot", PERSONS + f"{WORD * 40_000}\n", "persons.csv", footer_rows=2),
    persons("headings in rows of values", PERSONS, "no person_id", header_row=[1, 2]),
    persons("headings below the end", HEADER, "no header in row", header_row=[2, 3]),
    persons("a comment above", f"# {WORD}\n{PERSONS}", "persons.csv"),
    persons("sep= above", f"sep=;\n{PERSONS}", "persons.csv"),
    persons("blank lines between", PERSONS.replace("\n", "\n\n")),
    persons("the same row twice", PERSONS + PERSON, "rows must not repeat"),
    persons("the same person in two forms", PERSONS + "19811218-9876;;;\n", "rows must not repeat"),
    persons("the header again", PERSONS + HEADER, "column's type (date)"),
    persons("a column that is not there", PERSONS, "no Elev in", columns={"person_id": "Elev"}),
    persons("a column too much", PERSONS, "no such column", columns={"elev": "sex"}),
    persons("a near name that is a value", f"Elev {NUMBER};x\n1;2\n", "no Elev",
            columns={"person_id": "Elev 1981121898"}),
]  # fmt: skip

DATES = [
    persons(f"the date {text!r}", f"{HEADER}{NUMBER};{text};;\n", "column's type (date)")
    for text in [
        "2010-02-30", "2010-13-01", "0000-00-00", "0000-01-01", "0001-01-01", "1753-01-01",
        "290000-1-1", "99999-01-1", "5874897-1-1", "1-1-1 (BC)", "-2010-01-1", "  infinity",
        "-infinity ", "epoch     ", "2010-9-2  ", "2010/01/31", "31/01/2010", "01-02-2010",
        "20100131", "2010-01", "40209", "4.0209e4", "2010-W04-7", "i går", "2010-01-31Z",
        "2010-01-31T08:00+01:00", "２０１０-01-31", "2010−01−31", WORD, NUMBER,
        "1e999", "nan", "9" * 5000, "2010-01-31 BC",
    ]
]  # fmt: skip
DATES += [
    persons(f"{text!r} read as {kind}", f"{HEADER}{NUMBER};{text};;\n", said, date_format=kind)
    for text, kind, said in [
        ("01/02/2010", ("%d/%m/%Y", "%m/%d/%Y"), "two days by two of the formats"),
        ("31.01.10", "%d.%m.%Y", "column's type (date)"),
        ("31/01/0010", "%d/%m/%Y", "column's type (date)"),
        ("999999", "excel", "column's type (date)"),
        ("-1", "excel", "column's type (date)"),
        ("2010-01-31", "%Y%m%d", "column's type (date)"),
        ("31 januari 2010", "%d %B %Y", "column's type (date)"),
        ("2010-01-31 24:61", ("%Y-%m-%d", "%d/%m/%Y"), "column's type (date)"),
    ]
]
DATES += [
    table("an end before its start", "enrolments", "person_id;school_unit;school_type;school_year;"
          f"start_date;end_date\n{NUMBER};u;GR;9;2024-08-15;2023-06-10\n", "end must not lie"),
    persons("the end of time", f"{HEADER}{NUMBER};9999-12-31;;\n"),
]  # fmt: skip

NUMBERS = [
    table(f"the number {text[:40]!r}", "attendance", _row(text), said, decimal=decimal)
    for text, decimal, said in [
        (WORD, ".", "column's type (number)"), (NUMBER, ".", "above the greatest"),
        ("inf", ".", "type"), ("-inf", ".", "type"), ("Infinity", ".", "type"),
        ("nan", ".", "type"), ("1e999", ".", "type"), ("9" * 400, ".", "attendance"),
        ("-1", ".", "below the least"), ("1e300", ".", "above the greatest"),
        ("0x1F", ".", "type"), ("1.2.3", ".", "type"), ("1,5", ".", "type"),
        ("1.5", ",", "type"), ("1.234,5", ",", "type"), ("1'000", ".", "type"),
        ("sextio", ".", "type"), ("60 min", ".", "type"), ("=1+1", ".", "type"),
        ("٦٠", ".", "type"), ("½", ".", "type"), ("--5", ".", "type"), ("1e", ".", "type"),
        ("true", ".", "type"), ("2024-09-02", ".", "type"), ("#DIV/0!", ".", "type"),
        ("1_0", ".", "type"), ("$60", ".", "type"), ("1:75", ".", "type"), ("1:2:3", ".", "type"),
        ("-1:30", ".", "type"), ("99999:00", ".", "type"), ("9999:59", ".", "above the greatest"),
        ("1:30", ".", ""), ("60 %", ".", "type"), ("1e-400", ".", ""), ("1 000", ".", ""),
        ("−0", ".", ""),
    ]
]  # fmt: skip
NUMBERS += [
    table(f"the truth {text!r}", "attendance", f"{ATTENDANCE}{NUMBER};2024-09-02;60;{text}\n",
          "column's type (boolean)")
    for text in ["kanske", "2", "truee", "None", "-1", WORD]
]  # fmt: skip

VALUES = [
    table("a grade that is none", "grades", f"{GRADES}{NUMBER};2024-06-12;MA;{WORD};VT\n", ""),
    table("a term that is none", "grades", f"{GRADES}{NUMBER};2024-06-12;MA;A;{WORD}\n", "HT, VT"),
    persons("a sex that is none", f"{HEADER}{NUMBER};;{WORD};\n", "Man, Kvinna"),
    persons("a sex with a mark", f"{HEADER}{NUMBER};;Man\u200b;\n", "Man, Kvinna"),
    persons("cells in the wrong order", f"{HEADER}2010-01-31;{NUMBER};;\n", "type (date)"),
    table("a stranger", "grades", f"{GRADES}19900101-9802;2024-06-12;MA;A;VT\n",
          "must be in the table of persons"),
    table("nobody", "grades", f"{GRADES};2024-06-12;MA;A;VT\n", "a value must be there"),
    table("a service that is none", "health_contacts",
          f"person_id;date;service;category\n{NUMBER};2024-06-12;{WORD};x\n", "service"),
]  # fmt: skip

_BROKEN_NUMBERS = {
    "invalid_check_digit": [
        "198112189875", "19811218-9875", "811218-9875", "19811218 9875", "811218+9875",
        "19811218–9875", "\u200b198112189875", "19811218-\u00ad9875", "197010632392",
        "19900101-0008", "\ufeff198112189875",
    ],
    "invalid_date": [
        "198113189876", "811318-9876", "198102309876", "19810230-TF01", "198100009876",
        "198112929876", "20130230-T123", "811200-9876",
    ],
    "local": [
        "1981121898", "19811218987", "1981121898766", "19811218-987A", "19811218--9876",
        "81 12 18", "219811218-9876", "１９８１１２１８９８７６", "1981-12-18-9876",
        "19811218_9876", "'198112189876", "=198112189876", "AB811218-9876", "00000000-0000x",
    ],
    "temporary_number": ["20130101TF01", "20130101 tf01", "20130101-T123", "20130101–TF01"],
}  # fmt: skip
KEPT = dict.fromkeys(["local", "temporary_number"], '"subjects": "<10"')
IDENTITIES = [
    persons(f"the identifier {text!r}", f"{HEADER}{text};;;\n", reported=KEPT.get(kind, kind))
    for kind, texts in _BROKEN_NUMBERS.items()
    for text in texts
]
IDENTITIES += [
    persons(f"an identifier that Excel shortened, {text}", f"{HEADER}{text};;;\n", "shortened")
    for text in ["1.98112E+11", "1,98112E+11", "2E+11"]
]
IDENTITIES += [
    table("links in a circle", "identity_links", "old_id;new_id\nSIM1;SIM2\nSIM2;SIM1\n",
          "back to where they began"),
    table("a link to two", "identity_links", "old_id;new_id\nSIM1;SIM2\nSIM1;SIM3\n",
          "one successor"),
    table("a link to what is no number", "identity_links",
          "old_id;new_id\nSIM1;19811218-9875\n", "from one valid identity"),
    table("a link to nobody", "identity_links", f"old_id;new_id\n{NUMBER};\n", "value must be"),
    table("a long circle", "identity_links", "old_id;new_id\n"
          + "".join(f"S{k};S{(k + 1) % 5000}\n" for k in range(5000)), "back to where"),
    table("links without a column", "identity_links", f"old_id\n{NUMBER}\n", "no new_id"),
]  # fmt: skip

CASES: list[Case] = [
    *FILES, *ENCODINGS, *STRUCTURE, *DATES, *NUMBERS, *VALUES, *IDENTITIES
]  # fmt: skip
