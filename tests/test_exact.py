"""The exact optimum is the best of all thresholds, taken where a plain reading of the whole surface takes it."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit_rules import accuracies, as_labels, decide
from plain_surface import exact_surface, optimum
from simulated import DECISIONS, problems

from blemore.scoring import exact
from blemore.scoring.decoding import decode
from blemore.scoring.exact import exact_optimum, plateau
from blemore.scoring.metrics import acc_presence, acc_salience
from blemore.scoring.surface import official_grid
from joblineage.errors import DataError


@pytest.mark.thorough
@settings(max_examples=300)
@given(problems(max_rows=30))
def test_the_optimum_and_its_ties_are_those_of_the_whole_surface(problem):
    assert exact_optimum(*problem) == optimum(*problem)


@pytest.mark.parametrize("levels", [10, 40, 10**9])
@pytest.mark.parametrize("seed", range(20))
def test_many_clips_with_many_ties_have_the_optimum_of_the_whole_surface(seed, levels):
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(50, 400))
    truth = np.array(DECISIONS)[rng.integers(0, len(DECISIONS), rows)]
    values = np.exp(rng.choice([0, 2, 6]) * truth / 100 + rng.normal(0, 1, truth.shape))
    probabilities = np.round(values / values.sum(axis=1, keepdims=True) * levels) / levels
    assert exact_optimum(probabilities, truth) == optimum(probabilities, truth)


@pytest.mark.thorough
@settings(max_examples=60)
@given(problems(min_rows=1, max_rows=14), st.floats(0, 0.3))
def test_the_plateau_holds_exactly_the_cells_near_the_best(problem, margin):
    probabilities, truth = problem
    table = exact_surface(probabilities, truth)
    inside = table.score() >= table.score().max() - margin
    low_alpha, high_alpha, low_beta, high_beta = exact.cell_sides(table.alphas, table.betas)
    a, b = inside.any(axis=1), inside.any(axis=0)
    flat, best = plateau(probabilities, truth, margin), exact_optimum(probabilities, truth)
    assert flat["alpha"] == [low_alpha[a].min(), high_alpha[a].max()]
    assert flat["beta"] == [low_beta[b].min(), high_beta[b].max()]
    assert flat["area"] == pytest.approx((high_alpha - low_alpha) @ inside @ (high_beta - low_beta))
    assert flat["alpha"][0] <= best.alpha <= flat["alpha"][1]
    assert flat["beta"][0] <= best.beta <= flat["beta"][1]
    assert plateau(probabilities, truth, 1.0)["area"] == pytest.approx(1.0)


@pytest.mark.thorough
def test_ten_times_the_challenges_clips_need_little_memory_and_numpy_alone():
    code = (
        "import sys, numpy as np\n"
        "from joblineage.capture import peak_memory\n"
        "rng = np.random.default_rng(0)\n"
        "truth = np.array(DECISIONS)[rng.integers(0, len(DECISIONS), 24560)]\n"
        "values = np.exp(2 * truth / 100 + rng.normal(0, 1, truth.shape))\n"
        "values /= values.sum(axis=1, keepdims=True)\n"
        "before = peak_memory()\n"
        "from blemore.scoring.exact import exact_optimum\n"
        "best = exact_optimum(values, truth)\n"
        "print(best.score, (peak_memory() - before) / 2**20, 'scipy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"DECISIONS = {DECISIONS}\n{code}"], capture_output=True, text=True, check=True
    )
    best, megabytes, scipy = done.stdout.split()
    assert 0 < float(best) < 1
    assert float(megabytes) < 200
    assert scipy == "False"


def test_too_many_cells_are_refused_naming_the_grid(monkeypatch):
    rng = np.random.default_rng(0)
    truth = np.array(DECISIONS)[rng.integers(0, len(DECISIONS), 100)]
    values = rng.dirichlet(np.ones(6), 100)
    cells = exact.ExactSurface(values, truth).cells
    monkeypatch.setattr(exact, "LARGEST", cells)
    exact_optimum(values, truth)
    monkeypatch.setattr(exact, "LARGEST", cells - 1)
    with pytest.raises(DataError, match="--grid official"):
        exact_optimum(values, truth)


@pytest.mark.thorough
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


@pytest.mark.thorough
@given(problems())
def test_the_exact_optimum_is_never_worse_than_the_official_grid(problem):
    assert exact_optimum(*problem).score >= official_grid(*problem).score


@pytest.mark.thorough
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


def test_the_middle_of_the_best_region_is_chosen():
    # One true blend with a second probability of 0.4: any alpha up to 0.4 and any beta from 0.2 on are perfect.
    chosen = exact_optimum(np.array([[0.6, 0.4, 0, 0, 0, 0]]), np.array([[50, 50, 0, 0, 0, 0]]))
    assert (chosen.alpha, chosen.beta, chosen.score) == (pytest.approx(0.2), pytest.approx(0.6), 1.0)


def test_neutral_rows_make_no_edge():
    probabilities = np.array([[0.3, 0, 0, 0, 0, 0.7], [0.6, 0, 0, 0, 0, 0.4]])
    table = exact_surface(probabilities, np.array([[0, 0, 0, 0, 0, 100], [100, 0, 0, 0, 0, 0]]))
    assert table.acc_salience.shape == (1, 1)
    assert table.acc_presence.tolist() == [1]
