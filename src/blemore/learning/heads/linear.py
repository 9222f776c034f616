"""The linear head: multinomial logistic regression on soft labels, its strength chosen in inner folds.

One scaler serves a fold's inner folds too. It is fitted on all clips that the fold's model learns from: it looks at
no label and at no clip of the fold that is reported, and the clips' inner products are then made once.
"""

import logging

import numpy as np

from blemore.learning.heads import logistic
from blemore.learning.heads.inner import cross_entropy, inner_parts, scaled
from blemore.scoring.logits import softmax
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows

STRENGTHS = (0.03, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Strengths to choose from: the variance of a logit that the penalty expects, so that the same numbers fit any number
of features. The most regularised first: a tie goes to it."""
SEARCH = 1e-2
"""Tolerance, in logits, of the models that the strength is chosen by (float32): the best ones' mean cross-entropy moves by 1e-4."""
FINAL = 1e-6
"""Tolerance, in logits, of the models that are used (float64)."""


def predictions(learned: Rows, shown: Rows, model: ModelName, name: str = "") -> np.ndarray:
    """Probabilities (m, 6) of the clips `shown` by a model of the clips `learned`; 0 for a class that no label holds.

    Parameters
    ----------
    learned, shown : values (n, d) and (m, d), float32.
    name : nothing is drawn from it here.
    """
    x, others = scaled(learned, shown, model)
    clips = logistic.Clips(x)
    everyone = np.arange(len(x))
    strength = choose_strength(clips, learned, model)
    fitted = logistic.fit(clips, learned.to_fit(model, "head").soft, everyone, [strength], tolerance=FINAL)
    weights = x.T @ fitted.dual[0].astype(x.dtype)
    return softmax((others - x.mean(axis=0)) @ weights + fitted.intercepts[0])


def choose_strength(clips: logistic.Clips, rows: Rows, model: ModelName) -> float:
    """The strength with the least soft cross-entropy over inner folds that share no person.

    With a single person there is no such split: then the strongest regularisation is taken, and the log says so.
    """
    parts, labels = inner_parts(rows, model), rows.soft
    if not parts:
        logging.warning("a single person to learn from: nothing to choose on, the strongest regularisation is taken")
        return STRENGTHS[0]
    losses = np.zeros(len(STRENGTHS))
    for inside, outside in parts:
        models = logistic.fit(clips, labels, inside, STRENGTHS, tolerance=SEARCH, dtype=np.float32)
        losses += cross_entropy(labels[outside], models.predict(clips, outside))
    return STRENGTHS[int(np.argmin(losses))]
