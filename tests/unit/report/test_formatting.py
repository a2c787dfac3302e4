from datetime import date

import pytest

from riskmodel.report.formatting import (
    NO_BREAK_SPACE,
    count_of_ten,
    format_date,
    format_number,
    format_percent,
    format_range,
    shorten_pseudonym,
)


def plain(text):
    return text.replace(NO_BREAK_SPACE, "_")


@pytest.mark.parametrize(
    ("value", "digits", "swedish", "english"),
    [
        (0, 0, "0", "0"),
        (1234567.891, 2, "1_234_567,89", "1,234,567.89"),
        (-1234, 0, "−1_234", "−1,234"),
        (-0.004, 2, "0,00", "0.00"),
        (0.5, 1, "0,5", "0.5"),
    ],
)
def test_numbers_follow_the_language(value, digits, swedish, english):
    assert plain(format_number(value, "sv", digits)) == swedish
    assert plain(format_number(value, "en", digits)) == english


def test_percentages_have_a_space_in_swedish_only():
    assert plain(format_percent(0.1234, "sv", 1)) == "12,3_%"
    assert plain(format_percent(0.1234, "en", 1)) == "12.3%"


def test_a_range_with_a_negative_end_uses_a_word():
    assert format_range(0.1, 0.2, "sv", percent=True) == "10–20"
    assert plain(format_range(-0.1, 0.2, "sv", percent=True)) == "−10_till_20"
    assert plain(format_range(-0.1, 0.2, "en", percent=True)) == "−10_to_20"


@pytest.mark.parametrize("moment", [date(2026, 11, 1), "2026-11-01", "2026-11-01T08:00:00"])
def test_dates_are_written_in_words(moment):
    assert plain(format_date(moment, "sv")) == "1_november_2026"
    assert plain(format_date(moment, "en")) == "1_November_2026"


def test_shares_become_the_nearest_number_of_ten():
    shares = (0, 0.04, 0.05, 0.449, 0.45, 0.951, 1)
    assert [count_of_ten(share) for share in shares] == [0, 0, 1, 4, 5, 10, 10]


def test_short_pseudonyms_stay_as_they_are():
    assert shorten_pseudonym("abc") == "abc"
    assert shorten_pseudonym("0123456789abcdef") == "0123-4567"
