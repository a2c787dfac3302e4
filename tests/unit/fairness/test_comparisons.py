from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from benchmarks.designs import make_pupils

from riskmodel.fairness.comparisons import NO_VARIATION, TOO_FEW, Comparisons, compare_groups

Table = tuple[np.ndarray, np.ndarray]


def draw_table(
    rng: np.random.Generator,
    *,
    n_clusters: int,
    n_groups: int,
    n_pupils: int,
    mix: str,
    rate: float = 0.35,
    correlation: float = 0.1,
    gap: float = 0.0,
) -> Table:
    """Return counts by group and school; only the first group's rate differs, by `gap`."""
    if mix == "segregated":
        shares = np.eye(n_groups)[rng.integers(0, n_groups, n_clusters)]
    else:
        shares = rng.dirichlet(np.full(n_groups, 3 / n_groups), n_clusters)
    size = rng.multinomial(n_pupils, np.full(n_clusters, 1 / n_clusters))
    trials = np.array([rng.multinomial(n, p) for n, p in zip(size, shares)]).T
    scale = 1 / correlation - 1
    school = rng.beta(rate * scale, (1 - rate) * scale, n_clusters)
    risks = np.clip(school + gap * (np.arange(n_groups) == 0)[:, None], 0, 1)
    return rng.binomial(trials, risks).astype(float), trials.astype(float)


def compare(
    rates: dict[str, Table], rng: np.random.Generator, **changes: object
) -> dict[str, Comparisons]:
    n_groups = len(next(iter(rates.values()))[0])
    settings: dict[str, object] = {
        "is_clustered": True,
        "minimum_count": 10,
        "level": 0.95,
        "n_resamples": 199,
    }
    members = changes.pop("members", np.eye(n_groups))
    return compare_groups(rates, members, generator=rng, **(settings | changes))


def has_flag(found: dict[str, Comparisons]) -> bool:
    return any(np.nanmin(np.append(rate.p_value, 1.0)) <= 0.05 for rate in found.values())


def pool(table: Table) -> Table:
    """Return the counts without clusters."""
    return table[0].sum(axis=1, keepdims=True), table[1].sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("n_clusters", "n_groups", "mix"), [(12, 4, "mixed"), (40, 12, "mixed"), (30, 4, "segregated")]
)
def test_equal_groups_are_seldom_flagged(n_clusters: int, n_groups: int, mix: str) -> None:
    """Nothing differs but the schools: at least one flag in at most 8 % of 300 audits."""
    rng = np.random.default_rng(n_clusters)
    kind = {"n_clusters": n_clusters, "n_groups": n_groups, "mix": mix}
    flags = ignored = 0
    for _ in range(300):
        rates = {
            "miss_rate": draw_table(rng, n_pupils=1200, **kind),
            "false_positive_rate": draw_table(rng, n_pupils=4000, rate=0.1, **kind),
        }
        flags += has_flag(compare(rates, rng))
        pooled = {name: pool(table) for name, table in rates.items()}
        ignored += has_flag(compare(pooled, rng, is_clustered=False))
    assert flags / 300 <= 0.08
    assert ignored / 300 > 0.2


def test_a_true_gap_is_usually_found() -> None:
    rng = np.random.default_rng(5)
    kind = {"n_clusters": 60, "n_groups": 4, "mix": "mixed"}
    found = others = 0
    for _ in range(100):
        rates = {
            "miss_rate": draw_table(rng, n_pupils=1500, gap=0.18, **kind),
            "false_positive_rate": draw_table(rng, n_pupils=5000, rate=0.1, **kind),
        }
        result = compare(rates, rng)
        found += result["miss_rate"].p_value[0] <= 0.05
        others += np.min(result["false_positive_rate"].p_value) <= 0.05
    assert found >= 80
    assert others <= 8


