"""The linear head: multinomial logistic regression on soft labels, its strength chosen in inner folds.

One scaler serves a fold's inner folds too. It is fitted on all clips that the fold's model learns from: it looks at
no label and at no clip of the fold that is reported, and the clips' inner products are then made once.
"""

import logging

import numpy as np

from blemore.learning.heads import logistic
from blemore.learning.heads.inner import Rows, cross_entropy, inner_parts, scaled
from blemore.scoring.logits import softmax
from joblineage import declare

STRENGTHS = (0.03, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Strengths to choose from: the variance of a logit that the penalty expects, so that the same numbers fit any number
of features. The most regularised first: a tie goes to it."""
SEARCH = 1e-2
"""Tolerance, in logits, of the models that the strength is chosen by (float32): the best ones' mean cross-entropy moves by 1e-4."""
FINAL = 1e-6
"""Tolerance, in logits, of the models that are used (float64)."""


def predictions(
    learned: Rows, labels: np.ndarray, persons: np.ndarray, shown: Rows, name: str = "", model: str = ""
) -> np.ndarray:
    """Probabilities (m, 6) of the clips `shown` by a model of the clips `learned`; 0 for a class that no label holds.

    Parameters
    ----------
    learned : n clips; labels : (n, 6) soft labels; persons : (n,); shown : m clips.
    name : nothing is drawn from it here; model : the model's name (`declare`).
    """
    x, others = scaled(learned, shown, model)
    clips = logistic.products(x)
    everyone = np.arange(len(x))
    strength = choose_strength(clips, labels, persons, learned.clips, model)
    fitted = logistic.fit(clips, labels, everyone, [strength], tolerance=FINAL)
    declare.fitted(model, "head", learned.clips, shown.clips)
    weights = x.T @ fitted.dual[0].astype(x.dtype)
    return softmax((others - x.mean(axis=0)) @ weights + fitted.intercepts[0])


def choose_strength(
    clips: logistic.Clips, labels: np.ndarray, persons: np.ndarray, names: np.ndarray | None = None, model: str = ""
) -> float:
    """The strength with the least soft cross-entropy over inner folds that share no person.

    With a single person there is no such split: then the strongest regularisation is taken, and the log says so.
    """
    parts = inner_parts(persons, names, model)
    if not parts:
        logging.warning("a single person to learn from: nothing to choose on, the strongest regularisation is taken")
        return STRENGTHS[0]
    losses = np.zeros(len(STRENGTHS))
    for inside, outside in parts:
        models = logistic.fit(clips, labels, inside, STRENGTHS, tolerance=SEARCH, dtype=np.float32)
        losses += cross_entropy(labels[outside], models.predict(clips, outside))
    return STRENGTHS[int(np.argmin(losses))]
