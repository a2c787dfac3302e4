import numpy as np

from riskmodel.core.randomness import derive_seed, make_generator


def test_streams_with_other_names_are_other_streams():
    seeds = {derive_seed(1, *names) for names in [("a",), ("b",), ("a", "b"), ("ab",), ("a", 1)]}
    assert len(seeds) == 5


def test_the_same_name_gives_the_same_numbers():
    one, two = (make_generator(7, "folds", 3).normal(size=5) for _ in range(2))
    assert np.array_equal(one, two)


def test_a_seed_is_the_same_on_every_machine():
    assert derive_seed(2026, "simulation") == 4230601670
