"""What every fusion method gets and gives. A method is a module of this room with a function `fit`, found by its name."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Labelled:
    """The labelled clips that a method learns from.

    probabilities : (E, n, 6) of each encoder, after its scaling; a row of NaN where an encoder lacks a clip.
    soft : (n, 6) soft labels, rows sum to 1.
    person : (n,) ints, who shows each clip.
    families : family of each of the E encoders.
    name : names this fit; what a method draws at random hangs on it alone.
    clips : (n,) names of the clips; model : this fit's name; both for `declare`, None where nobody asks.
    """

    probabilities: np.ndarray
    soft: np.ndarray
    person: np.ndarray
    families: tuple[str, ...]
    name: str
    clips: np.ndarray | None = None
    model: str = ""

    def truth(self) -> np.ndarray:
        """(n, 6) true saliences in percent."""
        return np.rint(100 * self.soft)


class Model(Protocol):
    """A fitted fusion."""

    @property
    def shares(self) -> np.ndarray:
        """(E,) how much each encoder counts, >= 0, summing to 1: the weights where the fusion is a weighted mean."""
        ...

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, 6) float64 fused rows that sum to 1, from (E, n, 6); a row of NaN where no encoder has the clip."""
        ...
