"""How far groups lie apart, without the bias of comparing the largest with the smallest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from riskmodel.fairness.comparisons import NO_VARIATION, TOO_FEW, flag_by_holm
from riskmodel.fairness.context import AuditContext
from riskmodel.fairness.groups import Counts
from riskmodel.fairness.intervals import MINIMUM_CLUSTERS, ratio_variance
from riskmodel.fairness.measures import RATES
from riskmodel.fairness.small_groups import count_effective, iterate_attributes, shrink_rates

Array = npt.NDArray[np.float64]

BOOTSTRAP = "restricted wild bootstrap over clusters"
PERMUTATION = "permutation"


@dataclass(frozen=True)
class Spread:
    """How far the rates of groups that do not overlap lie apart.

    Parameters
    ----------
    difference, ratio : float
        Largest less smallest rate, and smallest by largest (NaN if the largest is 0). Both
        are biased: groups that are alike in truth differ by chance.
    between : float
        The standard deviation of the groups' true rates, the sampling variance taken out; 0
        where the rates lie no further apart than by chance.
    p_value : float
        How often groups without any difference would lie this far apart.
    """

    difference: float
    ratio: float
    between: float
    p_value: float


def measure_spread(
    successes: Counts,
    trials: Counts,
    *,
    is_clustered: bool,
    n_resamples: int,
    generator: np.random.Generator,
) -> Spread:
    """Measure how far the rates of groups lie apart.

    Parameters
    ----------
    successes, trials : numpy.ndarray of float, shape (n_groups, n_clusters)
        Counts of groups that do not overlap, each with somebody in the denominator.
    is_clustered : bool
        Whether the columns are clusters; if not, pupils are independent.
    n_resamples : int
        Resamples of the test.
    generator : numpy.random.Generator
        Their source.

    Returns
    -------
    Spread
        The test's statistic is the sum of the groups' squared distances from the common rate,
        each in units of its variance, which does not favour small groups as largest less
        smallest does. Under equality each cluster's residuals get a random sign; without
        clusters the outcomes are permuted.

    References
    ----------
    Lum, K., Zhang, Y. and Bower, A. (2022). De-biasing "bias" measurement. FAccT '22.
    Cameron, A. C., Gelbach, J. B. and Miller, D. L. (2008). Bootstrap-based improvements for
    inference with clustered errors. Review of Economics and Statistics 90, 414-427.
    """
    k, n = successes.sum(axis=1), trials.sum(axis=1)
    rates = k / n
    common = k.sum() / n.sum()
    binomial = common * (1 - common) / n
    variance = rates * (1 - rates) / n
    if is_clustered:
        several = (trials > 0).sum(axis=1) > 1
        clustered = np.where(several, np.nan_to_num(ratio_variance(successes, trials)), 0.0)
        variance = np.maximum(variance, clustered)
    between = max(float(np.var(rates, ddof=1) - variance.mean()), 0.0)
    if is_clustered:
        residuals = successes - common * trials
        signs = generator.choice(np.array([-1.0, 1.0]), size=(n_resamples, trials.shape[1]))
        shift = signs @ residuals.sum(axis=0) / n.sum()
        drawn = signs @ residuals.T - shift[:, np.newaxis] * n
        weight = np.maximum((residuals**2).sum(axis=1), binomial * n**2)
        observed = float(((k - common * n) ** 2 / weight).sum())
        statistics = (drawn**2 / weight).sum(axis=1)
    else:
        cases = generator.multivariate_hypergeometric(
            n.astype(np.int64), int(k.sum()), size=n_resamples, method="marginals"
        )
        observed = float(((rates - common) ** 2 / binomial).sum())
        statistics = ((cases / n - common) ** 2 / binomial).sum(axis=1)
    reached = int((statistics >= observed - 1e-9).sum())
    largest = float(rates.max())
    return Spread(
        difference=float(np.ptp(rates)),
        ratio=float(rates.min()) / largest if largest > 0 else float("nan"),
        between=float(np.sqrt(between)),
        p_value=(1 + reached) / (n_resamples + 1),
    )


def describe_gaps(context: AuditContext) -> dict[str, Any]:
    """Return how far the groups of each attribute lie apart in the rates that are compared.

    Parameters
    ----------
    context : AuditContext
        The audit.

    Returns
    -------
    dict
        `method` and, for each attribute, its `name`, and for each compared rate either the
        `reason` why nothing can be said, or `n_groups`, `difference` and `ratio` (never a
        verdict: biased upward), `between_sd`, `p_value`, `flagged`, and the `highest` group
        after shrinkage with its figure. `flagged` holds after Holm's correction over all
        attributes and rates.

    Notes
    -----
    Only groups whose rate may be shown take part, so that nothing follows on the others.
    """
    generator = context.generator("gaps")
    attributes: list[dict[str, Any]] = [
        {"name": grouping.name, **{
            name: _describe_rate(context, name, grouping.labels, numbers, generator)
            for name in context.spec.compared
        }}
        for grouping, numbers in iterate_attributes(context)
    ]  # fmt: skip
    names = context.spec.compared
    tested = [entry[name] for entry in attributes for name in names if "p_value" in entry[name]]
    flag_by_holm(tested, 1 - context.spec.level)
    method = BOOTSTRAP if context.is_clustered else PERMUTATION
    return {"method": method, "attributes": attributes}


def _describe_rate(
    context: AuditContext,
    name: str,
    labels: tuple[str, ...],
    numbers: npt.NDArray[np.int64],
    generator: np.random.Generator,
) -> dict[str, Any]:
    """Return how far the groups of one attribute lie apart in one rate."""
    rate = RATES[name]
    successes, trials = rate.count(context.cells[numbers])
    enough = trials.sum(axis=1) >= context.spec.minimum_count
    if context.is_clustered:
        enough &= (trials > 0).sum(axis=1) >= MINIMUM_CLUSTERS
    shown = np.flatnonzero(enough & ~context.hidden[rate.needs][numbers])
    if len(shown) < 2:
        return {"reason": TOO_FEW, "flagged": None}
    k, n = successes[shown], trials[shown]
    if k.sum() in (0, n.sum()):
        return {"reason": NO_VARIATION, "flagged": None}
    found = measure_spread(
        k, n, is_clustered=context.is_clustered, n_resamples=context.spec.n_resamples,
        generator=generator,
    )  # fmt: skip
    _, _, effect = count_effective(context, name)
    shrunken = shrink_rates(k.sum(axis=1) / effect, n.sum(axis=1) / effect, context.spec.level)
    highest = int(np.argmax(shrunken.value))
    return {
        "n_groups": len(shown),
        "difference": found.difference,
        "ratio": None if np.isnan(found.ratio) else found.ratio,
        "between_sd": found.between,
        "p_value": found.p_value,
        "flagged": None,
        "highest": {
            "group": labels[shown[highest]],
            "value": float(shrunken.value[highest]),
            "lower": float(shrunken.lower[highest]),
            "upper": float(shrunken.upper[highest]),
        },
    }
