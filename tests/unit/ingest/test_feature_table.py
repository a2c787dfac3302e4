from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from riskmodel.errors import DataContractError, PrivacyError
from riskmodel.ingest.feature_table import NO_DATE, read_feature_table
from riskmodel.ingest.specs import FeatureTableSpec, LabelSpec

TEXT = """id;school;sex;job;paid;age;score;grade
SIM000000003;S1;F;teacher;yes;"17";1,5;12
SIM000000001;S2;M;other;no;18;;9
SIM000000002;S1;;;;16;-2,25;
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TEXT, encoding="utf-8")
    return path


def make_spec(path, **options):
    known = {
        "path": path,
        "decimal": ",",
        "label": LabelSpec(column="grade", below=10),
        "id_column": "id",
        "cluster_column": "school",
        "sensitive_columns": ("sex",),
    }
    return FeatureTableSpec(**(known | options))


def by_age(frame, table):
    """Return rows in the order of age, which tells the persons apart."""
    ages = table.features.set_index("subject_id")["age"].sort_values().index
    return frame.set_index("subject_id").loc[ages]


def findings_of(spec, key=None):
    with pytest.raises(DataContractError) as caught:
        read_feature_table(spec, key)
    return list(caught.value.findings)


def test_columns_become_numbers(path, key):
    table = read_feature_table(make_spec(path), key)
    features = by_age(table.features, table)
    assert list(features)[1:] == list(table.columns)
    assert table.columns == ("job=other", "job=teacher", "paid=yes", "age", "score")
    expected = [[np.nan, np.nan, np.nan, 16, -2.25], [0, 1, 1, 17, 1.5], [1, 0, 0, 18, np.nan]]
    np.testing.assert_array_equal(features[list(table.columns)].to_numpy(), expected)
    assert (features["prediction_date"] == NO_DATE).all()
    assert all(kind == "float64" for kind in features[list(table.columns)].dtypes)


def test_labels_and_subjects_have_the_stages_shapes(path, key, tmp_path):
    day = dt.date(2024, 11, 1)
    table = read_feature_table(make_spec(path, prediction_date=day), key)
    labels = by_age(table.labels, table)
    assert labels["label"].fillna(-1).tolist() == [-1, 0, 1]
    assert labels["status"].tolist() == ["unknown", "observed", "observed"]
    assert labels["school_unit"].tolist() == ["S1", "S1", "S2"]
    assert (labels["prediction_date"] == day).all()
    for name, value in {"cohort": "all", "point": "table", "split": "none"}.items():
        assert (labels[name] == value).all()
    assert by_age(table.subjects, table)["sex"].fillna("?").tolist() == ["?", "F", "M"]
    table.labels.to_parquet(tmp_path / "labels.parquet")
    schema = pq.read_schema(tmp_path / "labels.parquet")
    assert schema.field("outcome_known_date").type == pa.date32()
    assert schema.field("prediction_date").type == pa.date32()


def test_identifiers_become_pseudonyms_in_order(path, key):
    table = read_feature_table(make_spec(path), key)
    subjects = table.features["subject_id"]
    assert subjects.str.fullmatch("[0-9a-f]{32}").all()
    assert subjects.is_monotonic_increasing
    assert table.labels["subject_id"].equals(subjects)
    assert table.subjects["subject_id"].equals(subjects)
    assert "SIM" not in repr(table)
    other = read_feature_table(make_spec(path), key, domain="other")
    assert not set(other.features["subject_id"]) & set(subjects)


def test_no_key_no_run(path):
    with pytest.raises(PrivacyError, match="keygen"):
        read_feature_table(make_spec(path), None)


def test_without_identifiers_rows_are_numbered(path):
    spec = make_spec(path, id_column=None, feature_columns=("age",), cluster_column=None)
    table = read_feature_table(spec, None)
    assert table.features["subject_id"].tolist() == ["row-000001", "row-000002", "row-000003"]
    assert table.features["age"].tolist() == [17, 18, 16]
    assert (table.labels["school_unit"] == "all").all()


def test_sensitive_columns_are_features_only_when_named(path, key):
    table = read_feature_table(make_spec(path, feature_columns=("sex", "age")), key)
    assert table.columns == ("sex=F", "sex=M", "age")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"column": "job", "positive": ("other", "nurse")}, [-1, 0, 1]),
        ({"column": "age", "positive": (18,)}, [0, 0, 1]),
        ({"column": "score", "at_least": 1.5}, [0, 1, -1]),
        ({"column": "age", "below": 17}, [1, 0, 0]),
    ],
)
def test_kinds_of_labels(path, key, rule, expected):
    spec = make_spec(path, label=LabelSpec(**rule), feature_columns=("paid",))
    labels = read_feature_table(spec, key).labels
    ages = read_feature_table(make_spec(path), key)
    assert by_age(labels, ages)["label"].fillna(-1).tolist() == expected


@pytest.mark.parametrize(
    "rule", [{}, {"below": 1, "at_least": 2}, {"positive": ()}, {"positive": ("a",), "below": 1}]
)
def test_a_label_has_exactly_one_rule(rule):
    with pytest.raises(ValidationError, match="exactly one"):
        LabelSpec(column="x", **rule)


@pytest.mark.parametrize("name", ["grade", "id"])
def test_label_and_identifier_are_no_features(path, name):
    with pytest.raises(ValidationError, match="must not hold"):
        make_spec(path, feature_columns=("age", name))


def test_absent_columns_come_together_with_the_nearest_name(path, key):
    spec = make_spec(
        path,
        label=LabelSpec(column="grades", below=1),
        cluster_column="scool",
        sensitive_columns=("sexe",),
        feature_columns=("aeg", "sex"),
    )
    findings = findings_of(spec, key)
    assert [finding.split(":")[0] for finding in findings] == [
        "feature_table.grades",
        "feature_table.scool",
        "feature_table.sexe",
        "feature_table.aeg",
    ]
    assert "Did you mean 'grade'?" in findings[0]


def test_broken_cells_come_together(path, key):
    rows = "".join(f"SIM000000003;S1;F;{'x' * n};1;1;1;SECRET\n" for n in range(2, 40))
    path.write_text(TEXT + rows + ";S1;F;a;1;1;1;1\n19811218-9875;S1;F;a;1;1;1;1\n", "utf-8")
    assert findings_of(make_spec(path), key) == [
        "feature_table.grade: values must be of the column's type (number): 38 rows",
        "feature_table.id: a value must be there: <10 rows",
        "feature_table.id: values must be of the column's type (valid identifier): <10 rows",
        "feature_table.id: rows must not repeat: 38 rows",
        "feature_table.job: values must be of the column's type "
        "(a number or at most 30 texts, got 41)",
    ]


def test_a_positive_value_that_never_occurs_is_a_finding(path, key):
    spec = make_spec(path, label=LabelSpec(column="job", positive=("SECRET",)))
    (finding,) = findings_of(spec, key)
    assert "`positive` occurs in no row" in finding
    assert "SECRET" not in finding


def test_names_of_features_must_not_meet(path, key):
    path.write_text("job=a;job;grade\n1;a;1\n2;b;1\n", encoding="utf-8")
    spec = make_spec(path, id_column=None, cluster_column=None, sensitive_columns=())
    assert "feature_table.job:" in findings_of(spec)[0]


def test_an_identifier_never_names_a_feature(path, key):
    path.write_text("who;grade\n19811218-9876;1\nx;2\n", encoding="utf-8")
    spec = make_spec(path, id_column=None, cluster_column=None, sensitive_columns=())
    with pytest.raises(PrivacyError, match="personal_number") as caught:
        read_feature_table(spec, None)
    assert "9876" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx"])
def test_other_formats_give_the_same_table(path, key, tmp_path, suffix):
    frame = pd.read_csv(path, sep=";", decimal=",")
    other = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(other, index=False)
    else:
        book = openpyxl.Workbook()
        for row in [list(frame), *frame.astype(object).where(frame.notna(), None).to_numpy()]:
            book.active.append(list(row))
        book.save(other)
    first = read_feature_table(make_spec(path), key)
    second = read_feature_table(make_spec(other), key)
    pd.testing.assert_frame_equal(first.features, second.features)
    pd.testing.assert_frame_equal(first.labels, second.labels)
    pd.testing.assert_frame_equal(first.subjects, second.subjects)


def test_an_unreadable_file_is_a_finding(tmp_path):
    for name, content in {"a.csv": "", "a.parquet": "x", "a.xlsx": "x", "b.csv": "a;a\n"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        spec = make_spec(tmp_path / name, id_column=None)
        assert findings_of(spec)[0].startswith("feature_table: ")


def find_real_table() -> Path:
    """Return where the open table of Portuguese pupils is, if it is there."""
    folder = os.environ.get("RISKMODEL_DATA")
    root = Path(folder) if folder else Path(__file__).parents[4] / "shared" / "data"
    return root / "uci320" / "student-por.csv"


@pytest.mark.skipif(not find_real_table().is_file(), reason="the real data are absent")
def test_the_portuguese_table_needs_no_preparation():
    spec = FeatureTableSpec(
        path=find_real_table(),
        label=LabelSpec(column="G3", below=10),
        cluster_column="school",
        sensitive_columns=("sex", "Medu"),
    )
    table = read_feature_table(spec, None)
    assert len(table.features) == 649
    assert round(table.labels["label"].mean(), 3) == 0.154
    assert table.features[list(table.columns)].notna().all(axis=None)
    assert {"G1", "absences", "Mjob=teacher", "schoolsup=yes"} <= set(table.columns)
    assert not {"G3", "school", "sex=F", "Medu"} & set(table.columns)
