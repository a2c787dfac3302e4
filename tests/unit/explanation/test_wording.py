from __future__ import annotations

import pytest

from riskmodel.explanation.wording import MINUS, NO_BREAK_SPACE, write_number, write_value

SPACE = NO_BREAK_SPACE


@pytest.mark.parametrize(
    ("value", "unit", "swedish", "english"),
    [
        (0.18, "share", f"18,0{SPACE}%", "18.0%"),
        (0.0, "share", f"0,0{SPACE}%", "0.0%"),
        (3.0, "count", "3", "3"),
        (0.625, "count", "0,6", "0.6"),
        (1234.0, "count", f"1{SPACE}234", "1,234"),
        (1.0, "days", f"1{SPACE}dag", f"1{SPACE}day"),
        (12.5, "days", f"12,5{SPACE}dagar", f"12.5{SPACE}days"),
        (12.5, "points", f"12,5{SPACE}poäng", f"12.5{SPACE}points"),
        (1.0, "points", f"1{SPACE}poäng", f"1{SPACE}point"),
        (0.05, "share_change", f"+5,0{SPACE}procentenheter", f"+5.0{SPACE}percentage points"),
        (
            -0.012,
            "share_per_week",
            f"{MINUS}1,2{SPACE}procentenheter per vecka",
            f"{MINUS}1.2{SPACE}percentage points per week",
        ),
        (
            -1.5,
            "points_per_year",
            f"{MINUS}1,5{SPACE}poäng per år",
            f"{MINUS}1.5{SPACE}points per year",
        ),
        (0.0, "points_change", f"0,0{SPACE}poäng", f"0.0{SPACE}points"),
        (1.0, "flag", "ja", "yes"),
        (0.0, "flag", "nej", "no"),
        (0.25, "flag", f"25,0{SPACE}%", "25.0%"),
        (7.0, "clicks", "7", "7"),
        (7.25, "value", "7,2", "7.2"),
        (0.0125, "value", "0,013", "0.013"),
    ],
)
def test_values_are_written_as_the_reader_writes(
    value: float, unit: str, swedish: str, english: str
) -> None:
    assert write_value(value, unit, "sv") == swedish
    assert write_value(value, unit, "en") == english


def test_a_number_that_rounds_to_nought_has_no_sign() -> None:
    assert write_number(-0.01, "sv") == "0,0"
    assert write_number(0.01, "en", sign="+") == "0.0"


def test_thousands_and_decimals_keep_apart() -> None:
    assert write_number(-1234567.25, "sv", 2) == f"{MINUS}1{SPACE}234{SPACE}567,25"
    assert write_number(1234567.25, "en", 2) == "1,234,567.25"
