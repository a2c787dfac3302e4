"""Places by school, by team or in all; what each role may read."""

import pandas as pd
import pytest
from pydantic import ValidationError

from riskmodel.errors import UsageError
from riskmodel.screening.lists import select_pupils
from riskmodel.screening.specs import ScreeningSpec, ViewSpec

TEAMS = {"north": ("A", "B"), "south": ("C",)}


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "subject_id": list("abcdefgh"),
            "school_unit": list("AAABBCCC"),
            "prediction_date": "2026-11-01",
            "risk": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.3],
        }
    )


@pytest.mark.parametrize(
    ("settings", "listed", "ranks"),
    [
        ({"capacity_per_school": 1}, "adf", [1, 1, 1]),
        ({"capacity_overall": 3}, "abc", [1, 2, 3]),
        ({"capacity_overall": 0.5}, "abcd", [1, 2, 3, 4]),
        ({"capacity_per_team": 2, "teams": TEAMS}, "abfg", [1, 2, 1, 2]),
        ({"capacity_per_team": 0.2, "teams": TEAMS}, "af", [1, 1]),
    ],
)
def test_each_unit_has_its_places(rows, settings, listed, ranks):
    spec = ScreeningSpec(**settings)
    for order in (rows, rows.iloc[::-1]):
        found = select_pupils(order, spec)
        assert "".join(found["subject_id"]) == listed
        assert found["rank"].tolist() == ranks


def test_a_school_in_no_team_is_named(rows):
    spec = ScreeningSpec(capacity_per_team=2, teams={"north": ("A", "B")})
    with pytest.raises(UsageError, match="must name every school") as caught:
        select_pupils(rows, spec)
    assert list(caught.value.findings) == ["teams: no team looks after 'C'"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"capacity_per_school": 5, "capacity_overall": 5}, "give one of"),
        ({"capacity_per_team": 5}, "belong together"),
        ({"teams": TEAMS}, "belong together"),
        ({"capacity_per_team": 5, "teams": {"one": ("A",), "two": ("A",)}}, "each school once"),
        ({"capacity_overall": 0}, "at least 1"),
        ({"views": {"A view": {"title": "x"}}}, "should match pattern"),
    ],
)
def test_unfit_settings_are_refused(settings, text):
    with pytest.raises(ValidationError, match=text):
        ScreeningSpec(**settings)


def test_a_view_has_its_own_secrecy_and_the_same_places():
    spec = ScreeningSpec(
        capacity_overall=7, views={"medical": ViewSpec(title="M", withheld_domains=())}
    )
    assert spec.for_view("medical").withheld_domains == ()
    assert spec.for_view("medical").capacity == 7
    assert spec.withheld_domains == ("mental_health",)


def test_an_area_that_is_misspelt_is_refused_since_it_would_be_shown():
    mentor = {"title": "M", "withheld_domains": ["health"]}
    for settings in ({"withheld_domains": ["mental_helth"]}, {"views": {"mentor": mentor}}):
        with pytest.raises(ValidationError, match="mental_health"):
            ScreeningSpec(**settings)


def test_a_withheld_feature_that_is_not_there_is_found_with_its_place():
    spec = ScreeningSpec(
        withheld_features=("contacts",),
        views={"mentor": ViewSpec(title="M", withheld_features=("absense",))},
    )
    assert spec.find_unknown_features(["contacts", "absence"]) == [
        "screening.views.mentor.withheld_features: there is no feature 'absense'. "
        "Did you mean 'absence'?"
    ]