def test_without_clusters_the_size_holds_and_a_gap_is_found() -> None:
    rng = np.random.default_rng(6)
    trials = np.array([[700.0], [200.0], [70.0], [30.0]])
    flags = found = 0
    for _ in range(300):
        flags += has_flag(
            compare(
                {"miss_rate": (rng.binomial(trials.astype(int), 0.3).astype(float), trials)},
                rng,
                is_clustered=False,
            )
        )
        risks = np.array([[0.3], [0.48], [0.3], [0.3]])
        table = rng.binomial(trials.astype(int), risks).astype(float), trials
        result = compare({"miss_rate": table}, rng, is_clustered=False)["miss_rate"]
        found += result.p_value[1] <= 0.05
    assert flags / 300 <= 0.08
    assert found / 300 >= 0.9


def test_intervals_cover_all_differences_together() -> None:
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(200):
        table = draw_table(rng, n_clusters=40, n_groups=2, n_pupils=1500, mix="mixed", gap=0.2)
        found = compare({"miss_rate": table}, rng)["miss_rate"]
        # The planted gap is exact in the logic of the draw but for what clipping takes away.
        covered += bool(found.lower[0] <= 0.19 <= found.upper[0])
    assert covered / 200 >= 0.92


def test_an_interval_without_zero_is_a_flag() -> None:
    rng = np.random.default_rng(9)
    for gap in (0.1, 0.2, 0.3):
        table = draw_table(rng, n_clusters=40, n_groups=4, n_pupils=1500, mix="mixed", gap=gap)
        found = compare({"miss_rate": table}, rng)["miss_rate"]
        outside = (found.lower > 0) | (found.upper < 0)
        assert (found.p_value[outside] <= 0.055).all()


@pytest.mark.parametrize("is_clustered", [True, False])
def test_a_group_without_misses_is_compared(is_clustered: bool) -> None:
    trials = np.full((2, 20), 10.0)
    successes = np.vstack([np.zeros(20), np.full(20, 4.0)])
    table = (successes, trials) if is_clustered else pool((successes, trials))
    found = compare({"miss_rate": table}, np.random.default_rng(0), is_clustered=is_clustered)
    assert found["miss_rate"].difference.tolist() == [-0.4, 0.4]
    assert found["miss_rate"].p_value[0] <= 0.05
    assert found["miss_rate"].upper[0] < 0


@pytest.mark.parametrize("is_clustered", [True, False])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_is_said_where_all_are_alike(is_clustered: bool, share: float) -> None:
    trials = np.full((2, 20), 10.0)
    table = (share * trials, trials)
    table = table if is_clustered else pool(table)
    found = compare({"miss_rate": table}, np.random.default_rng(0), is_clustered=is_clustered)
    assert found["miss_rate"].reason == [NO_VARIATION] * 2
    assert np.isnan(found["miss_rate"].p_value).all()


def test_nothing_is_said_of_few_pupils_or_few_schools() -> None:
    rng = np.random.default_rng(0)
    trials = np.full((4, 20), 10.0)
    trials[1] = 0.0
    trials[1, :9] = 1.0
    trials[2, 5:] = 0.0
    successes = rng.binomial(trials.astype(int), 0.3).astype(float)
    found = compare({"miss_rate": (successes, trials)}, rng)["miss_rate"]
    assert found.reason == [None, TOO_FEW, TOO_FEW, None]
    assert np.isnan(found.difference).tolist() == [False, True, True, False]


def test_nothing_is_said_with_fewer_than_six_schools() -> None:
    rng = np.random.default_rng(0)
    table = draw_table(rng, n_clusters=5, n_groups=3, n_pupils=900, mix="mixed", gap=0.5)
    assert compare({"miss_rate": table}, rng)["miss_rate"].reason == [TOO_FEW] * 3


def test_nobody_to_compare_is_no_crash() -> None:
    empty = np.zeros((2, 20))
    for is_clustered in (True, False):
        found = compare(
            {"miss_rate": (empty, empty)}, np.random.default_rng(0), is_clustered=is_clustered
        )
        assert found["miss_rate"].reason == [TOO_FEW] * 2


