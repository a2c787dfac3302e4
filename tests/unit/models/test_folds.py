import numpy as np

from riskmodel.models.folds import assign_folds


def make(n_rows=300, n_groups=12, seed=5):
    rng = np.random.default_rng(seed)
    y = (rng.random(n_rows) < 0.3).astype(float)
    y[:40] = np.nan
    return y, rng.integers(0, n_groups, n_rows)


def test_a_school_is_never_split():
    y, groups = make()
    folds, is_grouped = assign_folds(y, groups, n_folds=4, random_state=1)
    assert is_grouped
    assert set(folds) == {0, 1, 2, 3}
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))


def test_without_groups_the_classes_are_spread_evenly():
    y, _ = make()
    folds, is_grouped = assign_folds(y, None, n_folds=4, random_state=1)
    assert not is_grouped
    positives = [np.nansum(y[folds == number]) for number in range(4)]
    assert max(positives) - min(positives) <= 1


def test_an_outcome_in_one_school_falls_back_to_plain_folds():
    y, groups = make()
    y = np.where(groups == 3, 1.0, 0.0)
    folds, is_grouped = assign_folds(y, groups, n_folds=4, random_state=1)
    assert not is_grouped
    assert all(y[folds != number].max() == 1 for number in range(4))


def test_fewer_schools_than_folds_fall_back_to_plain_folds():
    y, _ = make()
    _, is_grouped = assign_folds(y, np.arange(300) % 3, n_folds=5, random_state=1)
    assert not is_grouped
