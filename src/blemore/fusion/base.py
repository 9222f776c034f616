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

    Parameters
    ----------
    values : (E, n, 6) float, 0..1
        Probabilities of each encoder, after its scaling; a row of NaN where an encoder lacks a clip.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.
    fold : (n,) int
        Fold of each clip.
    person : (n,) int
        Numbers in `persons`.
    persons : tuple of str
        Names of all persons.
    clip : (n,) object or None
        Names of the clips; with None nothing is declared.
    families : tuple of str
        Family of each of the E encoders.
    name : str
        Names this fit; what a method draws at random depends on it alone.
    model : ModelName
        This fit's name in records, for what a method chooses in folds of its own.
    """

    families: tuple[str, ...] = ()
    name: str = ""
    model: ModelName = NAMELESS


class Model(Protocol):
    """A fitted fusion."""

    @property
    def shares(self) -> np.ndarray:
        """How much each encoder counts, (E,) >= 0, summing to 1: the weights where the fusion is a weighted mean."""
        ...

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Fuse the encoders' rows.

        Parameters
        ----------
        probabilities : (E, n, 6) float, 0..1
            Probabilities of each encoder; a row of NaN where an encoder lacks a clip.

        Returns
        -------
        (n, 6) float64, 0..1
            Each row sums to 1; a row of NaN where no encoder has the clip.
        """
        ...


@dataclass(frozen=True)
class WeightedMean:
    """The weighted arithmetic mean of the encoders.

    Parameters
    ----------
    weights : (E,) float, 0..1
        One per encoder; they sum to 1.
    """

    weights: np.ndarray

    @property
    def shares(self) -> np.ndarray:
        """The weights, (E,)."""
        return self.weights

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Weighted mean of the encoders that have the clip; their weights are renormalised.

        Where only encoders of weight 0 have a clip, these count equally.

        Parameters
        ----------
        probabilities : (E, n, 6) float, 0..1
            Probabilities of each encoder; a row of NaN where an encoder lacks a clip.

        Returns
        -------
        (n, 6) float64, 0..1
            Each row sums to 1; a row of NaN where no encoder has the clip.

        Examples
        --------
        >>> import numpy as np
        >>> from blemore.fusion.base import WeightedMean
        >>> one, other = [1.0, 0, 0, 0, 0, 0], [0, 0, 0, 1.0, 0, 0]
        >>> tables = np.array([[one, one], [other, [np.nan] * 6]])  # the second encoder lacks the second clip
        >>> WeightedMean(np.array([0.75, 0.25])).apply(tables).tolist()
        [[0.75, 0.0, 0.0, 0.25, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
        """
        present = np.isfinite(probabilities).all(axis=2)  # (E, n)
        shares = shares_of_clips(self.weights, present)
        # einsum and not @: a threaded matrix product can change the last bits with the number of cores.
        mixed = np.einsum("en,enc->nc", shares, np.where(present[:, :, None], probabilities, 0.0))
        with np.errstate(invalid="ignore"):  # 0 / 0 is the promised NaN
            return mixed / mixed.sum(axis=1, keepdims=True)


def shares_of_clips(weights: np.ndarray, present: np.ndarray) -> np.ndarray:
    """The weights of the encoders that have each clip; equal ones where only encoders of weight 0 have it.

    Parameters
    ----------
    weights : (E,) float, >= 0
        One per encoder.
    present : (E, n) bool
        Whether the encoder has the clip.

    Returns
    -------
    (E, n) float, >= 0
        Weights, not renormalised; 0 for an encoder that lacks the clip.
    """
    shares = weights[:, None] * present
    return np.where(shares.sum(axis=0) > 0, shares, present)


def complete_clips(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the clips that every encoder has, of the encoders that have any.

    Parameters
    ----------
    probabilities : (E, n, 6) float, 0..1
        Probabilities of each encoder; a row of NaN where an encoder lacks a clip.

    Returns
    -------
    there : (E,) bool
        Encoders that have any clip.
    complete : (n,) bool
        Clips that all of those have.

    Raises
    ------
    DataError
        There is no clip that they all have: weights cannot be compared.
    """
    present = np.isfinite(probabilities).all(axis=2)  # (E, n)
    there = present.any(axis=1)
    complete = present[there].all(axis=0)
    if not complete.any():
        raise DataError("fusion", ["no labelled clip has a row in every encoder's table: weights cannot be fitted"])
    return there, complete