def test_groups_may_overlap() -> None:
    rng = np.random.default_rng(1)
    table = draw_table(rng, n_clusters=30, n_groups=4, n_pupils=2000, mix="mixed", gap=0.3)
    members = np.array([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]])
    found = compare({"miss_rate": table}, rng, members=members)["miss_rate"]
    k, n = members @ table[0].sum(axis=1), members @ table[1].sum(axis=1)
    expected = k / n - (table[0].sum() - k) / (table[1].sum() - n)
    np.testing.assert_allclose(found.difference, expected)


def test_the_same_seed_gives_the_same_numbers() -> None:
    table = draw_table(
        np.random.default_rng(1), n_clusters=30, n_groups=4, n_pupils=900, mix="mixed"
    )
    first, second = (
        compare({"miss_rate": table}, np.random.default_rng(3))["miss_rate"] for _ in range(2)
    )
    np.testing.assert_array_equal(first.p_value, second.p_value)
    np.testing.assert_array_equal(first.lower, second.lower)


def count_by_stratum(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return successes, trials, members and strata with one atom per group and stratum."""
    atoms = frame[["group", "stratum"]].drop_duplicates().sort_values(["group", "stratum"])
    shape = (len(atoms), frame["school"].max() + 1)
    place = frame.merge(atoms.reset_index(drop=True).reset_index(), how="left")["index"]
    k, n = np.zeros(shape), np.zeros(shape)
    np.add.at(n, (place, frame["school"]), 1)
    np.add.at(k, (place, frame["school"]), frame["label"])
    groups = np.unique(atoms["group"])
    members = (atoms["group"].to_numpy() == groups[:, None]).astype(float)
    return k, n, members, atoms["stratum"].to_numpy(dtype=np.int64)


def make_confounded(seed: int, *, extra: float) -> pd.DataFrame:
    """Return groups that stand in different strata, whose rates differ widely."""
    frame = make_pupils(seed, n_pupils=3000, n_schools=40, n_groups=2, intraclass=0.02)
    rng = np.random.default_rng(seed)
    is_first = frame["group"].eq("g0")
    frame["stratum"] = (rng.random(len(frame)) < np.where(is_first, 0.8, 0.3)).astype(int)
    chance = 0.2 + 0.4 * frame["stratum"] + np.where(is_first, extra, 0.0)
    frame["label"] = (rng.random(len(frame)) < chance).astype(float)
    return frame


@pytest.mark.parametrize("is_clustered", [True, False])
def test_strata_take_out_what_they_explain(is_clustered: bool) -> None:
    flagged = {"plain": 0, "strata": 0}
    for seed in range(60):
        k, n, members, strata = count_by_stratum(make_confounded(seed, extra=0.0))
        if not is_clustered:
            k, n = k.sum(axis=1, keepdims=True), n.sum(axis=1, keepdims=True)
        for name, layers in {"plain": None, "strata": strata}.items():
            found = compare_groups(
                {"rate": (k, n)}, members, strata=layers, is_clustered=is_clustered,
                minimum_count=10, level=0.95, n_resamples=199,
                generator=np.random.default_rng(seed),
            )["rate"]  # fmt: skip
            flagged[name] += bool(found.p_value.min() <= 0.05)
    assert flagged["plain"] == 60
    assert flagged["strata"] <= 9  # nominal 5 %: 3 of 60


def test_the_stratified_difference_is_that_of_mantel_and_haenszel() -> None:
    frame = make_confounded(1, extra=0.1)
    k, n, members, strata = count_by_stratum(frame)
    found = compare_groups(
        {"rate": (k, n)}, members, strata=strata, is_clustered=True, minimum_count=10,
        level=0.95, n_resamples=199, generator=np.random.default_rng(0),
    )["rate"]  # fmt: skip
    tops, bottoms = 0.0, 0.0
    for _, rows in frame.groupby("stratum"):
        own, rest = (rows.loc[rows["group"] == name, "label"] for name in ("g0", "g1"))
        weight = len(own) * len(rest) / len(rows)
        tops += weight * (own.mean() - rest.mean())
        bottoms += weight
    assert found.difference[0] == pytest.approx(tops / bottoms)
    assert found.lower[0] < 0.1 < found.upper[0]
    assert found.p_value[0] < 0.05
