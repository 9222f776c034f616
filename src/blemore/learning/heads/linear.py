"""The linear head: multinomial logistic regression on soft labels, its strength chosen in inner folds.

One scaler serves a fold's inner folds too. It is fitted on all clips that the fold's model learns from: it looks at
no label and at no clip of the fold that is reported, and the clips' inner products are then made once.
"""

import logging
from dataclasses import dataclass

import numpy as np

from blemore.learning.heads import logistic
from blemore.learning.heads.inner import Scaler, cross_entropy, inner_parts, row_by_row, scaler_for
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


@dataclass(frozen=True)
class Linear:
    """A fitted head.

    Parameters
    ----------
    mean : (d,) float32
        Mean of each feature.
    scale : (d,) float32, > 0
        Deviation of each feature.
    centre : (d,) float32
        Mean of the scaled features.
    weights : (d, 6) float32
        Coefficients.
    intercept : (6,) float64
        -inf for a class that no label holds.
    """

    mean: np.ndarray
    scale: np.ndarray
    centre: np.ndarray
    weights: np.ndarray
    intercept: np.ndarray

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Predict clips.

        Parameters
        ----------
        values : (m, d) float32
            Features of the clips.

        Returns
        -------
        (m, 6) float, 0..1
            Probabilities; 0 for a class that no label holds.
        """
        x = Scaler(self.mean, self.scale).apply(values) - self.centre
        return softmax(row_by_row(x, self.weights) + self.intercept)


def fit(learned: Rows, model: ModelName, name: str = "") -> Linear:
    """Fit a model of some clips.

    Parameters
    ----------
    learned : Rows
        Values (n, d) float32.
    model : ModelName
        The name under which the fit is recorded.
    name : str
        Nothing is drawn from it here.

    Returns
    -------
    Linear
        The fitted head.
    """
    scaler = scaler_for(learned, model)
    x = scaler.apply(learned.values)
    clips = logistic.Clips(x)
    everyone = np.arange(len(x))
    strength = choose_strength(clips, learned, model)
    fitted = logistic.fit(clips, learned.to_fit(model, "head").soft, everyone, [strength], tolerance=FINAL)
    weights = x.T @ fitted.dual[0].astype(x.dtype)
    return Linear(scaler.mean, scaler.scale, x.mean(axis=0), weights, fitted.intercepts[0])


def choose_strength(clips: logistic.Clips, rows: Rows, model: ModelName) -> float:
    """The strength with the least soft cross-entropy over inner folds that share no person.

    With a single person there is no such split: then the strongest regularisation is taken, and the log says so.

    Parameters
    ----------
    clips : Clips
        What the models are fitted from.
    rows : Rows
        The clips with their values, labels, folds and persons.
    model : ModelName
        The model that gets the strength.

    Returns
    -------
    float, > 0
        One of ``STRENGTHS``.
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
