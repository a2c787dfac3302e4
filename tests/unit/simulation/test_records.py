from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from riskmodel.core.schema import TABLES


@pytest.mark.parametrize("name", sorted(TABLES))
def test_tables_keep_to_the_schema(attended, name):
    table, schema = attended.read(name), TABLES[name]
    assert list(table.columns) == list(schema.columns)
    assert len(table) == attended.summary.rows[name] > 0
    for column, declared in schema.columns.items():
        values = table[column].dropna()
        if declared.required:
            assert len(values) == len(table), column
        if declared.allowed:
            assert set(values) <= set(declared.allowed), column
        if declared.minimum is not None:
            assert (values >= declared.minimum).all(), column
    if schema.unique:
        assert not table.duplicated(list(schema.unique)).any()


def test_files_do_not_need_arrow_metadata(attended):
    schema = pq.read_schema(attended.folder / "extracts" / "attendance.parquet")
    assert str(schema.field("person_id").type) == "string"
    assert str(schema.field("date").type) == "date32[day]"


def test_identifiers_are_obviously_synthetic(whole):
    ids = whole.read("persons")["person_id"]
    assert ids.str.fullmatch(r"SIM\d{9}").all()
    assert ids.is_unique


def test_born_in_the_year_they_turn_16(whole):
    persons = whole.read("persons").merge(
        whole.truth.drop_duplicates("person_id")[["person_id", "cohort"]], on="person_id"
    )
    assert (persons["birth_date"].dt.year + 16 == persons["cohort"]).all()


def test_some_background_is_unknown_and_few_identities_protected(whole):
    persons = whole.read("persons")
    for column in ("migration_background", "parental_education"):
        assert persons[column].isna().mean() == pytest.approx(0.03, abs=0.005)
    assert (persons["security_marking"] != "Ingen").mean() == pytest.approx(0.003, abs=0.0015)


def test_enrolments_of_a_pupil_never_overlap(whole):
    rows = whole.read("enrolments").sort_values(["person_id", "start_date"])
    assert (rows["end_date"].dropna() > rows["start_date"][rows["end_date"].notna()]).all()
    following = rows.groupby("person_id")["start_date"].shift(-1)
    ended = following.notna()
    assert (rows["end_date"][ended] <= following[ended]).all()


def test_a_class_keeps_its_letter_through_the_years_at_a_school(whole):
    rows = whole.read("enrolments")
    early = rows[rows["school_type"] == "GR"]
    assert early["school_class"].str.fullmatch(r"[6-9][A-Z]").all()
    assert (early["school_class"].str[0] == early["school_year"].astype("str")).all()
    letters = early["school_class"].str[1:].groupby([early["person_id"], early["school_unit"]])
    assert (letters.nunique() == 1).all()
    assert rows.loc[rows["school_type"] == "GY", "school_class"].isna().all()


def test_large_schools_have_several_classes_of_about_25(whole):
    rows = whole.read("enrolments").query("school_type == 'GR' and school_year == 9")
    last = rows.drop_duplicates("person_id", keep="last")
    autumn = last["start_date"].dt.year.where(last["start_date"].dt.month > 6)
    sizes = last.groupby(["school_unit", autumn, "school_class"]).size()
    per_school = sizes.groupby("school_unit").agg(["mean", "sum"])
    large = per_school[per_school["sum"] > 40 * 14]
    assert len(large) > 3
    assert large["mean"].between(17, 34).all()


def test_movers_go_on_at_another_school_on_the_same_day(whole):
    rows = whole.read("enrolments").sort_values(["person_id", "start_date"])
    following = rows.groupby("person_id")[["start_date", "school_unit", "school_year"]].shift(-1)
    moved = following["start_date"] == rows["end_date"]
    assert 1_000 < moved.sum() < 8_000
    assert (following["school_unit"][moved] != rows["school_unit"][moved]).all()
    late = rows["known_date"].notna()
    assert (rows["known_date"][late] > rows["start_date"][late]).all()


def test_who_leaves_the_region_has_no_value_and_no_later_rows(whole):
    outcomes = whole.read("outcomes")
    left = outcomes[outcomes["status"].isin(["moved", "deceased"])]
    assert left["value"].isna().all()
    assert outcomes[outcomes["status"] == "observed"]["value"].notna().all()
    assert 0.01 < (left["status"] == "moved").sum() / len(outcomes) < 0.05
    assert 0 < (left["status"] == "deceased").sum() < 60
    for name in ("grades", "health_contacts"):
        later = whole.read(name).merge(left[["person_id", "date"]], on="person_id")
        assert (later["date_x"] < later["date_y"]).all()


def test_late_arrivals_have_no_earlier_grades(whole):
    grades = whole.read("grades")
    first = grades[grades["points"].isna()].groupby("person_id")["school_year"].min()
    born_abroad = whole.read("persons").query("migration_background == 'utrikes född'")
    late = (first > 6)[first.index.isin(born_abroad["person_id"])].mean()
    assert 0.15 < late < 0.35


def test_grades_are_dated_and_coded_as_in_swedish_schools(whole):
    grades = whole.read("grades").head(300_000)
    assert set(grades["grade"]) == {"A", "B", "C", "D", "E", "F", "-"}
    days = grades["date"]
    assert set(days[grades["term"] == "HT"].dt.month) == {12}
    assert set(days[grades["term"] == "VT"].dt.month) == {6}
    compulsory = grades[grades["points"].isna()]
    assert {"SV", "SVA", "EN", "MA", "IDH", "HKK", "M2SPA"} <= set(compulsory["subject"])
    both = compulsory[compulsory["subject"].isin(["SV", "SVA"])].drop_duplicates(
        ["person_id", "subject"]
    )
    assert both["person_id"].is_unique
    shares = compulsory["grade"].value_counts(normalize=True)
    assert 0.0 < shares["-"] < 0.02
    assert shares[["A", "B", "C", "D", "E"]].min() > 0.08


def test_contacts_follow_mental_health_and_visits_are_for_all(whole):
    contacts = whole.read("health_contacts")
    truth = whole.truth.drop_duplicates("person_id").set_index("person_id")
    counts = contacts[contacts["service"] == "counsellor"].groupby("person_id").size()
    counts = counts.reindex(truth.index, fill_value=0)
    assert counts.corr(truth["mental_health"]) > 0.3
    visited = contacts[contacts["category"] == "health_visit"]["person_id"].nunique()
    assert visited / len(truth) > 0.9


def test_support_goes_to_those_who_fail(whole):
    support = whole.read("support")
    truth = whole.truth.query("outcome == 'eligible_vocational'").set_index("person_id")
    programme = support[support["measure"] == "action_programme"]["person_id"].unique()
    supported = truth.loc[programme, "true_risk"].mean()
    assert supported > 1.5 * truth["true_risk"].mean()
    assert (support["end_date"] > support["start_date"]).all()
