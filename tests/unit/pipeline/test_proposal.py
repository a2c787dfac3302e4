"""From a folder of exports to a configuration that reads them as what they are."""

import datetime as dt
import zipfile
from itertools import cycle, islice

import openpyxl
import pandas as pd
import pytest

from riskmodel.core.schema import TABLES
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import UsageError
from riskmodel.ingest.specs import SourceSpec
from riskmodel.ingest.stage import ingest_tables
from riskmodel.pipeline.proposal import propose_configuration
from riskmodel.pipeline.runs import load_run
from riskmodel.privacy.identities import has_check_digit, normalise_identifier

N = 60
FORMS = ("long_dash", "long", "short_dash", "short")
CANARIES = ("Kanariefågel", "Öberg", "kanarie@skola.example")


def make_number(k):
    """A number in the form of Skatteverket's test numbers (238x, 239x) of somebody born 2005-."""
    body = (dt.date(2005, 1, 1) + dt.timedelta(days=17 * k)).strftime("%Y%m%d") + f"23{8 + k % 2}"
    return next(body + str(c) for c in range(10) if has_check_digit(body[2:] + str(c)))


NUMBERS = [make_number(k) for k in range(N)]


def write_number(number, form):
    day, tail = number[:8], number[8:]
    return {
        "long_dash": f"{day}-{tail}",
        "long": number,
        "short_dash": f"{day[2:]}-{tail}",
        "short": day[2:] + tail,
        "integer": str(int(day[2:] + tail)),
    }[form]


def of_day(day, style):
    return {
        "iso": day.isoformat(),
        "compact": f"{day:%Y%m%d}",
        "spoken": f"{day.day}/{day.month} {day.year}",
        "serial": (day - dt.date(1899, 12, 30)).days,
        "real": day,
    }[style]


@pytest.fixture(scope="module")
def truth():
    """What the exports hold, in the library's own words."""
    born = [dt.date.fromisoformat(f"{n[:4]}-{n[4:6]}-{n[6:8]}") for n in NUMBERS]
    lessons = [(k, dt.date(2023, 9, 1) + dt.timedelta(days=d)) for d in range(14) for k in range(N)]
    subjects = {"Matematik": "MA", "Svenska som andraspråk": "SVA", "Engelska": "EN", "Bild": "BL"}
    return {
        "persons": pd.DataFrame(
            {
                "person_id": NUMBERS,
                "birth_date": born,
                "sex": list(islice(cycle(["Kvinna", "Man", "Man"]), N)),
                "municipality": "Borås",
                "security_marking": list(islice(cycle(["Ingen"] * 7 + ["Sekretessmarkering"]), N)),
            }
        ),
        "enrolments": pd.DataFrame(
            {
                "person_id": NUMBERS,
                "school_unit": list(islice(cycle(["12345678", "87654321"]), N)),
                "school_class": list(islice(cycle(["9A", "9B"]), N)),
                "school_type": "GR",
                "school_year": 9,
                "start_date": dt.date(2023, 8, 16),
                "end_date": dt.date(2024, 6, 14),
            }
        ),
        "attendance": pd.DataFrame(
            {
                "person_id": [NUMBERS[k] for k, _ in lessons],
                "date": [day for _, day in lessons],
                "offered_minutes": 52.5,
                "attended_minutes": [40.5 if k % 3 else 52.5 for k, _ in lessons],
                "invalid_absence_minutes": [12.0 if k % 3 else 0.0 for k, _ in lessons],
            }
        ),
        "grades": pd.DataFrame(
            [
                (number, dt.date(2024, 6, 12), code, "ABCDEF-"[(k + j) % 7], "VT")
                for k, number in enumerate(NUMBERS)
                for j, code in enumerate(subjects.values())
            ],
            columns=["person_id", "date", "subject", "grade", "term"],
        ),
    }


