"""The traps of the Open University data, on invented students."""

import pandas as pd
import pytest

START = pd.Timestamp("2014-10-01")


def day(number):
    return START + pd.Timedelta(days=number)


def of(table, number):
    return table[table["person_id"] == f"OULAD-{number}"]


def registered_on(prepared, number):
    """Who is registered on a day, by the library's rule: from start_date until before end_date."""
    table = prepared["enrolments"]
    rows = table[(table["start_date"] <= day(number)) & (table["end_date"] > day(number))]
    return sorted(rows["person_id"].str.removeprefix("OULAD-").astype(int))


def test_repeated_rows_of_clicks_are_added_up(prepared):
    clicks = of(prepared["clicks"], 1)
    assert dict(zip(clicks["activity_type"], clicks["clicks"])) == {"forumng": 13, "homepage": 7}
    assert set(clicks["date"]) == {day(3)}


def test_days_before_the_start_lie_before_the_start(prepared):
    assert of(prepared["clicks"], 2)["date"].tolist() == [day(-5)]


def test_the_band_without_its_per_cent_sign_counts_like_the_one_with_it(prepared):
    persons = prepared["persons"].set_index("person_id")["deprivation"]
    assert persons["OULAD-1"] == persons["OULAD-2"] == "more deprived half"
    assert persons["OULAD-6"] == "more deprived half"
    assert persons["OULAD-3"] == persons["OULAD-5"] == "less deprived half"
    assert pd.isna(persons["OULAD-4"])


def test_who_unregistered_before_they_registered_never_came(prepared):
    assert of(prepared["enrolments"], 6).empty
    assert len(prepared["enrolments"]) == 5


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (4, [1, 2, 4, 5]),  # student 3 registers on day 5
        (5, [1, 2, 3, 4, 5]),
        (27, [1, 2, 3, 4, 5]),  # student 5 unregisters on this day
        (28, [1, 2, 3, 4]),  # student 4 unregisters on this day
        (29, [1, 2, 3]),
    ],
)
def test_only_those_registered_on_the_day_are_there(prepared, number, expected):
    assert registered_on(prepared, number) == expected


def test_a_student_without_a_registration_date_was_there_from_the_start(prepared):
    assert of(prepared["enrolments"], 2)["start_date"].tolist() == [day(0)]
    assert of(prepared["registrations"], 2)["days_before_start"].isna().all()


def test_a_registration_tells_nothing_before_its_presentation_starts(prepared):
    known = prepared["registrations"].set_index("person_id")["date"]
    assert known["OULAD-1"] == day(0)
    assert known["OULAD-3"] == day(5)


def test_overdue_assignments_add_up_to_those_due_and_not_there(prepared):
    handed_in = {(1, 20): 19, (1, 40): 45, (2, 20): -1, (4, 20): 20}
    gone = {4: 28, 5: 27}
    for number in (1, 2, 3, 4, 5):
        rows = of(prepared["assignments"], number)
        for today in range(0, 60):
            due = [d for d in (20, 40) if d < today and d <= gone.get(number, 99)]
            expected = sum(handed_in.get((number, d), 99) >= today for d in due)
            assert rows.loc[rows["date"] < day(today), "overdue"].sum() == expected


def test_what_was_handed_in_is_measured_against_what_was_due(prepared):
    rows = of(prepared["assignments"], 1).sort_values("date")
    assert rows["date"].tolist() == [day(20), day(40), day(45)]
    assert rows["weight_due"].tolist() == [20, 80, 0]
    assert rows["weight_handed_in"].tolist() == [20, 0, 80]
    assert rows["days_late"].tolist()[::2] == [-1, 5]


def test_a_result_brought_along_has_no_lateness(prepared):
    rows = of(prepared["assignments"], 2).sort_values("date")
    assert rows["weight_handed_in"].tolist() == [20, 0]
    assert rows["days_late"].isna().all()


def test_nothing_is_due_from_who_has_left(prepared):
    assert of(prepared["assignments"], 5)["date"].tolist() == [day(20)]
    assert of(prepared["assignments"], 6).empty


def test_examinations_are_left_out(prepared):
    assert prepared["assignments"]["date"].max() == day(45)


def test_a_score_is_known_when_it_has_been_marked(prepared):
    rows = of(prepared["marks"], 1).sort_values("date")
    # A tutor takes 14 days for the first; a computer marks the second at once.
    assert rows["known_date"].tolist() == [day(34), day(40), day(45)]
    assert rows["score"].dropna().tolist() == [90, 50]
    assert rows["points"].tolist() == [18, 0, 40]


def test_completing_is_a_pass_and_known_at_the_end(prepared):
    outcomes = prepared["outcomes"].set_index("person_id")
    assert outcomes["value"].tolist() == [1, 1, 0, 0, 0, 0]
    assert set(outcomes["date"]) == {day(262)}


def test_identifiers_are_plainly_none_of_a_real_register(prepared):
    for table in prepared.values():
        assert table["person_id"].str.fullmatch(r"OULAD-\d+").all()
