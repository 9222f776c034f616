"""Calibration by enrolment: from a few labelled clips of a person, five emotion-prominence offsets and one slope.

p' = softmax(a log p + o), with o over the emotions (neutral 0) and a the slope. Both are fitted by penalised likelihood:
the soft cross-entropy of the person's labelled clips plus |o|^2 / (2 S^2) + (a - 1)^2 / (2 (S / 2)^2), the posterior mode
under a normal prior. S, the spread that is expected between persons, is chosen on other persons.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from blemore.decide.problem import OFF, Decided, Strength, best_strength
from blemore.scoring import logits
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES, EMOTIONS
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows
from blemore.seeds import generator
from joblineage import declare

SLOPES = (0.2, 5.0)


def fit_styles(probabilities: np.ndarray, soft: np.ndarray, shown: np.ndarray, *, spread: float) -> np.ndarray:
    """The style of each of P persons, by Newton's method for all at once.

    Parameters
    ----------
    probabilities : (P, k, 6) fused rows of the labelled clips; soft : (P, k, 6) soft labels.
    shown : (P, k) bool, False for places without a clip (persons with fewer labelled ones).
    spread : > 0, S.

    Returns
    -------
    (P, 6): the five offsets, then the slope. A person without labelled clips gets (0, 0, 0, 0, 0, 1).
    """
    centre, precision = no_style(), np.array([*np.full(len(EMOTIONS), 1 / spread**2), 4 / spread**2])
    low, high = (
        np.array([*np.full(len(EMOTIONS), sign * np.inf), slope]) for sign, slope in zip((-1, 1), SLOPES, strict=True)
    )
    there = shown[:, :, None]
    inputs = _inputs(probabilities) * there[..., None]  # (P, k, 6, 6)
    return logits.fit(inputs, soft * there, centre, precision, low=low, high=high)


def apply_styles(probabilities: np.ndarray, styles: np.ndarray) -> np.ndarray:
    """Corrected rows (n, 6) of rows (n, 6) and the style (n, 6) of each row's person."""
    return logits.softmax(np.einsum("ncj,nj->nc", _inputs(probabilities), styles))


def no_style() -> np.ndarray:
    """(6,) the style that changes nothing."""
    return np.array([*np.zeros(len(EMOTIONS)), 1.0])


def enrolled_clips(rows: Rows, clips: int, name: str) -> np.ndarray:
    """(n,) bool: `clips` clips of each person, at most half of those there are, spread evenly over what they show.

    Whoever enrols is asked for a balanced set: a person's clips are put in the order of their labels (random within a
    label), and taken at equal distances from a random start.
    """
    mask = np.zeros(len(rows), bool)
    label = rows.truth @ (101.0 ** np.arange(rows.truth.shape[1]))  # one number per label
    for number, person in enumerate(rows.persons):
        own = np.flatnonzero(rows.person == number)
        taken = min(clips, len(own) // 2)
        if taken:
            draw = generator(f"{name}/{person}")
            own = own[np.lexsort((draw.random(len(own)), label[own]))]
            mask[own[((np.arange(taken) + draw.random()) * len(own) / taken).astype(int)]] = True
    return mask


def decide(
    rows: Rows, *, clips: int, draws: int, spreads: Sequence[float], name: str, whose: np.ndarray | None = None
) -> Decided:
    """Enrol every person with some clips, and decide the person's other clips; several draws of which clips those are.

    For each outer fold, spread and thresholds are chosen on the other folds' persons, enrolled in the same way.

    Parameters
    ----------
    rows : values (outers, n, 6).
    clips, draws, name : as for `enrolled_clips`; spreads : S to choose from besides OFF.
    whose : (persons,) number of the person whose style each person's clips are decided with; None: the own one. Others are a control.
    """
    given = np.arange(len(rows.persons)) if whose is None else whose
    saliences = np.zeros((draws, len(rows), len(CLASSES)), dtype=np.int64)
    masks = np.stack([enrolled_clips(rows, clips, f"{name}/{k}") for k in range(draws)])
    strengths = {}
    for outer in rows.outers:
        others, view, model = rows.fold != outer, rows.view(outer), ModelName.of("calibration", outer, "enrolment")
        styles: dict[Strength, np.ndarray] = {OFF: np.tile(no_style(), (draws, len(given), 1))}  # (draws, persons, 6)
        for spread in spreads:
            styles[spread] = np.stack([styles_of(view, mask, spread=spread) for mask in masks])
        moved = {  # (draws, n, 6)
            strength: np.stack([apply_styles(view.values, made[view.person]) for made in of_draws])
            for strength, of_draws in styles.items()
        }
        judged = ~masks & others  # (draws, n)
        truth = np.broadcast_to(rows.truth, moved[OFF].shape)
        rows.to_fit(model, "strength", judged.any(axis=0))
        strength = best_strength({one: values[judged] for one, values in moved.items()}, truth[judged])
        strengths[outer] = strength
        for k, told in enumerate(judged):
            if outer != FINAL and told.any():
                learned = replace(view, values=moved[strength][k]).to_fit(model, "thresholds", told)
                chosen = exact_optimum(learned.values, learned.truth)
                shown = view.where(~others)
                saliences[k, ~others] = chosen.decide(
                    apply_styles(shown.values, styles[strength][k][given[shown.person]])
                )
    return enrolled(rows, Decided(saliences, ~masks, strengths, {}), masks, "enrolment")


def enrolled(rows: Rows, decided: Decided, masks: np.ndarray, name: str) -> Decided:
    """`decided`, having said which clips were shown (draws, n) and which count, fold by fold and draw by draw."""
    for outer in rows.folds:
        inside = rows.fold == outer
        for k, (shown, counts) in enumerate(zip(masks, decided.judged, strict=True)):
            draw = ModelName.of("calibration", outer, name, f"draw{k}")
            rows.to_fit(draw, declare.ENROLMENT, shown & inside)
            rows.to_judge(draw, counts & inside).to_judge(ModelName.of("calibration", outer, name))
    return decided


def styles_of(view: Rows, mask: np.ndarray, *, spread: float) -> np.ndarray:
    """(persons, 6) the style of every person, fitted on the person's clips in `mask` (n,)."""
    labelled = np.flatnonzero(mask)
    labelled = labelled[np.argsort(view.person[labelled], kind="stable")]
    counts = np.bincount(view.person[labelled], minlength=len(view.persons))
    place = np.arange(len(labelled)) - np.repeat(np.cumsum(counts) - counts, counts)  # of a clip among its person's
    shape = (len(counts), max(1, counts.max()))
    values, soft, shown = np.full((*shape, 6), 1 / 6), np.zeros((*shape, 6)), np.zeros(shape, bool)
    at = (view.person[labelled], place)
    values[at], soft[at], shown[at] = view.values[labelled], view.soft[labelled], True
    return fit_styles(values, soft, shown, spread=spread)


def _inputs(probabilities: np.ndarray) -> np.ndarray:
    """(..., 6, 6): for each class the derivative of its logit: by the five offsets, then by the slope."""
    logs = logits.logarithm(probabilities)
    logs = logs - logs.mean(axis=-1, keepdims=True)
    offsets = np.eye(6)[:, : len(EMOTIONS)]  # neutral's logit has no offset
    return np.concatenate([np.broadcast_to(offsets, (*logs.shape, len(EMOTIONS))), logs[..., None]], axis=-1)
