"""Weights by CMA-ES on the Score itself (library `cma`): the objective that counts, searched without gradients.

The Score is a step function of few clips, so what this finds fits the clips it was found on; compare its in-sample and
its nested figures before believing it.
"""

import logging

import numpy as np

from blemore.fusion.base import Labelled, WeightedMean
from blemore.fusion.greedy import score_of
from blemore.scoring.logits import softmax
from blemore.seeds import letters_generator

SPREAD = 0.5
"""First step, in logits of the weights."""


def fit(data: Labelled, *, evaluations: int, l2: float) -> WeightedMean:
    """Fit weights softmax(x) of the best Score less `l2` * |x|^2, from equal weights on.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.
    evaluations : int, >= 1
        How many weights are tried.
    l2 : float, >= 0
        Pull of the logits x towards 0, that is of the weights towards equal ones.

    Returns
    -------
    WeightedMean
        The best weights that were tried.
    """
    import cma  # a second of import, needed here alone

    if len(data.families) == 1:
        return WeightedMean(np.ones(1))
    draw = letters_generator(data.name)

    def loss(x: np.ndarray) -> float:
        return l2 * float(np.sum(x**2)) - score_of(softmax(x), data.values, data.truth)

    quiet = {"verbose": -10, "verb_log": 0}  # from -9 on it takes options from a file in the folder at hand
    # Of its own, random numbers come from numpy's global state.
    chance = {"randn": lambda *shape: draw.standard_normal(shape), "seed": np.nan}
    start = np.zeros(len(data.families))
    search = cma.CMAEvolutionStrategy(start, SPREAD, {"maxfevals": evaluations, **chance, **quiet})
    search.optimize(loss)
    logging.info("CMA-ES ended after %d tries: %s", search.result.evaluations, search.stop())
    return WeightedMean(softmax(search.result.xbest))
