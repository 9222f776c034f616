"""The fast threshold surfaces find what a plain search over the kit's rules finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_rules import grid_search
from simulated import DECISIONS, GRID, problems

from blemore.scoring.decoding import decode
from blemore.scoring.metrics import acc_presence, acc_salience
from blemore.scoring.surface import Attainable, official_grid, surface


@pytest.mark.thorough
@settings(max_examples=40)
@given(problems(max_rows=12))
def test_the_official_grid_chooses_what_the_kit_chooses(problem):
    probabilities, truth = problem
    chosen = official_grid(probabilities, truth)
    expected = grid_search(probabilities, truth, GRID, GRID)
    assert (chosen.alpha, chosen.beta, chosen.acc_presence, chosen.acc_salience, chosen.score) == expected


def test_the_official_grid_equals_the_kit_on_many_rows_with_ties():
    rng = np.random.default_rng(5)
    probabilities = np.round(rng.dirichlet(np.full(6, 0.7), 150) * 20) / 20
    truth = np.array(DECISIONS)[rng.integers(0, len(DECISIONS), 150)]
    chosen = official_grid(probabilities, truth)
    assert (chosen.alpha, chosen.beta) == grid_search(probabilities, truth, GRID, GRID)[:2]


@given(problems(), st.lists(st.floats(0, 1), min_size=1, max_size=4), st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_every_cell_of_a_surface_equals_decoding_with_its_thresholds(problem, alphas, betas):
    probabilities, truth = problem
    alphas, betas = np.sort(alphas), np.sort(betas)
    table = surface(Attainable(probabilities, truth), alphas, betas)
    for i, alpha in enumerate(alphas):
        for j, beta in enumerate(betas):
            saliences = decode(probabilities, alpha, beta)
            assert table.acc_presence[i] == acc_presence(saliences, truth)
            assert table.acc_salience[i, j] == acc_salience(saliences, truth)
