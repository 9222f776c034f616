"""The linear head: multinomial logistic regression on soft labels, its strength chosen in inner folds.

One scaler serves a fold's inner folds too. It is fitted on all clips that the fold's model learns from: it looks at
no label and at no clip of the fold that is reported, and the clips' inner products are then made once.
"""

import logging

import numpy as np

from blemore.heads import logistic
from blemore.heads.inner import cross_entropy, inner_parts, standardised

STRENGTHS = (0.03, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Strengths to choose from: the variance of a logit that the penalty expects, so that the same numbers fit any number
of features. The most regularised first: a tie goes to it."""
SEARCH = 1e-2
"""Tolerance, in logits, of the models that the strength is chosen by (float32): the best ones' mean cross-entropy moves by 1e-4."""
FINAL = 1e-6
"""Tolerance, in logits, of the models that are used (float64)."""


def predictions(x: np.ndarray, labels: np.ndarray, persons: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Probabilities (m, 6) of the clips `shown` by a model of the clips `x`; 0 for a class that no label holds.

    Parameters
    ----------
    x : (n, d) float32 features; labels : (n, 6) soft labels; persons : (n,); shown : (m, d) float32.
    """
    x, shown = standardised(x, shown)
    clips = logistic.products(x)
    everyone = np.arange(len(x))
    strength = choose_strength(clips, labels, persons)
    model = logistic.fit(clips, labels, everyone, [strength], tolerance=FINAL)
    weights = x.T @ model.dual[0].astype(x.dtype)
    return logistic.softmax((shown - x.mean(axis=0)) @ weights + model.intercepts[0])


def choose_strength(clips: logistic.Clips, labels: np.ndarray, persons: np.ndarray) -> float:
    """The strength with the least soft cross-entropy over inner folds that share no person.

    With a single person there is no such split: then the strongest regularisation is taken, and the log says so.
    """
    parts = inner_parts(persons)
    if not parts:
        logging.warning("a single person to learn from: nothing to choose on, the strongest regularisation is taken")
        return STRENGTHS[0]
    losses = np.zeros(len(STRENGTHS))
    for seen, unseen in parts:
        models = logistic.fit(clips, labels, seen, STRENGTHS, tolerance=SEARCH, dtype=np.float32)
        losses += cross_entropy(labels[unseen], models.predict(clips, unseen))
    return STRENGTHS[int(np.argmin(losses))]
