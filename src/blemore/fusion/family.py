"""Every family of encoders counts the same, however many members it has; nothing is fitted."""

from collections import Counter

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean


def fit(data: Labelled) -> WeightedMean:
    """Give every family the same weight, shared equally by its members.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.

    Returns
    -------
    WeightedMean
        The weights.
    """
    members = Counter(data.families)
    return WeightedMean(np.array([1 / (len(members) * members[family]) for family in data.families]))
