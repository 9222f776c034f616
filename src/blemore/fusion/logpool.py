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
    """weights : (E,) >= 0; biases : (6,) in logits."""

    weights: np.ndarray
    biases: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """(E,) the weights, divided by their sum."""
        total = self.weights.sum()
        return self.weights / total if total > 0 else np.full(len(self.weights), 1 / len(self.weights))

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Fused rows (n, 6); where an encoder lacks a clip, the others' weights grow to the same sum.

        Where only encoders of weight 0 have a clip, these count equally. A row of NaN where no encoder has it.
        """
        present = np.isfinite(probabilities).all(axis=2)  # (E, n)
        shares = shares_of_clips(self.shares, present)
        with np.errstate(invalid="ignore"):  # 0 / 0 is the promised NaN
            shares = self.weights.sum() * shares / shares.sum(axis=0)
        logs = np.where(present[:, :, None], logits.logarithm(probabilities), 0.0)
        return logits.softmax(np.einsum("en,enc->nc", shares, logs) + self.biases)


def fit(data: Labelled, *, l2: float) -> LogPool:
    """Weights and biases of least soft cross-entropy, the weights drawn to 1 / E each by `l2` per clip.

    `l2` is above 0. Only clips that every encoder has count. Encoders that would get a weight below 0 are taken out, the others fitted anew.

    Raises
    ------
    DataError : no clip that all encoders have.
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
        numbers = logits.fit(inputs, soft, centre, precision)
        negative = numbers[: len(used)] < 0
        if not negative.any() or negative.all():
            weights[used] = np.maximum(numbers[: len(used)], 0.0)
            return LogPool(weights, numbers[len(used) :])
        there = there.copy()
        there[used[negative]] = False
