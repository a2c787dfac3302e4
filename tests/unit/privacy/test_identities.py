from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from personnummer import personnummer

from riskmodel.errors import PrivacyError
from riskmodel.privacy.identities import (
    REFERENCE_DATE,
    has_check_digit,
    is_personal_number,
    normalise_identifier,
    normalise_identifiers,
)


def kinds(*values: str | None) -> dict[str, int]:
    return normalise_identifiers(pd.Series(values, dtype="str"))[1]


@st.composite
def personal_numbers(draw: st.DrawFn, first: int = 1931, last: int = 2030) -> str:
    days = draw(st.integers(0, (date(last, 12, 31) - date(first, 1, 1)).days))
    day = date(first, 1, 1) + timedelta(days=days)
    offset = draw(st.sampled_from([0, 60]))
    start = f"{day:%Y%m}{day.day + offset:02d}{draw(st.integers(1, 999)):03d}"
    return next(start + c for c in "0123456789" if has_check_digit(start[2:] + c))


@given(personal_numbers())
@settings(max_examples=200, deadline=None)
def test_every_written_form_becomes_the_same_twelve_digits(number):
    short = number[2:]
    forms = [
        number,
        f"{number[:8]}-{number[8:]}",
        f" {number[:8]} {number[8:]}\t",
        short,
        f"{short[:6]}-{short[6:]}",
        f"{short[:6]}\u2011{short[6:]}",
    ]
    assert {normalise_identifier(form) for form in forms} == {number}


@given(personal_numbers(1901, 1930))
@settings(max_examples=50, deadline=None)
def test_a_plus_means_a_century_earlier(number):
    assert normalise_identifier(f"{number[2:8]}+{number[8:]}") == number


@given(personal_numbers(), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_validity_agrees_with_the_personnummer_package(number, digit):
    changed = number[:-1] + str(digit)
    assert is_personal_number(number)
    assert is_personal_number(changed) == personnummer.valid(changed)


@given(st.from_regex(r"(19|20)[0-9]{10}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_any_twelve_digits_agree_with_the_personnummer_package(digits):
    assert is_personal_number(digits) == personnummer.valid(digits)


def test_kinds_are_told_apart_and_counted():
    series = pd.Series(
        [
            "19811218-9876",
            "701063-2391",
            "20130101TF01",
            "20130101-tf01",
            "20130101-T123",
            "19810829M071",
            "SIM000012345",
            "11391",
            "",
            "  ",
            None,
            "19811218-9875",
            "811318-9876",
            "198113189876",
            "20130230TF01",
        ],
        index=range(100, 115),
        dtype="str",
    )
    identities, counts = normalise_identifiers(series)
    assert counts == {
        "coordination_number": 1,
        "invalid_check_digit": 1,
        "invalid_date": 3,
        "local": 2,
        "missing": 3,
        "personal_number": 1,
        "reserve_number": 1,
        "temporary_number": 3,
    }
    assert identities.index.equals(series.index)
    assert identities[101] == "197010632391"
    assert identities[102] == identities[103] == "20130101TF01"
    assert identities[106] == "SIM000012345"
    assert identities[108:].isna().all()


def test_ten_digits_that_cannot_be_a_date_are_a_local_number():
    assert kinds("1000012345", "9813011234") == {"local": 2}
    assert kinds("981301-1234") == {"invalid_date": 1}


def test_serial_number_nought_does_not_exist():
    number = next(f"19900101000{c}" for c in "0123456789" if has_check_digit(f"900101000{c}"))
    assert not personnummer.valid(number)
    assert kinds(number) == {"invalid_check_digit": 1}


def test_local_registers_can_say_so():
    ids = pd.Series(["9901011239", " 198112189875"])
    identities, counts = normalise_identifiers(ids, local_only=True)
    assert counts == {"local": 2}
    assert identities.tolist() == ["9901011239", "198112189875"]


def test_letters_of_local_identifiers_keep_their_case():
    assert normalise_identifier(" Elev-Åsa 1 ") == "Elev-Åsa 1"


def test_the_century_does_not_depend_on_today():
    assert date(2030, 12, 31) == REFERENCE_DATE
    assert normalise_identifier("301231-" + _tail("301231")).startswith("2030")
    assert normalise_identifier("310101-" + _tail("310101")).startswith("1931")


def _tail(day: str) -> str:
    return next(f"123{c}" for c in "0123456789" if has_check_digit(f"{day}123{c}"))


@pytest.mark.parametrize("bad", ["811218-9875", "198112189875", "", "19811318-9876"])
def test_an_invalid_identifier_is_refused_without_being_shown(bad):
    with pytest.raises(PrivacyError, match="valid identifier") as caught:
        normalise_identifier(bad)
    assert not bad or bad not in str(caught.value)
    assert caught.value.__context__ is None


def test_nothing_gives_nothing():
    identities, counts = normalise_identifiers(pd.Series([], dtype="str"))
    assert counts == {}
    assert len(identities) == 0
