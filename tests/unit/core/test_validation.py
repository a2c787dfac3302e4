import pytest

from riskmodel.core.validation import check_columns, find_missing_columns, suggest_name
from riskmodel.errors import UsageError


def test_an_unknown_name_gets_the_closest_match():
    assert suggest_name("grade", ["grades", "support"]) == " Did you mean 'grades'?"
    assert suggest_name("zzz", ["grades", "support"]) == ""


def test_missing_columns_are_all_found_at_once():
    findings = find_missing_columns(["risk", "labl"], ["risk", "label", "model"], where="table")
    assert len(findings) == 2
    assert "Did you mean 'labl'?" in findings[0]


def test_check_columns_raises_with_every_finding():
    check_columns(["a", "b"], ["a"], where="table")
    with pytest.raises(UsageError) as caught:
        check_columns(["a"], ["b", "c"], where="table")
    assert len(caught.value.findings) == 2
    assert caught.value.exit_code == 2
