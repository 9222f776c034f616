"""Intervals over persons: the jackknife with quantiles of Student's t (Tukey 1958; Efron and Tibshirani 1993, chapter 11).

Clips of a person resemble each other, so persons are what is sampled. With 8 or 11 of them a percentile bootstrap is too
narrow (`benchmarks/interval_coverage.py`): it takes the spread of so few for that of all, and knows no t.
"""

from collections.abc import Callable

import numpy as np

LEVEL = 0.90
"""How often an interval should hold the true value."""
POWER = 0.80
"""How often a difference that counts as detectable is distinguished from zero."""
FEWEST_PERSONS = 2
"""Fewer leave nothing to compare."""


def interval_over_persons(statistic: Callable[..., np.ndarray], *sums: np.ndarray) -> np.ndarray:
    """The 90 % interval of a statistic of sums over persons.

    Parameters
    ----------
    statistic : callable
        Gives (...) of the sums over all persons, one array for each of `sums`. It must also take arrays with a further
        first axis: the sums without each person.
    *sums : (persons, ...) float
        Each person's part; persons without any part, all of whose numbers are 0, do not count.

    Returns
    -------
    (2, ...) float
        Lower and upper end.

    Raises
    ------
    ValueError
        There are fewer than two persons.
    """
    there = counted(*sums)
    if there.sum() < FEWEST_PERSONS:
        raise ValueError(f"{there.sum()} person(s): an interval over persons needs at least {FEWEST_PERSONS}")
    parts = [part[there] for part in sums]
    totals = [part.sum(axis=0) for part in parts]
    without = statistic(*(total - part for total, part in zip(totals, parts, strict=True)))
    return interval_of(statistic(*totals), without)


def interval_of(whole: np.ndarray, without: np.ndarray) -> np.ndarray:
    """The 90 % interval of a statistic, from its values without each person.

    Parameters
    ----------
    whole : (...) float
        The statistic of all persons.
    without : (persons, ...) float
        The statistic without each person.

    Returns
    -------
    (2, ...) float
        Lower and upper end.
    """
    reach = t_quantile((1 + LEVEL) / 2, len(without) - 1) * jackknife_error(without)
    return np.stack([whole - reach, whole + reach])


def detectable(interval: np.ndarray, persons: int) -> float:
    """The smallest difference that a study with an interval of this width tells from zero in four of five repetitions.

    Its interval lies above zero where the estimate exceeds its reach, so that the difference must exceed the reach by the
    80 % quantile of *t*, in standard errors (Cohen 1988, chapter 2).

    Parameters
    ----------
    interval : (2,) float
        Of `interval_over_persons`.
    persons : int, >= 2
        That it is over.

    Returns
    -------
    float, >= 0
        In the interval's unit.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.intervals import detectable
    >>> round(detectable(np.array([-0.04, 0.10]), 16), 3)
    0.105
    """
    reach = float(interval[1] - interval[0]) / 2
    return reach * (1 + t_quantile(POWER, persons - 1) / t_quantile((1 + LEVEL) / 2, persons - 1))


def counted(*sums: np.ndarray) -> np.ndarray:
    """Find the persons who have any part in the sums.

    Parameters
    ----------
    *sums : (persons, ...) float
        Each person's parts.

    Returns
    -------
    (persons,) bool
        Whether any number is not 0.
    """
    return np.any([part.reshape(len(part), -1).any(axis=1) for part in sums], axis=0)


def jackknife_error(without: np.ndarray) -> np.ndarray:
    """Standard error of a statistic by the jackknife over persons.

    Parameters
    ----------
    without : (persons, ...) float
        The statistic without each person.

    Returns
    -------
    (...) float
        The standard error.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.intervals import jackknife_error
    >>> values = np.array([1.0, 2.0, 3.0, 6.0])  # the error of a mean is the familiar one
    >>> error = jackknife_error((values.sum() - values) / 3)
    >>> bool(np.isclose(error, values.std(ddof=1) / 2))
    True
    """
    return np.sqrt((len(without) - 1) * np.mean((without - without.mean(axis=0)) ** 2, axis=0))


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t distribution.

    By bisection of the distribution function, which for whole degrees is a finite sum in the angle whose tangent is
    t / sqrt(degrees) (Abramowitz and Stegun, 26.7.3 and 26.7.4). The light distribution has no scipy.

    Parameters
    ----------
    probability : float, 0.5..1 (exclusive)
        Share of the distribution below the quantile.
    degrees : int, >= 1
        Degrees of freedom.

    Returns
    -------
    float
        The quantile.

    Examples
    --------
    >>> from blemore.scoring.intervals import t_quantile
    >>> round(t_quantile(0.95, 10), 3)
    1.812
    """
    low, high = 0.0, np.pi / 2
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if _inside(middle, degrees) < 2 * probability - 1 else (low, middle)
    return float(np.sqrt(degrees) * np.tan(middle))


def _inside(angle: float, degrees: int) -> float:
    """Probability that |t| is smaller than sqrt(degrees) tan(angle)."""
    sine, cosine = np.sin(angle), np.cos(angle)
    odd = degrees % 2
    if degrees == 1:
        return 2 / np.pi * angle
    term = total = cosine if odd else 1.0
    for k in range(2 + odd, degrees - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / np.pi * (angle + sine * total) if odd else sine * total
