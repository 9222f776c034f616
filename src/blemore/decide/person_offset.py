"""Label-free calibration: class offsets bring a person's mean posterior to the prior, by a chosen strength.

A person who smiles through everything draws every clip towards happiness. All persons show the same schedule, so a
person's posteriors should average to the training prior: p' ~ p * exp(w) with the w for which they do.
The equation is that of iterative proportional fitting (Deming and Stephan 1940) with fixed row sums.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from blemore.decide.problem import OFF, Decided, Strength, best_strength, decide_with
from blemore.scoring.decoding import decode
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows

MOST_ITERATIONS = 1000
TOLERANCE = 1e-10
"""Iteration stops when no person's mean posterior is further from the prior than this."""
LIMIT = 5.0
"""Largest offset in size: certain posteriors (zeros, ones) cannot be moved, and would drive it to infinity."""
FLOOR = 1e-6
"""Least prior of a class: one that training never shows is made rare, not impossible."""


def fit_offsets(probabilities: np.ndarray, person: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Offsets of each person, at full strength (see `strength_of`).

    Parameters
    ----------
    probabilities : (n, 6) rows of all persons, no NaN.
    person : (n,) ints 0..persons-1, who shows each row.
    prior : (6,) mean soft label of the training clips.

    Returns
    -------
    (persons, 6) float64 offsets w, in -LIMIT..LIMIT, centred (mean 0 over classes). No label is looked at.
    """
    prior = np.maximum(np.asarray(prior, float), FLOOR)
    prior = prior / prior.sum()
    persons = int(person.max()) + 1 if len(person) else 0
    clips = np.bincount(person, minlength=persons)[:, None]
    offsets = np.zeros((persons, len(CLASSES)))
    for _ in range(MOST_ITERATIONS):
        moved = apply_offsets(probabilities, offsets[person])
        sums = np.stack([np.bincount(person, moved[:, k], minlength=persons) for k in range(len(CLASSES))], axis=1)
        mean = sums / np.maximum(clips, 1)  # (persons, 6)
        if np.abs(mean - prior).max(initial=0.0) < TOLERANCE:
            break
        # A class that all of a person's rows exclude cannot be raised: its offset stays.
        step = np.where(mean > 0, np.log(prior) - np.log(np.where(mean > 0, mean, 1.0)), 0.0)
        offsets = offsets + step
        offsets = np.clip(offsets - offsets.mean(axis=1, keepdims=True), -LIMIT, LIMIT)
    return offsets


def apply_offsets(probabilities: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """p' = p * exp(w), rows renormalised: of rows (n, 6) and offsets (n, 6), or (6,) for all."""
    moved = probabilities * np.exp(offsets)
    return moved / moved.sum(axis=1, keepdims=True)


def decide(rows: Rows, kappas: Sequence[float]) -> tuple[Decided, dict[int, np.ndarray]]:
    """Decide with person offsets; for each outer fold the strength of least soft cross-entropy on the other folds.

    Parameters
    ----------
    rows : values (outers, n, 6).
    kappas : strengths to choose from besides OFF: an offset counts n / (n + kappa) after n clips of the person.

    Returns
    -------
    The decisions, and {outer: (persons, 6) offsets, each person's for that outer fold}.
    """
    views, strengths, offsets = [], {}, {}
    for outer in rows.outers:
        view, model = rows.view(outer), ModelName.of("calibration", outer, "person_offset")
        prior = view.outside(outer, model, "prior").truth.mean(axis=0) / 100
        whole = fit_offsets(view.values, rows.person, prior)
        others = view.outside(outer, model, "strength")
        scaled = {one: whole * strength_of(one, rows.person) for one in (OFF, *kappas)}
        moved = {one: apply_offsets(others.values, made[others.person]) for one, made in scaled.items()}
        strengths[outer] = best_strength(moved, others.truth)
        transductive = ModelName.of("calibration", outer, "offsets")
        view.to_fit(transductive, "offsets").inside(outer, transductive)
        offsets[outer] = scaled[strengths[outer]]
        views.append(apply_offsets(view.values, offsets[outer][rows.person]))
    return decide_with(replace(rows, values=np.stack(views)), strengths, "person_offset"), offsets


def decide_new(
    values: np.ndarray, who: np.ndarray, prior: np.ndarray, decided: Decided
) -> tuple[np.ndarray, np.ndarray]:
    """Decide clips of new individuals, values (m, 6) of `who` (m,), as `decided` was fitted on all training persons.

    prior : (6,) of the training clips. The result is (m, 6) saliences in percent, and (individuals, 6) the offsets.
    """
    offsets = fit_offsets(values, who, prior) * strength_of(decided.strengths[FINAL], who)
    return decode(apply_offsets(values, offsets[who]), *decided.thresholds[FINAL]), offsets


def strength_of(strength: Strength, who: np.ndarray) -> np.ndarray:
    """(persons, 1) factor of each person's offsets, n / (n + kappa) after n clips; 0 for OFF and without any clip."""
    clips = np.bincount(who)[:, None]
    return np.zeros(clips.shape) if isinstance(strength, str) else clips / np.maximum(clips + strength, 1)
