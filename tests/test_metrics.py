"""Decisions and metrics agree with a plain reading of the challenge kit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit_rules import accuracies, as_labels, as_rows, decide
from simulated import GRID, problems

from blemore.scoring.decoding import decode
from blemore.scoring.metrics import acc_presence, acc_salience, score, scores

thresholds = st.one_of(st.sampled_from(GRID), st.floats(0, 1))


@given(problems(), thresholds, thresholds)
def test_decisions_are_those_of_the_kit(problem, alpha, beta):
    probabilities, _ = problem
    assert np.array_equal(
        decode(probabilities, alpha, beta), as_rows([decide(row, alpha, beta) for row in probabilities])
    )


@pytest.mark.thorough
@given(problems(min_rows=2), problems(min_rows=2), thresholds, thresholds)
def test_accuracies_are_those_of_the_kit_to_the_last_bit(problem, other, alpha, beta):
    n = min(len(problem[0]), len(other[0]))
    saliences, truth = decode(problem[0][:n], alpha, beta), other[1][:n]
    presence, salience = accuracies(as_labels(saliences), as_labels(truth))
    assert acc_presence(saliences, truth) == presence
    assert acc_salience(saliences, truth) == salience
    assert score(saliences, truth) == 0.5 * presence + 0.5 * salience


@given(problems(), thresholds, thresholds)
def test_every_decision_is_one_that_the_challenge_accepts(problem, alpha, beta):
    saliences = decode(problem[0], alpha, beta)
    assert set(np.unique(saliences)) <= {0, 30, 50, 70, 100}
    assert (saliences.sum(axis=1) == 100).all()
    blend = (saliences > 0).sum(axis=1) == 2
    assert not saliences[blend, 5].any()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0, 0, 0, 0, 0, 0], [100, 0, 0, 0, 0, 0]),  # all zero: anger
        ([0.1, 0.1, 0.1, 0.1, 0.1, 0.1], [50, 50, 0, 0, 0, 0]),  # ties: the lowest index first
        ([0, 0, 0, 0, 0.5, 0.5], [0, 0, 0, 0, 100, 0]),  # neutral loses a tie
        ([0, 0, 0, 0, 0.4, 0.6], [0, 0, 0, 0, 0, 100]),  # neutral stands alone
        ([0, 0, 0, 0.4, 0, 0.1], [0, 0, 0, 100, 0, 0]),  # neutral second: the emotion alone
        ([0, 0.1, 0, 0.9, 0, 0], [0, 30, 0, 70, 0, 0]),  # the second equals alpha: it stays
        ([0, 0.25, 0, 0.5, 0, 0], [0, 50, 0, 50, 0, 0]),  # the difference equals beta: 50/50
    ],
)
def test_boundary_rows_are_decided_as_in_the_kit(row, expected):
    assert decode(np.array([row]), 0.1, 0.25).tolist() == [expected]


def test_thresholds_can_differ_from_row_to_row():
    row = [0.6, 0.4, 0, 0, 0, 0]
    saliences = decode(np.array([row] * 3), np.array([0.5, 0.3, 0.3]), np.array([0.1, 0.1, 0.3]))
    assert saliences[:, :2].tolist() == [[100, 0], [70, 30], [50, 50]]


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN, the first is row 2"):
        decode(np.array([[1.0, 0, 0, 0, 0, 0], [np.nan, 0, 0, 0, 0, 1]]), 0.1, 0.1)
    with pytest.raises(ValueError, match="alpha and beta"):
        decode(np.array([[1.0, 0, 0, 0, 0, 0]]), np.nan, 0.1)


def test_salience_counts_blends_only():
    truth = np.array([[100, 0, 0, 0, 0, 0], [70, 30, 0, 0, 0, 0], [50, 50, 0, 0, 0, 0], [0, 0, 0, 30, 70, 0]])
    said = np.array([[100, 0, 0, 0, 0, 0], [70, 30, 0, 0, 0, 0], [70, 30, 0, 0, 0, 0], [100, 0, 0, 0, 0, 0]])
    assert scores(said, truth) == {
        "acc_presence": 0.75,
        "acc_salience": 1 / 3,
        "score": 0.5 * 0.75 + 0.5 * (1 / 3),
        "clips": 4,
        "blends": 3,
    }


def test_saliences_are_compared_as_whole_percents():
    truth = np.array([[70.0, 30.0, 0, 0, 0, 0]])
    assert acc_salience(np.array([[69.6, 30.4, 0, 0, 0, 0]]), truth) == 1
    assert acc_salience(np.array([[69.4, 30.6, 0, 0, 0, 0]]), truth) == 0


def test_no_blends_give_salience_zero_and_no_clips_give_zero():
    single = np.array([[100, 0, 0, 0, 0, 0]])
    assert (acc_presence(single, single), acc_salience(single, single)) == (1, 0)
    assert score(single[:0], single[:0]) == 0
