"""The geometric mean of the two other models' posteriors: never far from the better of them."""

from dataclasses import dataclass

import numpy as np

from blemore.decide.personal.balancing import FLOOR, Balanced, with_known
from blemore.scoring import logits


@dataclass(frozen=True)
class Mean:
    """Posteriors of both models, to be balanced at any strength.

    Parameters
    ----------
    offset : Balanced
        Posteriors of the offset model.
    discriminant : Balanced
        Posteriors of the discriminant model.
    """

    offset: Balanced
    discriminant: Balanced

    def at(self, k: float) -> np.ndarray:
        """The geometric mean of the posteriors, each balanced first (`Balanced.at`).

        Parameters
        ----------
        k : float, >= 0, clips
            Balancing counts n / (n + k) after n clips of a person.

        Returns
        -------
        (n, 36) float, 0..1
            Posterior of the answers; each row sums to 1.
        """
        logs = [np.log(np.maximum(part.at(k), FLOOR)) for part in (self.offset, self.discriminant)]
        return with_known(logits.softmax((logs[0] + logs[1]) / 2), self.offset.known)
