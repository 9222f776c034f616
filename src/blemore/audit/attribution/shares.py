"""Shapley values: a whole divided among the factors that made it, each paid for what it adds, over every order of adding."""

from math import factorial

import numpy as np


def shapley(values: np.ndarray) -> np.ndarray:
    """Each factor's share of values[-1] - values[0].

    The shares sum to it (efficiency), equal factors get equal shares (symmetry), one that never changes anything gets 0.
    L. S. Shapley, "A value for n-person games", 1953.

    Parameters
    ----------
    values : (2^k, ...) value of every set of the k factors; factor i is in set s where bit i of s is 1.

    Returns
    -------
    (k, ...)
    """
    k = len(values).bit_length() - 1
    if len(values) != 1 << k:
        raise ValueError(f"{len(values)} values: expected a power of two, one for each set of factors")
    shares = np.zeros((k, *values.shape[1:]))
    for without in range(1 << k):
        size = without.bit_count()
        if size == k:
            continue
        weight = factorial(size) * factorial(k - size - 1) / factorial(k)
        for i in range(k):
            if not without >> i & 1:
                shares[i] += weight * (values[without | 1 << i] - values[without])
    return shares
