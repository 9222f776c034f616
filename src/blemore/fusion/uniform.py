"""Every encoder counts the same: nothing is fitted, so nothing can be fitted wrongly."""

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean


def fit(data: Labelled) -> WeightedMean:
    """Equal weights."""
    return WeightedMean(np.full(len(data.families), 1 / len(data.families)))