def write_exports(folder, truth, *, form, style, encoding, delimiter, wide):
    """The same as a Swedish system would write it, with names, free text and an address in it."""
    people = truth["persons"].merge(truth["enrolments"], on="person_id")
    pupils = pd.DataFrame(
        {
            "Personnr": [write_number(n, form) for n in people["person_id"]],
            "Förnamn": CANARIES[0],
            "Efternamn": CANARIES[1],
            "E-post": CANARIES[2],
            "Kön": people["sex"].map({"Kvinna": "Flicka", "Man": "Pojke"}),
            "Född": [of_day(day, style) for day in people["birth_date"]],
            "Hemkommun": people["municipality"],
            "Sekretess": people["security_marking"].map({"Ingen": "0", "Sekretessmarkering": "1"}),
            "Skolenhetskod": people["school_unit"],
            "Klass": people["school_class"],
            "Skolform": "Grundskola",
            "Årskurs": "Åk 9",
            "Fr.o.m.": [of_day(day, style) for day in people["start_date"]],
            "T.o.m.": [of_day(day, style) for day in people["end_date"]],
        }
    )
    lessons = truth["attendance"]
    attendance = pd.DataFrame(
        {
            "Personnummer": [write_number(n, form) for n in lessons["person_id"]],
            "Datum": [of_day(day, style) for day in lessons["date"]],
            "Undervisningstid (timmar)": [
                f"{minutes / 60:.6f}".replace(".", ",") for minutes in lessons["offered_minutes"]
            ],
            "Närvarominuter": [f"{m:.1f}".replace(".", ",") for m in lessons["attended_minutes"]],
            "Ogiltig frånvaro": lessons["invalid_absence_minutes"].astype(int),
            "Kommentar": f"ring {CANARIES[0]}",
        }
    ).rename(columns={"Undervisningstid (timmar)": "Undervisningstid"})
    attendance["Undervisningstid"] = "52,5"
    for name, frame in (("Elevlista", pupils), ("Frånvaro ht23", attendance)):
        frame.to_csv(folder / f"{name}.csv", sep=delimiter, encoding=encoding, index=False)
    write_grades(folder, truth["grades"], form, style, wide)


def write_grades(folder, grades, form, style, wide):
    words = {"MA": "Matematik", "SVA": "Svenska som andraspråk", "EN": "Engelska", "BL": "Bild"}
    frame = grades.assign(subject=grades["subject"].map(words))
    if wide:
        frame = frame.pivot(index="person_id", columns="subject", values="grade").reset_index()
        frame = frame.assign(date=dt.date(2024, 6, 12), term="VT")
    frame = frame.assign(term="VT 2024")
    names = {"date": "Betygsdatum", "term": "Termin", "subject": "Ämne", "grade": "Betyg"}
    book = openpyxl.Workbook()
    book.active.title = "Betyg"
    book.active.append(["Betyg årskurs 9"])
    book.active.append(
        ["Personnummer", *(names.get(c, c) for c in frame.columns if c != "person_id")]
    )
    for row in frame.to_dict("records"):
        number = write_number(row.pop("person_id"), form)
        day = {"serial": of_day(row["date"], "serial")}.get(style, row["date"])
        row["date"] = day
        is_number = form in {"short", "integer"}
        book.active.append([int(number) if is_number else number, *row.values()])
    book.save(folder / "Betyg.xlsx")


def read_tables(sources):
    """The tables of some sources as sorted rows, persons in their one form."""
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as engine:
        result = ingest_tables(engine, sources, TABLES)
        frames = {name: engine.to_pandas(table) for name, table in result.tables.items()}
    return {name: to_rows(frame) for name, frame in frames.items()}


def to_rows(frame):
    plain = frame.astype(object).where(frame.notna(), None)
    plain["person_id"] = [normalise_identifier(text) for text in plain["person_id"]]
    return sorted(plain.to_dict("records"), key=str)


@pytest.fixture(scope="module")
def expected(truth, tmp_path_factory):
    """What the library reads where the same is written in its own words."""
    folder = tmp_path_factory.mktemp("own")
    sources = {}
    for name, frame in truth.items():
        frame.to_csv(folder / f"{name}.csv", index=False, encoding="utf-8")
        sources[name] = SourceSpec(path=folder / f"{name}.csv")
    return read_tables(sources)


