"""Label-free calibration: each person's mean posterior is moved to the training prior (`offsets`), by a chosen strength."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from blemore.decide.offsets import apply_offsets, fit_offsets, shrinkage
from blemore.decide.problem import OFF, Decided, Strength
from blemore.decide.shared import best_strength, decide_with
from blemore.scoring.decoding import decode
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows


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
        whole = fit_offsets(view.values, rows.person, prior, kappa=0.0)
        strengths[outer] = _choose(view, outer, model, whole, kappas)
        transductive = ModelName.of("calibration", outer, "offsets")
        view.to_fit(transductive, "offsets").inside(outer, transductive)
        offsets[outer] = whole * strength_of(strengths[outer], rows.person)
        views.append(apply_offsets(view.values, offsets[outer][rows.person]))
    return decide_with(replace(rows, values=np.stack(views)), strengths, "person_offset"), offsets


def decide_new(
    values: np.ndarray, who: np.ndarray, prior: np.ndarray, decided: Decided
) -> tuple[np.ndarray, np.ndarray]:
    """Decide clips of new individuals as `decided` was fitted on all training persons.

    Parameters
    ----------
    values : (m, 6) fused rows; who : (m,) ints 0.., the individual of each; prior : (6,) of the training clips.

    Returns
    -------
    (m, 6) saliences in percent, and (individuals, 6) the offsets.
    """
    offsets = fit_offsets(values, who, prior, kappa=0.0) * strength_of(decided.strengths[FINAL], who)
    return decode(apply_offsets(values, offsets[who]), *decided.thresholds[FINAL]), offsets


def strength_of(strength: Strength, who: np.ndarray) -> np.ndarray:
    """(persons, 1) factor of each person's offsets: 0 for OFF."""
    clips = np.bincount(who)[:, None]
    return np.zeros(clips.shape) if isinstance(strength, str) else shrinkage(clips, strength)


def _choose(view: Rows, outer: int, model: ModelName, whole: np.ndarray, kappas: Sequence[float]) -> Strength:
    rows = view.outside(outer, model, "strength")
    scaled = {strength: whole * strength_of(strength, view.person) for strength in (OFF, *kappas)}
    corrected = {strength: apply_offsets(rows.values, made[rows.person]) for strength, made in scaled.items()}
    return best_strength(corrected, rows.truth)
