from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from pydantic import ValidationError

from riskmodel.core.randomness import make_generator
from riskmodel.simulation.absence import solve_absence
from riskmodel.simulation.calibration import draw_sample, shifted_targets, solve_performance
from riskmodel.simulation.frames import NO_DATE, EventRows, Presence
from riskmodel.simulation.geography import build_region, migration_shares
from riskmodel.simulation.latent import draw_categories, draw_named
from riskmodel.simulation.parameters import (
    MIGRATION,
    Published,
    load_margins,
    load_municipalities,
    load_parameters,
)
from riskmodel.simulation.performance import (
    FINAL_TERM,
    eligibility_risk,
    is_eligible,
    pass_probabilities,
    turn,
)
from riskmodel.simulation.school_days import find_easter, list_school_days
from riskmodel.simulation.spec import SimulationSpec

PARAMETERS, MARGINS = load_parameters(), load_margins()


@pytest.fixture(scope="module")
def region():
    return build_region(SimulationSpec(), PARAMETERS, MARGINS, random_state=3)


@pytest.mark.parametrize("year", range(2010, 2031))
def test_a_school_year_is_plausible(year):
    days = list_school_days(year, PARAMETERS.calendar)
    assert 172 <= len(days) <= 185
    assert np.all(np.diff(days) > np.timedelta64(0, "D"))
    assert np.is_busday(days).all()
    free = [date(year, 12, 25), date(year + 1, 1, 6), date(year + 1, 5, 1), date(year + 1, 6, 6)]
    easter = np.datetime64(find_easter(year + 1), "D")
    closed = [np.datetime64(day, "D") for day in free] + [easter - 2, easter + 1, easter + 39]
    assert not np.isin(closed, days).any()
    assert not {44, 7} & {day.isocalendar().week for day in days.tolist()}


@pytest.mark.parametrize(
    ("year", "expected"),
    [
        (2000, date(2000, 4, 23)),
        (2019, date(2019, 4, 21)),
        (2025, date(2025, 4, 20)),
        (2038, date(2038, 4, 25)),
    ],
)
def test_easter(year, expected):
    assert find_easter(year) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"first_cohort": 2020, "last_cohort": 2019},
        {"attendance_grades": (9, 9)},
        {"attendance_grades": (10,)},
        {"n_pupils": 0},
        {"granularity": "week"},
        {"pupils": 3},
    ],
)
def test_a_spec_that_cannot_be_is_refused(changes):
    with pytest.raises(ValidationError):
        SimulationSpec(**changes)


def test_every_margin_names_its_source():
    for entry in (MARGINS.not_eligible, MARGINS.no_diploma, MARGINS.background):
        for published in entry.values():
            assert len(published.source) > 20
    total = sum(MARGINS.background["migration_background"].values.values())
    assert total == pytest.approx(1)


def test_49_municipalities_in_4_subregions(region):
    rows = load_municipalities()
    assert len(rows) == 49
    assert {row[2] for row in rows} == {"Fyrbodal", "Göteborgsregionen", "Sjuhärad", "Skaraborg"}
    assert region.compulsory.weight.sum() == pytest.approx(1)
    assert set(region.compulsory.place) == set(range(49))
    assert np.bincount(region.upper_secondary.place).min() >= 4
    assert len(set(region.compulsory.codes)) == len(region.compulsory.codes)


def test_more_pupils_more_schools(region):
    large = build_region(SimulationSpec(n_pupils=200_000), PARAMETERS, MARGINS, random_state=3)
    assert len(large.compulsory.codes) > 3 * len(region.compulsory.codes)


def test_region_has_the_wanted_shares_of_background(region):
    shares = region.compulsory.weight @ migration_shares(
        region.migration_logits, region.compulsory.tilt
    )
    wanted = [MARGINS.background["migration_background"].share(group) for group in MIGRATION]
    assert shares == pytest.approx(wanted, abs=1e-6)


