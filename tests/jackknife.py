"""Intervals over persons once more, by plain loops and scipy: what the package's are held against."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from blemore.scoring.rows import Rows


def interval(rows: Rows, statistic: Callable[[np.ndarray], float]) -> list[float]:
    """[low, high], 90 %, of a statistic of the rows that a mask (n,) keeps: each person left out once."""
    values = [statistic(rows.person != person) for person in np.unique(rows.person)]
    error = stats.sem(values) * (len(values) - 1)  # of the pseudo-values, whose mean is left out: it moves nothing
    whole = statistic(np.full(len(rows), True))
    return [float(end) for end in stats.t.interval(0.9, len(values) - 1, loc=whole, scale=error or 1e-300)]
