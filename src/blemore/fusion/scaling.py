"""Each encoder's own confidence and preferences are set right before fusion: one temperature, one bias per class.

An over-confident encoder would drown the others in a mean of probabilities. p' = softmax(a log p + b), with the slope a
(1 / temperature) and the bias b of least soft cross-entropy, drawn towards a = 1 and b = 0 (Guo et al. 2017, with bias).
"""

from dataclasses import dataclass

import numpy as np

from blemore.scoring import logits

PULL = 2e-3
"""Precision per clip with which a is drawn to 1 and b to 0: it settles what the data leaves open."""
SLOPES = (0.02, 50.0)


@dataclass(frozen=True)
class Scaling:
    """Slope and biases of each encoder.

    Parameters
    ----------
    slopes : (E,) float, > 0
        1 / temperature.
    biases : (E, 6) float, logits
        One per class.
    """

    slopes: np.ndarray
    biases: np.ndarray

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Scale the encoders' rows.

        Parameters
        ----------
        probabilities : (E, n, 6) float, 0..1
            Probabilities of each encoder.

        Returns
        -------
        (E, n, 6) float, 0..1
            Scaled rows that sum to 1; rows of NaN stay.
        """
        scaled = self.slopes[:, None, None] * logits.logarithm(probabilities) + self.biases[:, None]
        return logits.softmax(scaled)


def unscaled(encoders: int) -> Scaling:
    """Leave every encoder as it is.

    Parameters
    ----------
    encoders : int, >= 1
        How many encoders.

    Returns
    -------
    Scaling
        Slopes 1 and biases 0.
    """
    return Scaling(np.ones(encoders), np.zeros((encoders, 6)))


def fit(probabilities: np.ndarray, soft: np.ndarray) -> Scaling:
    """Fit the slope and biases of every encoder on the clips it has.

    Parameters
    ----------
    probabilities : (E, n, 6) float, 0..1
        Probabilities of each encoder; a row of NaN where an encoder lacks a clip.
    soft : (n, 6) float, 0..1
        Soft labels; each row sums to 1.

    Returns
    -------
    Scaling
        An encoder without any clip is left as it is.
    """
    scaling = unscaled(len(probabilities))
    centre = np.array([1.0, *np.zeros(6)])
    low, high = (np.array([slope, *np.full(6, sign * np.inf)]) for slope, sign in zip(SLOPES, (-1, 1), strict=True))
    for e, rows in enumerate(probabilities):
        known = np.isfinite(rows).all(axis=1)
        if known.any():
            logs = logits.logarithm(rows[known])
            biases = np.broadcast_to(np.eye(6)[:, None], (6, *logs.shape))
            inputs = np.concatenate([logs[None], biases])  # (7, n, 6)
            precision = np.full(7, PULL * len(logs))
            numbers = logits.fit([logits.Block.whole(inputs)], soft[known], centre, precision, low=low, high=high)
            scaling.slopes[e], scaling.biases[e] = numbers[0], numbers[1:]
    return scaling
