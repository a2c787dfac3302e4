"""A smaller version of the simulations behind docs/evaluation_simulations.md."""

from benchmarks import evaluation_simulations
from benchmarks.evaluation_simulations import (
    FIRST_SEED,
    FIT_MEASURES,
    LEVELS,
    MEASURES,
    TUNING_SEEDS,
    draw_pupils,
    find_true_distances,
    find_truth,
    simulate,
)

from riskmodel.evaluation.brier_parts import measure_brier_parts, measure_calibration_index
from riskmodel.evaluation.sample import make_sample

REPEATS = 60


def test_the_intervals_cover_the_truth_about_as_often_as_they_claim():
    """Of 60 intervals of 95 %, fewer than 51 hold the truth once in 10,000 times."""
    truth = find_truth("15 %", regions=1)
    found = simulate("15 %", 30, truth, REPEATS)
    for name in (*MEASURES, *FIT_MEASURES):
        assert len(found[name]) == REPEATS, name
        assert sum(found[name]) >= 51, name


def test_a_wrong_truth_is_not_covered():
    truth = {name: value * 1.3 for name, value in find_truth("50 %", regions=1).items()}
    found = simulate("50 %", 60, truth, 10)
    assert max(sum(found[name]) for name in ("base_rate", "auc", "brier")) < 5


def test_distances_from_the_chances_are_those_of_very_many_pupils_and_not_of_few():
    truth = find_true_distances(LEVELS["15 %"], 50_000)
    few, many = (make_sample(draw_pupils(6, count, LEVELS["15 %"])) for count in (6, 4000))
    index = [measure_calibration_index(one).value for one in (few, many)]
    reliability = [measure_brier_parts(one)[0].value for one in (few, many)]
    assert index[1] < 1.5 * truth["calibration_index"] < index[0]
    assert reliability[1] < 2 * truth["reliability"] < 0.2 * reliability[0]


def test_no_sample_that_is_counted_was_chosen_on(monkeypatch):
    drawn = []

    def draw(seed, *arguments):
        """Draw as always, and keep the seed."""
        drawn.append(seed)
        return draw_pupils(seed, *arguments)

    monkeypatch.setattr(evaluation_simulations, "draw_pupils", draw)
    truth = dict.fromkeys((*MEASURES, *FIT_MEASURES), 0.5)
    simulate("15 %", 6, truth, 3)
    assert drawn == [FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2]
    assert min(drawn) > TUNING_SEEDS[1]
