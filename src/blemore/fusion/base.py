"""What every fusion method gets and gives, and the weighted arithmetic mean, whose weights most of them fit.

A method is a module of this room with a function `fit`, found by its name.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from joblineage.errors import DataError

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


@dataclass(frozen=True)
class WeightedMean:
    """weights : (E,) one per encoder, >= 0, summing to 1."""

    weights: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """(E,) the weights."""
        return self.weights

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Weighted mean of the encoders that have the clip; their weights are renormalised.

        Where only encoders of weight 0 have a clip, these count equally.

        Parameters
        ----------
        probabilities : (E, n, 6); a row of NaN where an encoder lacks a clip.

        Returns
        -------
        (n, 6) float64, rows sum to 1; a row of NaN where no encoder has the clip.
        """
        present = np.isfinite(probabilities).all(axis=2)  # (E, n)
        shares = shares_of_clips(self.weights, present)
        # einsum and not @: a threaded matrix product can change the last bits with the number of cores.
        mixed = np.einsum("en,enc->nc", shares, np.where(present[:, :, None], probabilities, 0.0))
        with np.errstate(invalid="ignore"):  # 0 / 0 is the promised NaN
            return mixed / mixed.sum(axis=1, keepdims=True)


def shares_of_clips(weights: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(E, n) weights (E,) of the encoders that have each clip; equal ones where only encoders of weight 0 have it."""
    shares = weights[:, None] * present
    return np.where(shares.sum(axis=0) > 0, shares, present)


def complete_clips(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encoders that have any clip (E,) bool, and clips that all of those have (n,) bool.

    Raises
    ------
    DataError : no clip that they all have: weights cannot be compared.
    """
    present = np.isfinite(probabilities).all(axis=2)  # (E, n)
    there = present.any(axis=1)
    complete = present[there].all(axis=0)
    if not complete.any():
        raise DataError("fusion", ["no labelled clip has a row in every encoder's table: weights cannot be fitted"])
    return there, complete