DIALECTS = {
    "windows": ("long_dash", "compact", "cp1252", ";", False),
    "byte order mark": ("short_dash", "spoken", "utf-8-sig", ";", True),
    "commas": ("long", "iso", "utf-8", ",", False),
    "spreadsheet": ("integer", "serial", "cp1252", ";", True),
    "short": ("short", "spoken", "utf-8", ";", False),
    "unicode text": ("long", "spoken", "utf-16", "\t", False),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_proposal_reads_each_dialect_as_what_it_is(tmp_path, truth, expected, dialect):
    form, style, encoding, delimiter, wide = DIALECTS[dialect]
    folder, out = tmp_path / "export", tmp_path / "run.yaml"
    folder.mkdir()
    write_exports(
        folder, truth, form=form, style=style, encoding=encoding, delimiter=delimiter, wide=wide
    )
    said = propose_configuration([folder], out, template="compulsory_school")
    text = out.read_text(encoding="utf-8")
    config = load_run(out).config
    assert set(config.sources) == set(truth)  # the outcome is computed from the grades
    sources = {name: config.sources[name] for name in truth}
    assert read_tables(sources) == expected
    unsure = [line for line in text.splitlines() if "# OSÄKER" in line]
    assert len(unsure) == (4 if form in {"integer"} else 1 if form == "short" else 0)
    assert "# SAKNAS: " not in text
    assert not any(secret in "\n".join([text, *said]) for secret in (*CANARIES, *NUMBERS))
    assert not any(write_number(n, form) in text + "\n".join(said) for n in NUMBERS)
    assert not config.is_simulated
    assert "simulera" not in text


def test_the_same_files_give_the_same_bytes(tmp_path, truth):
    form, style, encoding, delimiter, wide = DIALECTS["windows"]
    texts = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        write_exports(
            folder, truth, form=form, style=style, encoding=encoding, delimiter=delimiter, wide=wide
        )
        said = propose_configuration([folder], folder / "run.yaml", template="compulsory_school")
        texts.append(((folder / "run.yaml").read_bytes(), [x for x in said if "Skrev" not in x]))
    assert texts[0] == texts[1]


def test_nothing_is_overwritten(tmp_path):
    out = tmp_path / "run.yaml"
    out.write_text("mine", encoding="utf-8")
    (tmp_path / "p.csv").write_text("personnr;kön\n20051218-2395;Flicka\n", "utf-8")
    with pytest.raises(UsageError, match="new file, got the existing run.yaml"):
        propose_configuration([tmp_path / "p.csv"], out, template="compulsory_school")
    assert out.read_text(encoding="utf-8") == "mine"


def make_hostile(folder):
    """Files that cannot be used, each with a word of what is said of it."""
    texts = {
        "tom.csv": (b"", "är tom"),
        "utan_rubrik.csv": (b"20051218-2395;Flicka\n20051218-2395;Pojke\n", "saknar rubrikrad"),
        "dubbla.csv": ("Personnr;Kön;kön\n1;2;3\n".encode(), "samma rubrik flera"),
        "bara_rubrik.csv": (b"Personnr;Betyg\n", "inga rader"),
        "en_kolumn.csv": (b"Personnr\n1\n", "en enda kolumn"),
        "utf16.csv": (b"\xff\xfeP\x00\x00\xd8k\x00", "varken utf-8, utf-16 eller cp1252"),
        "binar.csv": (b"PK\x03\x04\x00\x00", "inte text"),
        "nollor.csv": (b"a;b\n\x00;\x81\n", "varken utf-8, utf-16 eller cp1252"),
        "odefinierat.csv": (b"a;b\n\x81;\x8d\n", "varken utf-8, utf-16 eller cp1252"),
        "gammal.xls": (bytes.fromhex("D0CF11E0A1B11AE1") + b"x", "gammalt Excel-format"),
        "last.xlsx": (bytes.fromhex("D0CF11E0A1B11AE1") + b"x", "lösenordsskyddad"),
        "trasig.xlsx": (b"PK\x03\x04not a zip", "inte en Excel-fil"),
        "text.xlsx": (b"Personnr;Betyg", "inte en Excel-fil"),
        "trasig.parquet": (b"PAR1", "inte Parquet"),
    }
    for name, (content, _) in texts.items():
        (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / "zip.xlsx", "w") as archive:
        archive.writestr("a.txt", "x")
    openpyxl.Workbook().save(folder / "tom.xlsx")
    words = {name: word for name, (_, word) in texts.items()}
    return words | {"zip.xlsx": "inte en Excel-fil", "tom.xlsx": "är tom"}


def test_each_unfit_file_is_said_and_none_stops_the_others(tmp_path):
    words = make_hostile(tmp_path)
    out = tmp_path / "out" / "run.yaml"
    with pytest.raises(UsageError) as caught:
        propose_configuration([tmp_path], out, template="compulsory_school")
    assert not out.parent.exists()
    for name, word in words.items():
        (line,) = [line for line in caught.value.findings if f": {name}" in line]
        assert word in line
    (tmp_path / "elever.csv").write_text("Personnr;Kön\n20051218-2395;Flicka\n", "utf-8")
    propose_configuration([tmp_path], out, template="compulsory_school")
    assert load_run(out).config.sources["persons"].path == tmp_path / "elever.csv"


def test_paths_that_lead_nowhere_are_refused(tmp_path):
    for paths, expected in (([tmp_path / "none.csv"], "got none.csv"), ([tmp_path], "got 0")):
        with pytest.raises(UsageError, match=expected):
            propose_configuration(paths, tmp_path / "run.yaml", template="compulsory_school")


def propose(folder, text, name="Elevlista.csv", **options):
    (folder / name).write_text(text, "utf-8")
    out = folder / "run.yaml"
    said = propose_configuration([folder / name], out, template="compulsory_school", **options)
    return said, out.read_text("utf-8"), load_run(out).config


def pupils(heading, values):
    rows = [f"{NUMBERS[k]};{value}" for k, value in enumerate(values)]
    return "\n".join([f"Personnr;{heading}", *rows]) + "\n"


def test_dates_that_are_two_days_are_both_proposed_and_so_refused(tmp_path):
    said, text, config = propose(tmp_path, pupils("Född;Kön", ["3/4/2005;F"] * 20))
    assert config.sources["persons"].date_formats == ("%d/%m/%Y", "%m/%d/%Y")
    assert "OSÄKER: datumen kan läsas på två sätt: %d/%m/%Y, %m/%d/%Y" in text
    (sure,) = [line for line in said if line.startswith("  säkert")]
    assert "encoding = utf-8" in sure
    assert "date_format" not in sure
    with (
        open_engine(EngineSpec(threads=1, memory_limit="1GB")) as engine,
        pytest.raises(Exception, match="two days"),
    ):
        ingest_tables(engine, {"persons": config.sources["persons"]}, TABLES)


def test_of_two_columns_that_fit_one_is_taken_and_said_to_be_unsure(tmp_path):
    values = [f"x;{sex}" for sex in ("Flicka", "Pojke") * 10]
    said, text, config = propose(tmp_path, pupils("Kön;Juridiskt kön", values))
    assert config.sources["persons"].columns["sex"] == "Juridiskt kön"
    assert "OSÄKER: flera kolumner passar: Juridiskt kön, Kön" in text
    assert any("sex: flera kolumner passar" in line for line in said)


def test_unknown_values_are_counted_and_not_shown(tmp_path):
    values = ["Flicka", "Pojke", *(f"hemlig{k}" for k in range(12))]
    said, text, _ = propose(tmp_path, pupils("Kön", values))
    assert "12 olika värden i Kön är okända" in text
    assert "  outcomes: {path: SAKNAS-outcomes.csv}  # SAKNAS: ingen fil hittad" in text
    assert not any("hemlig" in line for line in [text, *said])
    assert "sex: {Flicka: Kvinna, Pojke: Man}" in text


def test_a_heading_nobody_knows_is_found_by_its_personal_numbers(tmp_path):
    text = pupils("Kön", ["Flicka", "Pojke"] * 10).replace("Personnr", "Kolumn ett")
    said, _, config = propose(tmp_path, text)
    assert config.sources["persons"].columns["person_id"] == "Kolumn ett"
    assert any("rubriken är okänd men innehållet är personnummer" in line for line in said)


def test_hours_are_proposed_as_hours(tmp_path):
    text = pupils("Datum;Giltig frånvaro timmar", ["2024-09-02;1,5"] * 20)
    _, text, config = propose(tmp_path, text, name="Frånvaro.csv")
    assert "verkar vara timmar" in text
    assert config.sources["attendance"].factors == {"valid_absence_minutes": 60}
    assert config.sources["attendance"].decimal == ","


def test_hours_and_minutes_need_no_factor_and_shares_are_no_minutes(tmp_path):
    heading = "Datum;Giltig frånvaro (tim);Ogiltig frånvaro %;Ogiltig frånvaro tim"
    text = pupils(heading, ["2024-09-02;1:30;5 %;0,5"] * 20)
    _, text, config = propose(tmp_path, text, name="Frånvaro.csv")
    source = config.sources["attendance"]
    assert source.columns["invalid_absence_minutes"] == "Ogiltig frånvaro tim"
    assert source.factors == {"invalid_absence_minutes": 60}


def test_a_report_with_titles_merged_headings_sheets_and_sums_is_read_as_a_table(tmp_path):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for k, title in enumerate(("Ekskolan", "Alskolan")):
        sheet = book.create_sheet(title)
        sheet.append([f"Frånvaro {title}"])
        sheet.append([])
        sheet.append(["Personnr", "Datum", "Giltig frånvaro", None, "Ogiltig frånvaro", None])
        sheet.append([None, None, "Timmar", "%", "Timmar", "%"])
        for number in NUMBERS[k * 30 : k * 30 + 30]:
            sheet.append([number, dt.date(2024, 9, 2), 1.5, "3 %", 2, "4 %"])
        sheet.append(["Summa", None, 45, None, 60, None])
    book.save(tmp_path / "Frånvaro.xlsx")
    out = tmp_path / "run.yaml"
    said = propose_configuration([tmp_path], out, template="compulsory_school")
    source = load_run(out).config.sources["attendance"]
    assert (source.sheets, source.heading_rows) == (("Ekskolan", "Alskolan"), (3, 4))
    assert source.footer_rows == 1
    assert any("de sista raderna verkar vara summor" in line for line in said)
    (tmp_path / "p.csv").write_text("person_id\n" + "\n".join(NUMBERS) + "\n", "utf-8")
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as engine:
        sources = {"persons": SourceSpec(path=tmp_path / "p.csv"), "attendance": source}
        result = ingest_tables(engine, sources, TABLES)
        rows = engine.to_pandas(result.tables["attendance"])
    assert len(rows) == N
    assert set(rows["valid_absence_minutes"]) == {90}
    assert set(rows["invalid_absence_minutes"]) == {120}


def test_a_sparse_last_pupil_is_no_sum(tmp_path):
    text = pupils("Kön;Född;Klass", ["Flicka;2005-01-31;9A"] * 20) + f"{NUMBERS[40]};;;\n"
    _, _, config = propose(tmp_path, text)
    assert config.sources["persons"].footer_rows == 0


def test_a_file_that_fits_a_table_less_than_another_is_named_with_it(tmp_path):
    write_lessons(tmp_path, "Närvaro ht", "09")
    (tmp_path / "Dagar.csv").write_text(
        "Personnr;Närvarominuter\n" + "".join(f"{number};45\n" for number in NUMBERS), "utf-8"
    )
    out = tmp_path / "run.yaml"
    said = propose_configuration([tmp_path], out, template="compulsory_school")
    assert "Läses inte: Dagar.csv: liknar attendance, men saknar mer av den än en annan fil" in said


def test_shortened_numbers_are_said_to_be_lost(tmp_path):
    values = [*NUMBERS[:15], *(f"2,0051{k}E+11" for k in range(10, 25))]
    text = "Personnr;Kön\n" + "".join(f"{value};Flicka\n" for value in values)
    _, text, _ = propose(tmp_path, text)
    assert "15 personnummer är förkortade av Excel" in text


def test_names_of_files_that_hold_a_number_are_not_shown(tmp_path):
    (tmp_path / "Omdöme 20051218-2395.csv").write_text("a;b\n1;2\n", "utf-8")
    (tmp_path / "elever.csv").write_text(pupils("Kön", ["Flicka"] * 20), "utf-8")
    said = propose_configuration([tmp_path], tmp_path / "r.yaml", template="compulsory_school")
    assert "2395" not in "\n".join(said)
    assert any(line == "Känns inte igen: …" for line in said)


def test_english_exports_and_english_words(tmp_path):
    text = pupils("birthDate;Sex", ["2005-01-31;Female"] * 20).replace("Personnr", "civicNo.value")
    said, text, config = propose(tmp_path, text, name="persons.csv", language="en")
    assert config.sources["persons"].columns == {
        "person_id": "civicNo.value",
        "birth_date": "birthDate",
        "sex": "Sex",
    }
    assert "MISSING: no file found" in text
    assert any(line.startswith("  sure: ") for line in said)


def write_lessons(folder, name, month, encoding="utf-8"):
    rows = "".join(f"{number};2024-{month}-0{1 + k % 9};45\n" for k, number in enumerate(NUMBERS))
    text = "Personnr;Datum;Närvarominuter\n" + rows
    (folder / f"{name}.csv").write_text(text, encoding=encoding)


def test_one_file_per_term_becomes_one_table(tmp_path):
    write_lessons(tmp_path, "Närvaro ht", "09", "cp1252")
    write_lessons(tmp_path, "Närvaro vt", "02", "cp1252")
    write_lessons(tmp_path, "Närvaro gammal", "01", "utf-8")
    out = tmp_path / "run.yaml"
    propose_configuration([tmp_path], out, template="compulsory_school")
    source = load_run(out).config.sources["attendance"]
    text = out.read_text("utf-8")
    together = [path.name for path in source.paths]
    assert together in (["Närvaro ht.csv", "Närvaro vt.csv"], ["Närvaro gammal.csv"])
    assert "skriven på annat sätt eller upprepar elever" in text
    (tmp_path / "Närvaro gammal.csv").unlink()
    out.unlink()
    propose_configuration([tmp_path], out, template="compulsory_school")
    source = load_run(out).config.sources["attendance"]
    assert [path.name for path in source.paths] == ["Närvaro ht.csv", "Närvaro vt.csv"]
    names = "Närvaro ht.csv, Närvaro vt.csv"
    assert f"OSÄKER: filerna är skrivna på samma sätt och läses som en tabell: {names}." in (
        out.read_text("utf-8")
    )
    (tmp_path / "p.csv").write_text("person_id\n" + "\n".join(NUMBERS) + "\n", "utf-8")
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as engine:
        sources = {"persons": SourceSpec(path=tmp_path / "p.csv"), "attendance": source}
        rows = ingest_tables(engine, sources, TABLES).report.usable_rows
    assert rows["attendance"] == 2 * N


def test_two_lists_of_the_same_pupils_are_not_joined(tmp_path):
    for name in ("Elevlista", "Elevlista (1)"):
        (tmp_path / f"{name}.csv").write_text(pupils("Kön", ["Flicka"] * 20), "utf-8")
    out = tmp_path / "run.yaml"
    propose_configuration([tmp_path], out, template="compulsory_school")
    assert len(load_run(out).config.sources["persons"].paths) == 1
    assert "OSÄKER: även Elevlista" in out.read_text("utf-8")


@pytest.mark.parametrize("template", ["compulsory_school", "early_years", "upper_secondary"])
def test_every_template_of_a_run_can_be_filled(tmp_path, template):
    (tmp_path / "elever.csv").write_text(pupils("Kön", ["Flicka"] * 20), "utf-8")
    out = tmp_path / "run.yaml"
    propose_configuration([tmp_path], out, template=template)
    config = load_run(out).config
    assert config.name == template
    assert config.out == tmp_path / "riskmodel-runs" / template
    assert config.sources["persons"].path == tmp_path / "elever.csv"
    assert "simulera" not in out.read_text("utf-8")


def test_a_template_without_sources_is_refused(tmp_path):
    (tmp_path / "elever.csv").write_text(pupils("Kön", ["Flicka"] * 20), "utf-8")
    with pytest.raises(UsageError, match="one with `sources`, got 'region'"):
        propose_configuration([tmp_path], tmp_path / "run.yaml", template="region")
    assert not (tmp_path / "run.yaml").exists()
