"""The fast threshold surfaces find what a plain search over the kit's rules finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_rules import accuracies, as_labels, decide, grid_search
from simulated import DECISIONS, GRID, problems

from blemore.decoding import decode
from blemore.metrics import acc_presence, acc_salience, score
from blemore.surface import exact_optimum, exact_surface, official_grid, surface


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
    table = surface(probabilities, truth, alphas, betas)
    for i, alpha in enumerate(alphas):
        for j, beta in enumerate(betas):
            saliences = decode(probabilities, alpha, beta)
            assert table.acc_presence()[i] == acc_presence(saliences, truth)
            assert table.acc_salience()[i, j] == acc_salience(saliences, truth)


@settings(max_examples=60)
@given(problems(max_rows=8))
def test_the_exact_optimum_is_the_best_that_any_thresholds_reach(problem):
    probabilities, truth = problem
    values = np.sort(probabilities, axis=1)
    # All thresholds that can differ: at, and just beside, every second value and every difference.
    alphas, betas = ({0.0, 1.0, *numbers} for numbers in (values[:, -2], values[:, -1] - values[:, -2]))
    alphas |= {min(1.0, np.nextafter(value, 2)) for value in alphas}
    betas |= {max(0.0, np.nextafter(value, -1)) for value in betas}
    labels = as_labels(truth)
    best = 0.0
    for alpha in alphas:
        for beta in betas:
            presence, salience = accuracies([decide(row, alpha, beta) for row in probabilities], labels)
            best = max(best, 0.5 * presence + 0.5 * salience)
    assert exact_optimum(probabilities, truth).score == best


@given(problems())
def test_the_exact_optimum_is_never_worse_than_the_official_grid(problem):
    assert exact_optimum(*problem).score >= official_grid(*problem).score


@given(problems(), st.data())
def test_the_chosen_point_reaches_the_accuracies_it_claims(problem, data):
    probabilities, truth = problem
    chosen = exact_optimum(probabilities, truth)
    saliences = decode(probabilities, chosen.alpha, chosen.beta)
    assert 0 <= chosen.alpha <= np.nextafter(1, 2)
    assert 0 <= chosen.beta <= 1
    assert acc_presence(saliences, truth) == chosen.acc_presence
    assert acc_salience(saliences, truth) == chosen.acc_salience
    order = data.draw(st.permutations(range(len(truth))))
    assert exact_optimum(probabilities[order], truth[order]) == chosen  # the order of the clips does not matter


@given(problems(), st.data())
def test_whole_weights_count_like_copies_of_clips(problem, data):
    probabilities, truth = problem
    counts = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(truth), max_size=len(truth))))
    repeated = np.repeat(np.arange(len(truth)), counts)
    weighted = exact_surface(probabilities, truth, counts)
    copied = surface(probabilities[repeated], truth[repeated], weighted.alphas, weighted.betas)
    assert np.array_equal(weighted.score(), copied.score())
    chosen = exact_optimum(probabilities, truth, counts)
    assert chosen.score == score(decode(probabilities, chosen.alpha, chosen.beta), truth, counts)


def test_the_middle_of_the_best_region_is_chosen():
    # One true blend with a second probability of 0.4: any alpha up to 0.4 and any beta from 0.2 on are perfect.
    chosen = exact_optimum(np.array([[0.6, 0.4, 0, 0, 0, 0]]), np.array([[50, 50, 0, 0, 0, 0]]))
    assert (chosen.alpha, chosen.beta, chosen.score) == (pytest.approx(0.2), pytest.approx(0.6), 1.0)


def test_neutral_rows_make_no_edge():
    probabilities = np.array([[0.3, 0, 0, 0, 0, 0.7], [0.6, 0, 0, 0, 0, 0.4]])
    table = exact_surface(probabilities, np.array([[0, 0, 0, 0, 0, 100], [100, 0, 0, 0, 0, 0]]))
    assert table.salience.shape == (1, 1)
    assert table.presence.tolist() == [2]
