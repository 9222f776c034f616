"""What every fusion method gets and gives. A method is a module of this room with a function `fit`, found by its name."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows

NAMELESS = ModelName("fusion", None)


@dataclass(frozen=True)
class Labelled(Rows):
    """The labelled clips that a method learns from.

    values : (E, n, 6) probabilities of each encoder, after its scaling; a row of NaN where an encoder lacks a clip.
    families : family of each of the E encoders.
    name : names this fit; what a method draws at random depends on it alone.
    model : this fit's name in records, for what a method chooses in folds of its own.
    """

    families: tuple[str, ...] = ()
    name: str = ""
    model: ModelName = NAMELESS


class Model(Protocol):
    """A fitted fusion."""

    @property
    def shares(self) -> np.ndarray:
        """(E,) how much each encoder counts, >= 0, summing to 1: the weights where the fusion is a weighted mean."""
        ...

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, 6) float64 fused rows that sum to 1, from (E, n, 6); a row of NaN where no encoder has the clip."""
        ...
