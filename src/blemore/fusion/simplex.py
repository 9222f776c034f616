"""Weights on the simplex by soft cross-entropy: one per encoder, none negative, summing to 1."""

from collections.abc import Callable

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean, complete_clips

FLOOR = 1e-12
"""Added to a probability before its logarithm: an encoder may give a true class no probability at all."""
PRECISION = 1e-9
"""The objective ends at most this far above its minimum."""
MOST_ITERATIONS = 20_000
GROWTH = 1.2
"""The step grows by this factor after each iteration, and is halved while it is too long."""
ROUNDING = 1e-14
"""What float64 sums of the objective may be off; without it the search for a step could not end near the minimum."""


def fit(data: Labelled, *, l2: float) -> WeightedMean:
    """Weights that minimise the soft cross-entropy of the mean, drawn towards equal weights by `l2`.

    Minimises over the simplex the convex function
        mean over clips of -sum_c soft_c log(sum_e w_e p_ec)  +  l2 * ||w - 1/E||^2
    Only clips that every encoder has count: with gaps filled by renormalising it would not be convex. An encoder
    without any clip here gets the weight 0.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.
    l2 : float, >= 0
        0 leaves the weights to the data, a large one gives equal weights.

    Returns
    -------
    WeightedMean
        The same input gives the same weights.

    Raises
    ------
    DataError
        There is no clip that all encoders have.
    ValueError
        No minimum was found.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.fusion.base import Labelled
    >>> from blemore.fusion.simplex import fit
    >>> good, guess = np.full((6, 6), 0.04) + 0.76 * np.eye(6), np.full((6, 6), 1 / 6)
    >>> groups = np.arange(6)
    >>> data = Labelled(np.stack([good, guess]), 100 * np.eye(6), groups, groups, families=("face", "voice"))
    >>> fit(data, l2=0.0).weights.round(3).tolist()  # the encoder that is right gets all the weight
    [1.0, 0.0]
    >>> fit(data, l2=100.0).weights.round(2).tolist()
    [0.5, 0.5]
    """
    there, complete = complete_clips(data.values)
    probabilities, soft = data.values[there], data.soft
    clip, kind = np.nonzero(soft * complete[:, None])  # (clip, class) pairs that enter the cross-entropy: m of them
    known, share = probabilities[:, clip, kind], soft[clip, kind] / complete.sum()  # (E, m), (m,)
    equal = np.full(len(probabilities), 1 / len(probabilities))

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        # einsum and not @: a threaded matrix product can change the last bits with the number of cores.
        mixed = np.einsum("e,em->m", weights, known) + FLOOR
        away = weights - equal
        value = -np.sum(share * np.log(mixed)) + l2 * np.sum(away**2)
        return value, -np.einsum("em,m->e", known, share / mixed) + 2 * l2 * away

    weights = np.zeros(len(there))
    weights[there] = _minimise(objective, equal)
    return WeightedMean(weights)


def _minimise(objective: Callable[[np.ndarray], tuple[float, np.ndarray]], start: np.ndarray) -> np.ndarray:
    """Minimise a convex function on the simplex: accelerated projected gradient with restarts.

    FISTA (Beck and Teboulle 2009), the momentum dropped when it points uphill (O'Donoghue and Candes 2015). It ends
    when g.w - min(g), which bounds how far the value lies above the minimum, is at most PRECISION.
    """
    weights = ahead = start
    speed, step = 1.0, 1.0
    for _ in range(MOST_ITERATIONS):
        value, gradient = objective(ahead)
        while True:  # halve the step until the quadratic model lies above the function
            moved = onto_simplex(ahead - step * gradient)
            change = moved - ahead
            model = value + np.sum(gradient * change) + np.sum(change**2) / (2 * step)
            if objective(moved)[0] <= model + ROUNDING:
                break
            step /= 2
        slope = objective(moved)[1]
        if np.sum(slope * moved) - slope.min() <= PRECISION:
            return moved
        uphill = np.sum((ahead - moved) * (moved - weights)) > 0
        faster = 1.0 if uphill else (1 + np.sqrt(1 + 4 * speed**2)) / 2
        # The momentum must not leave the simplex: beyond it a mixed probability can be negative.
        ahead = moved if uphill else onto_simplex(moved + (speed - 1) / faster * (moved - weights))
        weights, speed, step = moved, faster, step * GROWTH
    raise ValueError(f"the weights were not found within {MOST_ITERATIONS} iterations")


def onto_simplex(point: np.ndarray) -> np.ndarray:
    """Project onto the simplex: the nearest point with no negative part and sum 1 (Duchi et al. 2008).

    Parameters
    ----------
    point : (E,) float
        Any point.

    Returns
    -------
    (E,) float, 0..1
        The nearest weights.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.fusion.simplex import onto_simplex
    >>> onto_simplex(np.array([0.8, 0.6, -0.1])).round(3).tolist()
    [0.6, 0.4, 0.0]
    """
    falling = np.sort(point)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    return np.maximum(point - excess[np.flatnonzero(falling > excess)[-1]], 0.0)
