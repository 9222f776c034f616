"""The weighted optima equal the exact surface of each weighting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import DECISIONS, problems

from blemore.scoring.decoding import decode
from blemore.scoring.exact import exact_optimum, weighted_optima
from blemore.scoring.metrics import score


@pytest.mark.thorough
@given(problems(min_rows=1, max_rows=14), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_each_weightings_optimum_is_that_of_its_own_surface(problem, seed):
    probabilities, truth = problem
    weights = np.random.default_rng(seed).integers(0, 4, (5, len(truth))).astype(float)
    found = weighted_optima(probabilities, truth, weights)
    for weight, thresholds in zip(weights.astype(int), found.T, strict=True):
        copies = np.repeat(np.arange(len(truth)), weight)
        best = exact_optimum(probabilities[copies], truth[copies])
        assert score(decode(probabilities[copies], *thresholds), truth[copies]) == pytest.approx(best.score, abs=1e-12)


def test_a_clip_without_weight_changes_nothing_not_even_the_middle_of_the_best_cell():
    """Its label split the best cell once: thresholds of a person then hung on labels that nobody had shown."""
    rng = np.random.default_rng(4)
    probabilities = rng.dirichlet(np.ones(6), 60)
    truth = np.array(DECISIONS)[rng.integers(0, len(DECISIONS), 60)]
    weights = (rng.random((20, 60)) < 0.5).astype(float)
    found = weighted_optima(probabilities, truth, weights)
    for k, weight in enumerate(weights):
        alone = weighted_optima(probabilities[weight > 0], truth[weight > 0], np.ones((1, int(weight.sum()))))
        assert np.array_equal(found[:, k], alone[:, 0])


def test_a_weight_of_two_is_the_clip_twice():
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet(np.ones(6), 40)
    truth = np.array(DECISIONS)[rng.integers(0, len(DECISIONS), 40)]
    weight = rng.integers(0, 3, 40)
    found = weighted_optima(probabilities, truth, weight[None].astype(float))
    again = np.repeat(np.arange(40), weight)
    twice = decode(probabilities[again], *found[:, 0])
    assert score(twice, truth[again]) == pytest.approx(exact_optimum(probabilities[again], truth[again]).score)
