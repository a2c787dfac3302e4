"""Identifiers planted in the extracts stop at the stage that ends identities."""

from __future__ import annotations

import json
import logging

import pandas as pd
import pytest

from riskmodel.core.schema import TABLES, Column, Table
from riskmodel.engine.session import open_engine
from riskmodel.engine.specs import EngineSpec
from riskmodel.errors import DataContractError, RiskmodelError
from riskmodel.ingest.feature_table import read_feature_table
from riskmodel.ingest.pseudonymise import forget_identities, pseudonymise_tables
from riskmodel.ingest.specs import FeatureTableSpec, LabelSpec, SourceSpec
from riskmodel.ingest.stage import ingest_tables
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.scan import find_identifiers

NUMBERS = ["19811218-9876", "7010632391", "20130101-TF01", "CANARY-000001"]
WRITTEN = ["198112189876", "701063-2391", "20130101TF01", " CANARY-000001"]
KEY = PseudonymKey(bytes(range(32)))
LOCAL = ["CANARY-000001"]


@pytest.fixture
def engine():
    with open_engine(EngineSpec(threads=1, memory_limit="1GB")) as opened:
        yield opened


@pytest.fixture
def sources(tmp_path):
    days = pd.Series(["2024-09-02"] * 4)
    names = ["Anna Andersson", "Bo Berg", "Carl Cedro", "Disa Dahl"]
    frames = {
        "persons": pd.DataFrame(
            {
                "person_id": NUMBERS,
                "birth_date": "2010-05-05",
                "sex": "Kvinna",
                "security_marking": ["Ingen", "Ingen", "Ingen", "Sekretessmarkering"],
                "email": "anna@skola.example.se",
                "name": names,
            }
        ),
        "attendance": pd.DataFrame(
            {"person_id": WRITTEN, "date": days, "offered_minutes": 60, "note": NUMBERS}
        ),
        "support": pd.DataFrame(
            {"person_id": NUMBERS, "start_date": days, "measure": "special_teaching"}
        ),
        "visits": pd.DataFrame({"patient": WRITTEN, "day": days, "kind": "a", "doctor": names}),
    }
    for name, frame in frames.items():
        frame.to_csv(tmp_path / f"{name}.csv", sep=";", index=False)
    return {name: SourceSpec(path=tmp_path / f"{name}.csv") for name in frames}


TABLES_AND_VISITS = TABLES | {
    "visits": Table(
        columns={
            "patient": Column(type="string", required=True),
            "day": Column(type="date", required=True),
            "kind": Column(type="string"),
        },
        person="patient",
        date="day",
        user_declared=True,
    )
}


def test_no_planted_identifier_reaches_an_output(engine, sources, tmp_path, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    ingested = ingest_tables(engine, sources, TABLES_AND_VISITS)
    result = pseudonymise_tables(engine, ingested, KEY, domain="school")
    out = tmp_path / "out"
    for name, table in result.tables.items():
        engine.write_parquet(table, out / f"{name}.parquet")
    forget_identities(engine)
    report = json.dumps([ingested.report.to_dict(), result.report.to_dict()])
    (out / "report.json").write_text(report, encoding="utf-8")
    said = "".join([caplog.text, *capfd.readouterr(), repr(ingested), repr(result)])
    (out / "said.log").write_text(said, encoding="utf-8")
    assert find_identifiers([out], known=NUMBERS + WRITTEN) == []
    everything = b"".join(file.read_bytes() for file in out.iterdir())
    assert b"Andersson" not in everything
    assert KEY.secret.hex().encode() not in everything
    assert len(pd.read_parquet(out / "subjects.parquet")) == 3


def test_the_same_canaries_are_found_where_they_were_planted(sources, tmp_path):
    found = {
        (finding.file.stem, finding.kind) for finding in find_identifiers([tmp_path], known=LOCAL)
    }
    assert {
        (name, kind)
        for name in sources
        for kind in ("personal_number", "temporary_number", "known_identifier")
    } <= found
    assert ("persons", "email") in found


def broken_extracts(sources):
    """Break one thing after another in the extracts."""
    for name, old, new in (
        ("persons", ";2010-05-05", ";19811218-9876"),
        ("persons", ";Kvinna", ";19811218-9876"),
        ("attendance", "2024-09-02", "CANARY-000001"),
        ("attendance", ";60;", ";19811218-9876;"),
        ("attendance", "198112189876;", "198112189876;;;;;"),
        ("support", "19811218-9876", "19900101-9802"),
        ("support", "person_id", "person"),
        ("visits", "a;Anna", 'a;"Anna'),
    ):
        path = sources[name].path
        content = path.read_text(encoding="utf-8")
        assert old in content
        path.write_text(content.replace(old, new), encoding="utf-8")
        yield
        path.write_text(content, encoding="utf-8")


def test_no_error_quotes_an_identifier(engine, sources):
    n_errors = 0
    for _ in broken_extracts(sources):
        with pytest.raises(DataContractError) as caught:
            ingest_tables(engine, sources, TABLES_AND_VISITS)
        n_errors += 1
        error: BaseException | None = caught.value
        while error is not None:
            for planted in ["9876", "CANARY", "19900101", "2391", "Anna"]:
                assert planted not in f"{error!r} {error}"
            error = error.__cause__ or error.__context__
    assert n_errors == 8


def test_a_table_of_features_leaves_no_identifier(tmp_path):
    path = tmp_path / "table.csv"
    rows = [f"{number};{place};{place}" for place, number in enumerate(NUMBERS)]
    path.write_text("\n".join(["who;x;y", *rows]), encoding="utf-8")
    spec = FeatureTableSpec(path=path, label=LabelSpec(column="y", below=2), id_column="who")
    table = read_feature_table(spec, KEY)
    out = tmp_path / "out"
    out.mkdir()
    for name in ("features", "labels", "subjects"):
        getattr(table, name).to_parquet(out / f"{name}.parquet")
    assert find_identifiers([out], known=NUMBERS) == []
    with pytest.raises(RiskmodelError) as caught:
        read_feature_table(spec.model_copy(update={"id_column": None}), KEY)
    assert "9876" not in str(caught.value)