def test_shifted_targets_meet_the_total():
    published = Published(values={"a": 0.1, "b": 0.4}, source="test")
    rates = shifted_targets(published, ("a", "b"), np.array([0.7, 0.3]), 0.25)
    assert np.array([0.7, 0.3]) @ rates == pytest.approx(0.25)
    odds = rates / (1 - rates)
    assert odds[1] / odds[0] == pytest.approx((0.4 / 0.6) / (0.1 / 0.9))


def test_performance_is_solved_exactly_on_its_sample(region, monkeypatch):
    monkeypatch.setattr("riskmodel.simulation.calibration._SAMPLE", 5_000)
    sample = draw_sample(region, PARAMETERS, MARGINS, random_state=3)
    model = solve_performance(sample, PARAMETERS, MARGINS)
    passing = pass_probabilities(sample.pupils, model, PARAMETERS, FINAL_TERM)
    risk = eligibility_risk(passing, PARAMETERS.performance)
    assert risk.mean() == pytest.approx(0.16, abs=0.0005)
    odds = [risk[sample.sex == sex].mean() / (1 - risk[sample.sex == sex].mean()) for sex in (0, 1)]
    assert odds[1] / odds[0] == pytest.approx((0.166 / 0.834) / (0.137 / 0.863), abs=0.01)


def test_eligibility_risk_is_exact():
    choices = PARAMETERS.performance
    rng = np.random.default_rng(0)
    passing = rng.uniform(0.2, 0.9, (3, len(choices.subjects)))
    drawn = rng.random((40_000, *passing.shape)) < passing
    simulated = [1 - is_eligible(drawn[:, row], choices).mean() for row in range(len(passing))]
    assert eligibility_risk(passing, choices) == pytest.approx(simulated, abs=0.01)


def test_eligibility_needs_the_core_and_five_others():
    choices = PARAMETERS.performance
    codes = list(choices.subjects)
    passed = np.zeros((3, len(codes)), dtype=bool)
    passed[:, [codes.index(code) for code in ("SV", "EN", "MA", "BI", "FY", "KE", "GE")]] = True
    passed[1:, codes.index("HI")] = True
    passed[2, codes.index("MA")] = False
    assert is_eligible(passed, choices).tolist() == [False, True, False]


def test_turning_keeps_the_variance_and_ends_at_the_late_value():
    late, early = np.random.default_rng(0).normal(size=(2, 100_000))
    for term in range(FINAL_TERM + 1):
        assert turn(late, early, 1.2, term).std() == pytest.approx(1, abs=0.01)
    assert turn(late, early, 1.2, FINAL_TERM) == pytest.approx(late)


def test_absence_is_solved_to_the_wanted_share(region):
    rng = make_generator(1, "pupils")
    sample = draw_sample(region, PARAMETERS, MARGINS, random_state=3)
    choices = PARAMETERS.attendance.model_copy(update={"solve_pupils": 1_000})
    level = rng.normal(size=len(sample.pupils))
    rare, common = (
        solve_absence(sample.pupils, level, choices, share, random_state=1) for share in (0.1, 0.3)
    )
    assert rare < common < 0


def test_drawn_categories_have_the_wanted_shares():
    rng = np.random.default_rng(0)
    drawn = draw_categories(rng, np.tile([1.0, 2.0, 1.0], (20_000, 1)))
    assert np.bincount(drawn) / 20_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.015)
    names = draw_named(rng, 20_000, {"a": 0.2, "b": 0.1}, otherwise="c")
    assert (names == "c").mean() == pytest.approx(0.7, abs=0.015)


def test_presence_hides_what_lies_outside():
    days = np.array(["2020-01-01", "2020-01-05", "2020-01-10"], dtype="datetime64[D]")
    presence = Presence(days[:1] + 1, days[:1] + 9, date(2020, 1, 7))
    rows = EventRows(np.zeros(3, dtype=int), days)
    assert presence.visible(rows).date.tolist() == [date(2020, 1, 5)]
    assert presence.hide_future(days).tolist()[-1] is None
    known = np.array([NO_DATE, np.datetime64("2020-01-08"), NO_DATE])
    assert len(presence.visible(EventRows(rows.pupil, days, {}, known))) == 0
