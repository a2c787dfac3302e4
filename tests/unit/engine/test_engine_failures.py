"""A failure inside the engine is told without a value, and as one of our own errors."""

import duckdb
import pytest

from riskmodel.engine.duckdb_engine import _without_values
from riskmodel.engine.interface import UnreadableFileError


@pytest.mark.parametrize("kind", [duckdb.InternalException, duckdb.FatalException])
def test_a_failure_inside_the_engine_is_told_without_its_text(kind):
    with (
        pytest.raises(UnreadableFileError, match="failure inside the engine") as caught,
        _without_values(),
    ):
        raise kind("value 198112189876 outside of target range")
    assert "198112189876" not in str(caught.value)
    assert caught.value.__cause__ is None
