import json

import openpyxl
import pandas as pd
import pytest
from unit.pipeline.keyholder_run import IDS, SECOND_SECRET, make_place

import riskmodel.pipeline.reidentify as module
from riskmodel.errors import DataContractError, PrivacyError, UsageError
from riskmodel.pipeline.reidentify import Disclosure, check_access_log, reidentify
from riskmodel.report.identified_list import describe_columns, write_identified_workbook


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


def ask(place, **changes):
    asked = {"path": place.out / "screening.parquet", "out": place.own / "named.xlsx",
             "who": "Anna Rektor", "purpose": "samtal med vårdnadshavare"}  # fmt: skip
    settings = changes.pop("settings", {})
    return reidentify(place.load(**settings), Disclosure(**asked | changes))


def read_sheet(path, number=0):
    book = openpyxl.load_workbook(path)
    rows = list(book.worksheets[number].iter_rows(values_only=True))
    return pd.DataFrame(rows[1:], columns=rows[0])


def test_the_list_gets_identities_names_and_class_and_the_use_is_logged(place):
    note = ask(place)
    sheet = read_sheet(place.own / "named.xlsx")
    assert sheet["Personnummer"].tolist() == IDS[:12]
    assert sheet["Namn"].tolist() == [f"Elev {n}" for n in range(1, 13)]
    assert set(sheet["Klass"]) == {"9A"}
    assert sheet["Hela pseudonymen"].tolist() == place.pseudonyms(IDS[:12])
    logged = json.loads(place.log.read_text(encoding="utf-8"))
    assert (logged["who"], logged["pupils"]) == ("Anna Rektor", 12)
    assert not any(text in place.log.read_text("utf-8") for text in [*IDS, "Elev 1"])
    assert "rad 1" in note
    facts = openpyxl.load_workbook(place.own / "named.xlsx").worksheets[1]
    assert logged["hash"] in [cell.value for cell in facts["B"]]


def test_a_list_that_the_team_filled_in_keeps_what_it_wrote(place):
    frame = pd.read_parquet(place.out / "screening.parquet")
    columns = describe_columns(frame.assign(decision="kontakt tagen", comment="ringt"), "sv")
    facts = dict.fromkeys(("who", "purpose", "time", "list_sha256", "number", "hash"), "x")
    filled = place.own / "filled.xlsx"
    write_identified_workbook([], columns, facts, filled, language="sv")
    ask(place, path=filled)
    sheet = read_sheet(place.own / "named.xlsx")
    assert sheet["Personnummer"].tolist() == IDS[:12]
    assert set(sheet["Beslut"]) == {"kontakt tagen"}
    assert sheet["Ordning"].tolist() == list(range(1, 13))


def test_a_name_that_looks_like_a_formula_stays_a_text(place):
    evil = [
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "http://x.example",
        '=HYPERLINK("a")',
    ]
    place.write_persons(Namn=evil + ["Elev"] * 23)
    ask(place)
    book = openpyxl.load_workbook(place.own / "named.xlsx")
    cells = [row[1] for row in book.worksheets[0].iter_rows(min_row=2)]
    assert [cell.value for cell in cells[:7]] == [text.strip() for text in evil]
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.quotePrefix and cell.hyperlink is None for cell in cells)


@pytest.mark.parametrize("inside", [True, False])
def test_another_key_names_nobody_and_leaves_nothing(place, inside):
    other = place.write_key("second.key", SECOND_SECRET)
    path = place.out / "screening.parquet"
    if inside:
        report = {"key_id": "3cdf2670db1ae42f", "domain": "riskmodel"}
        (place.out / "data_contract.json").write_text(json.dumps(report), encoding="utf-8")
    else:
        path = place.write_list(place.root / "elsewhere.parquet", IDS[:12])
    with pytest.raises(PrivacyError, match="must be the one"):
        ask(place, path=path, settings={"pseudonyms": {"key_file": str(other)}})
    assert sorted(p.name for p in place.own.iterdir()) == ["first.key", "second.key"]


def test_another_domain_names_nobody(place):
    settings = {"pseudonyms": {"key_file": str(place.key_file), "domain": "research"}}
    with pytest.raises(PrivacyError, match="with domain research"):
        ask(place, settings=settings)
    assert not place.log.exists()


def test_a_broken_log_is_refused_before_any_name_is_written(place):
    ask(place)
    place.log.write_bytes(place.log.read_bytes().replace(b'"pupils":12', b'"pupils":11'))
    with pytest.raises(PrivacyError, match="unbroken chain"):
        ask(place, out=place.own / "again.xlsx")
    assert not (place.own / "again.xlsx").exists()
    with pytest.raises(PrivacyError, match="unbroken chain"):
        check_access_log(place.log)


