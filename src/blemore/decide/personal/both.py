"""The geometric mean of the two other models' posteriors: never far from the better of them."""

from dataclasses import dataclass

import numpy as np

from blemore.decide.personal.balancing import FLOOR, Balanced, with_known
from blemore.scoring import logits


@dataclass(frozen=True)
class Mean:
    """Posteriors of both models, to be balanced at any strength."""

    offset: Balanced
    discriminant: Balanced

    def at(self, k: float) -> np.ndarray:
        """(n, 36) geometric mean of the posteriors, each balanced first (`Balanced.at`)."""
        logs = [np.log(np.maximum(part.at(k), FLOOR)) for part in (self.offset, self.discriminant)]
        return with_known(logits.softmax((logs[0] + logs[1]) / 2), self.offset.known)
