"""Filled-in lists are read back whole or not at all."""

from datetime import date

import pandas as pd
import pytest

from riskmodel.screening.decisions import (
    LOG_COLUMNS,
    Problem,
    add_to_log,
    count_decisions,
    read_decisions,
)

HEADINGS = {
    "subject_id": "Hela pseudonymen",
    "prediction_date": "Listans datum",
    "decision": "Beslut",
}
DAY = "2026-11-01"
CHOICES = {"kontakt tagen": "contact_taken", "behövs inte": "not_needed"}


@pytest.fixture
def listed():
    return pd.DataFrame(
        {
            "subject_id": ["a", "b", "c"],
            "school_unit": "S",
            "prediction_date": date(2026, 11, 1),
            "risk": [0.6, 0.5, 0.4],
        }
    )


def read(rows, listed, day=DAY):
    frame = pd.DataFrame(rows, columns=["Hela pseudonymen", "Beslut", "Kort notering"])
    frame["Listans datum"] = day
    return read_decisions(frame, listed, HEADINGS, CHOICES)


def test_decisions_stand_beside_the_flag_and_notes_are_not_read(listed):
    rows = [("c", " kontakt tagen ", "Anna ringde"), ("a", "behövs inte", None), ("b", None, "x"),
            (None, None, None)]  # fmt: skip
    found, problems = read(rows, listed)
    assert problems == ()
    assert tuple(found.columns) == LOG_COLUMNS
    assert found[["subject_id", "decision", "risk"]].to_numpy().tolist() == [
        ["c", "contact_taken", 0.4],
        ["a", "not_needed", 0.6],
    ]
    assert "Anna" not in found.to_csv()


def test_all_problems_of_a_file_are_counted_and_nothing_is_read(listed):
    rows = [("x", "kontakt tagen", None), ("a", "kanske", None), ("b", None, None), ("b", "ja", 1)]
    found, problems = read(rows, listed)
    assert found.empty
    assert problems == (Problem("foreign", 1), Problem("repeated", 1), Problem("decision", 2))
    frame = pd.DataFrame({"Pseudonym": ["a"]})
    found, problems = read_decisions(frame, listed, HEADINGS, CHOICES)
    assert found.empty
    assert problems == (Problem("columns", 3),)


def test_capital_letters_and_spaces_make_no_difference(listed):
    found, problems = read([("a ", "Kontakt  tagen", None), ("b", "BEHÖVS INTE ", None)], listed)
    assert problems == ()
    assert found["decision"].to_list() == ["contact_taken", "not_needed"]


def test_a_decision_without_a_pseudonym_is_not_lost_in_silence(listed):
    found, problems = read([("a", None, None), (None, "kontakt tagen", None)], listed)
    assert found.empty
    assert problems == (Problem("nameless", 1),)


@pytest.mark.parametrize("day", ["2026-09-01", None])
def test_an_older_list_of_the_same_pupils_is_not_taken_for_this_one(listed, day):
    found, problems = read([("a", "kontakt tagen", None), ("b", None, None)], listed, day)
    assert found.empty
    assert problems == (Problem("foreign", 2),)


def test_a_date_that_the_program_made_a_date_of_is_understood(listed):
    found, _ = read([("a", "kontakt tagen", None)], listed, f"{DAY} 00:00:00")
    assert len(found) == 1


def test_what_is_read_last_stands_and_other_lists_are_kept(listed):
    first, _ = read([("a", "kontakt tagen", None), ("b", "behövs inte", None)], listed)
    second, _ = read([("a", "behövs inte", None)], listed)
    earlier = first.assign(prediction_date=date(2025, 11, 1))
    log = add_to_log(add_to_log(add_to_log(first.head(0), earlier), first), second)
    assert len(log) == 4
    assert count_decisions(log, listed) == {
        "contact_taken": 0, "already_supported": 0, "not_needed": 2, "wrong_data": 0, "open": 1,
    }  # fmt: skip
    pd.testing.assert_frame_equal(log, add_to_log(log, second))