def test_a_kill_between_log_and_output_leaves_the_use_in_the_log(place, monkeypatch):
    def kill(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_identified_workbook", kill)
    with pytest.raises(KeyboardInterrupt):
        ask(place)
    assert not (place.own / "named.xlsx").exists()
    monkeypatch.undo()
    ask(place)
    assert check_access_log(place.log, key_file=place.key_file).startswith("2 entries")


def test_nothing_is_written_where_the_log_cannot_be(place):
    (place.own / "file").touch()
    with pytest.raises(PrivacyError, match="No identity was written out"):
        ask(place, log=place.own / "file" / "log.jsonl")
    assert not (place.own / "named.xlsx").exists()


def test_protected_pupils_are_left_out_whatever_another_register_says(place):
    place.write_persons(Namn="Elev", security_marking=["Sekretessmarkering"] + ["Ingen"] * 29)
    other = place.own / "school.csv"
    frame = pd.DataFrame({"pnr": IDS[:11], "Förnamn": "Bo", "Efternamn": "Ek"})
    frame.to_csv(other, index=False, sep=";")
    note = ask(place, register=other, id_column="pnr")
    sheet = read_sheet(place.own / "named.xlsx")
    assert sheet["Personnummer"].dropna().tolist() == IDS[1:11]
    assert sheet["Personnummer"].isna().sum() == 1
    assert list(sheet.columns[:3]) == ["Personnummer", "Förnamn", "Efternamn"]
    assert note.count("<10") == 2


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_another_register_is_read_as_its_system_wrote_it(place, encoding):
    rows = "".join(f"{number}\tÅsa\tEk\r\n" for number in IDS)
    text = f"Elevlista\r\n\r\npnr\tFörnamn\tEfternamn\r\n{rows}Antal elever: {len(IDS)}\r\n"
    (place.own / "school.txt").write_bytes(text.encode(encoding))
    ask(place, register=place.own / "school.txt", id_column="pnr")
    sheet = read_sheet(place.own / "named.xlsx")
    assert set(sheet["Förnamn"].dropna()) == {"Åsa"}
    assert sheet["Personnummer"].dropna().isin(IDS).all()


def test_a_register_that_says_two_things_of_a_person_is_refused(place):
    frame = pd.read_csv(place.persons, sep=";")
    frame.to_csv(place.persons, sep=";", index=False)
    pd.concat([frame, frame[:1]]).to_csv(place.persons, sep=";", index=False)
    ask(place)
    pd.concat([frame, frame[:1].assign(Namn="Annan")]).to_csv(place.persons, sep=";", index=False)
    with pytest.raises(DataContractError) as caught:
        ask(place, out=place.own / "again.xlsx")
    assert not any(text in str(caught.value) for text in (IDS[0], "Annan", "Elev"))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"out": "run/named.xlsx"}, PrivacyError),
        ({"out": "named.xlsx"}, PrivacyError),
        ({"log": "run/log.jsonl"}, PrivacyError),
        ({"out": "../own/named.csv"}, UsageError),
        ({"out": "../own/first.key"}, UsageError),
        ({"path": "run/none.parquet"}, UsageError),
        ({"path": "run.yaml"}, DataContractError),
        ({"path": "run/empty.parquet"}, UsageError),
        ({"path": "run/other.parquet"}, DataContractError),
    ],
)
def test_places_and_files_that_do_not_fit_are_refused(place, changes, error):
    place.load()
    place.write_list(place.out / "empty.parquet", [])
    pd.DataFrame({"a": [1]}).to_parquet(place.out / "other.parquet")
    paths = {name: place.root / "project" / path for name, path in changes.items()}
    with pytest.raises(error):
        ask(place, **paths)
    assert sorted(p.name for p in place.own.iterdir()) == ["first.key"]


def test_the_columns_to_show_can_be_named(place):
    ask(place, show=("Klass",))
    assert list(read_sheet(place.own / "named.xlsx").columns[:3]) == [
        "Personnummer",
        "Klass",
        "Skola",
    ]
    with pytest.raises(DataContractError, match="Did you mean 'Klass'"):
        ask(place, show=("Klas",), out=place.own / "again.xlsx")


def test_an_entry_that_was_cut_off_is_missed(place):
    ask(place)
    head = json.loads(place.log.read_text("utf-8"))["hash"]
    assert "1 entries" in check_access_log(place.log, expect=head)
    place.log.write_bytes(b"")
    with pytest.raises(PrivacyError, match="cut off"):
        check_access_log(place.log, expect=head)
