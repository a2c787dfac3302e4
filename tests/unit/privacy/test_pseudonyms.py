from __future__ import annotations

import hashlib
import hmac
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskmodel.errors import PrivacyError
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.pseudonyms import pseudonymise_ids

KEY = PseudonymKey(bytes(range(32)))
OTHER_KEY = PseudonymKey(bytes(range(1, 33)))


@given(st.lists(st.text(min_size=1), unique=True, max_size=20))
@settings(max_examples=50, deadline=None)
def test_one_key_one_pseudonym_and_another_key_or_domain_none_in_common(ids):
    series = pd.Series(ids, dtype="str")
    first = pseudonymise_ids(series, KEY, domain="school")
    assert first.tolist() == pseudonymise_ids(series[::-1], KEY, domain="school")[::-1].tolist()
    assert first.nunique() == len(ids)
    assert first.str.fullmatch("[0-9a-f]{32}").all()
    for other in (
        pseudonymise_ids(series, OTHER_KEY, domain="school"),
        pseudonymise_ids(series, KEY, domain="health"),
    ):
        assert not set(first) & set(other)


def test_the_pseudonym_is_the_stated_hmac():
    expected = hmac.new(KEY.secret, b"school\x1f198112189876", hashlib.sha256).hexdigest()[:32]
    assert pseudonymise_ids(pd.Series(["198112189876"]), KEY, domain="school")[0] == expected


def test_missing_stays_missing_and_the_index_stays():
    result = pseudonymise_ids(
        pd.Series(["a", None], index=[7, 9], dtype="str"), KEY, domain="school"
    )
    assert result.index.tolist() == [7, 9]
    assert result.isna().tolist() == [False, True]


@pytest.mark.parametrize("domain", ["", "a\x1fb", "a\n"])
def test_a_domain_must_be_printable(domain):
    with pytest.raises(PrivacyError, match="domain"):
        pseudonymise_ids(pd.Series(["a"]), KEY, domain=domain)


def test_a_hundred_thousand_pseudonyms_take_far_less_than_a_second_each_ten_thousand():
    ids = pd.Series([f"SIM{number:09d}" for number in range(100_000)])
    start = time.perf_counter()
    pseudonymise_ids(ids, KEY, domain="school")
    assert time.perf_counter() - start < 5
