"""Promises of the conditional logit fits behind scaling, log pool and enrolment."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from scipy.optimize import minimize

from blemore.scoring import logits

CENTRE, PRECISION = np.array([0.0, 0, 0, 0, 0, 1]), np.array([2.0, 2, 2, 2, 2, 8])
LOW, HIGH = np.array([-0.5] * 5 + [0.2]), np.array([0.5] * 5 + [1.5])


def problems(seed: int, number: int = 5, clips: int = 12, meaning: float = 3.0):
    """Inputs (P, n, 6, 6) and soft labels (P, n, 6); with a `meaning` below 0 the slope is driven to its lower bound."""
    draw = np.random.default_rng(seed)
    soft = np.eye(6)[draw.integers(0, 6, (number, clips))]
    logs = meaning * soft + draw.normal(0, 1, soft.shape)
    offsets = np.broadcast_to(np.eye(6)[:, :5], (*logs.shape, 5))
    return np.concatenate([offsets, logs[..., None]], axis=-1), soft


def objective(x, inputs, soft):
    """The objective of one problem, written anew."""
    shown = logits.softmax(inputs @ x)
    return -np.sum(soft * np.log(shown)) + 0.5 * np.sum(PRECISION * (x - CENTRE) ** 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([-2.0, 0.0, 3.0]))
def test_a_fit_is_the_optimum_within_its_bounds(seed, meaning):
    inputs, soft = problems(seed, meaning=meaning)
    found = logits.fit(inputs, soft, CENTRE, PRECISION, low=LOW, high=HIGH)
    assert ((found >= LOW) & (found <= HIGH)).all()
    for x, *problem in zip(found, inputs, soft, strict=True):
        best = minimize(objective, CENTRE, tuple(problem), "L-BFGS-B", bounds=list(zip(LOW, HIGH, strict=True)))
        assert objective(x, *problem) < best.fun + 1e-6


def test_a_number_held_at_its_bound_does_not_cost_more_steps(monkeypatch):
    """The fit used to go on to its last step, halving each, where a slope was held."""
    counted, found = [], logits._objective
    monkeypatch.setattr(logits, "_objective", lambda *given: counted.append(1) or found(*given))
    inputs, soft = problems(1, meaning=-2.0)
    held = logits.fit(inputs, soft, CENTRE, PRECISION, low=LOW, high=HIGH)
    assert (held[:, 5] == LOW[5]).any()
    assert len(counted) < 25


def test_a_problem_is_fitted_the_same_alone_and_among_others():
    inputs, soft = problems(2)
    together = logits.fit(inputs, soft, CENTRE, PRECISION)
    alone = [logits.fit(inputs[k : k + 1], soft[k : k + 1], CENTRE, PRECISION)[0] for k in range(len(inputs))]
    np.testing.assert_array_equal(together, np.stack(alone))
