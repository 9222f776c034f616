"""Promises of the conditional logit fits behind scaling, log pool and the posterior of the answers."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from scipy.optimize import minimize

from blemore.scoring import logits
from blemore.scoring.conditional import COEFFICIENTS, blocks_of

CENTRE, PRECISION = np.array([0.0, 0, 0, 0, 0, 1]), np.array([2.0, 2, 2, 2, 2, 8])
LOW, HIGH = np.array([-0.5] * 5 + [0.2]), np.array([0.5] * 5 + [1.5])


def problem(seed: int, clips: int = 12, meaning: float = 3.0):
    """Inputs (6, n, 6) and soft labels (n, 6); with a `meaning` below 0 the slope is driven to its lower bound."""
    draw = np.random.default_rng(seed)
    soft = np.eye(6)[draw.integers(0, 6, clips)]
    logs = meaning * soft + draw.normal(0, 1, soft.shape)
    offsets = np.broadcast_to(np.eye(6)[:5, None], (5, *logs.shape))
    return np.concatenate([offsets, logs[None]]), soft


def objective(x, inputs, soft):
    """The objective of one problem, written anew."""
    shown = logits.softmax(np.tensordot(x, inputs, 1))
    return -np.sum(soft * np.log(shown)) + 0.5 * np.sum(PRECISION * (x - CENTRE) ** 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([-2.0, 0.0, 3.0]))
def test_a_fit_is_the_optimum_within_its_bounds(seed, meaning):
    inputs, soft = problem(seed, meaning=meaning)
    found = logits.fit([logits.Block.whole(inputs)], soft, CENTRE, PRECISION, low=LOW, high=HIGH)
    assert ((found >= LOW) & (found <= HIGH)).all()
    best = minimize(objective, CENTRE, (inputs, soft), "L-BFGS-B", bounds=list(zip(LOW, HIGH, strict=True)))
    assert objective(found, inputs, soft) < best.fun + 1e-6


def test_a_number_held_at_its_bound_does_not_cost_more_steps(monkeypatch):
    """The fit used to go on to its last step, halving each, where a slope was held."""
    counted, found = [], logits._objective
    monkeypatch.setattr(logits, "_objective", lambda *given: counted.append(1) or found(*given))
    inputs, soft = problem(1, meaning=-2.0)
    held = logits.fit([logits.Block.whole(inputs)], soft, CENTRE, PRECISION, low=LOW, high=HIGH)
    assert held[5] == LOW[5]
    assert len(counted) < 25


def test_a_fit_that_starts_near_the_optimum_ends_there():
    inputs, soft = problem(2)
    best = logits.fit([logits.Block.whole(inputs)], soft, CENTRE, PRECISION)
    again = logits.fit([logits.Block.whole(inputs)], soft, CENTRE, PRECISION, start=best + 0.1)
    assert abs(objective(again, inputs, soft) - objective(best, inputs, soft)) < 1e-8


def test_blocks_give_what_the_same_inputs_with_all_their_zeros_give():
    draw = np.random.default_rng(3)
    blocks, soft = blocks_of(draw.dirichlet(np.ones(6), 40)), draw.dirichlet(np.ones(36), 40)
    whole = np.zeros((len(COEFFICIENTS), 40, 36))
    for block in blocks:
        whole[np.ix_(block.numbers, np.arange(40), block.classes)] = block.inputs.transpose(0, 2, 1)
    one = [logits.Block.whole(whole)]
    zero, precision = np.zeros(len(COEFFICIENTS)), np.full(len(COEFFICIENTS), 0.04)
    found = logits.fit(blocks, soft, zero, precision)
    np.testing.assert_allclose(found, logits.fit(one, soft, zero, precision), rtol=1e-9)
    np.testing.assert_allclose(logits.linear(blocks, found), np.einsum("kna,k->na", whole, found), rtol=1e-12)
