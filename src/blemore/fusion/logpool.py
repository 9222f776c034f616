"""The weighted geometric mean of the encoders (logarithmic opinion pool, Genest and Zidek 1986): one weight per encoder.

p ~ exp(sum_e w_e log p_e + b): the right rule where encoders err independently, since evidence then adds up. As few
numbers as the simplex, but a sum of weights that is free, so the fusion can be surer than any encoder.
"""

from dataclasses import dataclass

import numpy as np

from blemore.fusion.base import Labelled, complete_clips, shares_of_clips
from blemore.scoring import logits


@dataclass(frozen=True)
class LogPool:
    """The weighted geometric mean of the encoders.

    Parameters
    ----------
    weights : (E,) float, >= 0
        One per encoder; their sum is free.
    biases : (6,) float, logits
        One per class.
    """

    weights: np.ndarray
    biases: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """The weights (E,), divided by their sum."""
        total = self.weights.sum()
        return self.weights / total if total > 0 else np.full(len(self.weights), 1 / len(self.weights))

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Fuse the encoders' rows; where an encoder lacks a clip, the others' weights grow to the same sum.

        Where only encoders of weight 0 have a clip, these count equally.

        Parameters
        ----------
        probabilities : (E, n, 6) float, 0..1
            Probabilities of each encoder; a row of NaN where an encoder lacks a clip.

        Returns
        -------
        (n, 6) float, 0..1
            Each row sums to 1; a row of NaN where no encoder has the clip.
        """
        present = np.isfinite(probabilities).all(axis=2)  # (E, n)
        shares = shares_of_clips(self.shares, present)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the promised NaN
            shares = self.weights.sum() * shares / shares.sum(axis=0)
        logs = np.where(present[:, :, None], logits.logarithm(probabilities), 0.0)
        return logits.softmax(np.einsum("en,enc->nc", shares, logs) + self.biases)


def fit(data: Labelled, *, l2: float) -> LogPool:
    """Fit weights and biases of least soft cross-entropy, on the clips that every encoder has.

    Encoders that would get a weight below 0 are taken out, the others refitted.

    Parameters
    ----------
    data : Labelled
        The labelled clips with their encoders' probabilities.
    l2 : float, > 0
        Pull per clip of each weight towards 1 / E, and of each bias towards 0.

    Returns
    -------
    LogPool
        The fitted fusion.

    Raises
    ------
    DataError
        There is no clip that all encoders have.
    """
    there, complete = complete_clips(data.values)
    logs, soft = logits.logarithm(data.values[:, complete]), data.soft[complete]  # (E, n, 6)
    biases = np.broadcast_to(np.eye(6)[:, None], (6, len(soft), 6))
    weights = np.zeros(len(there))
    while True:
        used = np.flatnonzero(there)
        inputs = np.concatenate([logs[used], biases])  # (used + 6, n, 6)
        centre = np.array([*np.full(len(used), 1 / len(there)), *np.zeros(6)])
        precision = np.full(len(centre), 2 * l2 * len(soft))
        numbers = logits.fit([logits.Block.whole(inputs)], soft, centre, precision)
        negative = numbers[: len(used)] < 0
        if not negative.any() or negative.all():
            weights[used] = np.maximum(numbers[: len(used)], 0.0)
            return LogPool(weights, numbers[len(used) :])
        there = there.copy()
        there[used[negative]] = False
