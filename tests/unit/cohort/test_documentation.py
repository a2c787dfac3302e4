"""What the page about cohorts shows is valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from riskmodel.cohort.dates import find_date_errors
from riskmodel.cohort.specs import CohortSpec
from riskmodel.core.windows import SchoolCalendar

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "concepts" / "cohort.md").read_text(encoding="utf-8")
SHOWN = [
    block["cohort"]
    for block in map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL))
    if "cohort" in block
]


@pytest.mark.parametrize("settings", SHOWN, ids=lambda block: block["outcome"]["name"])
def test_every_cohort_that_it_shows_is_valid(settings: dict[str, Any]) -> None:
    spec = CohortSpec.model_validate(settings)
    assert find_date_errors(spec, SchoolCalendar()) == []
    assert CohortSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_it_shows_several() -> None:
    assert len(SHOWN) == 4
