"""One seed for a run, and independent streams drawn from it by name."""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(random_state: int, *names: str | int) -> int:
    """Return a 32-bit seed for one named use of the run's seed.

    Parameters
    ----------
    random_state : int
        The run's seed, at least 0.
    *names : str or int
        What the numbers are for, for example ``"simulation", "school", 12``.

    Returns
    -------
    int
        A seed in [0, 2**32), the same on every machine and Python version.

    Examples
    --------
    >>> derive_seed(7, "folds") == derive_seed(7, "folds")
    True
    >>> derive_seed(7, "folds") == derive_seed(7, "models")
    False
    """
    text = "\x1f".join(str(part) for part in (random_state, *names))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big")


def make_generator(random_state: int, *names: str | int) -> np.random.Generator:
    """Return an independent random generator for one named use of the run's seed.

    Parameters
    ----------
    random_state : int
        The run's seed, at least 0.
    *names : str or int
        What the numbers are for.

    Returns
    -------
    numpy.random.Generator
        A PCG64 generator, independent of those of other names.
    """
    return np.random.default_rng(derive_seed(random_state, *names))
