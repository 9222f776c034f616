"""How much of the training persons' schedule a person's clips are, and how usual their mix of answers looks.

Every personal model assumes that a person shows the training clips' mix of answers. A few clips are another mix by chance,
and a person may have been asked for something else. Both are seen without a label. With the saliences that the
discriminant model expects of n clips, `part` = min(1, n / usual) and numbers learned on training persons,

    sqrt(n) (mean salience - that of training)

has the mean sqrt(part) bias and the covariance part persons + (1 - part) clips: that of whole persons, and that of clips drawn
without replacement. How far a person lies off is Hotelling's T squared (1931), beside that of each training person when
mean and covariance come from the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemore.decide.personal.balancing import nothing_known, part_of_schedule, positive, shaped
from blemore.decide.personal.discriminant import Discriminant
from blemore.scoring.answers import ANSWERS
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import SumsOfPersons

FEWEST_PERSONS = 8
"""With fewer training persons nobody looks unusual: a covariance of five numbers says nothing then."""
UNUSUAL = 0.05
"""Beyond this share of training persons the assumption counts less, the further off the less."""
STEEPNESS = 4
"""Power of that distance; simulated persons with the usual mix lost nothing up to here, those with odd ones ever less."""
SHAPES = {"bias": (len(CLASSES),), "persons": (len(CLASSES),) * 2, "clips": (len(CLASSES),) * 2}


@dataclass(frozen=True)
class Schedule:
    """What training persons show.

    Parameters
    ----------
    model : Discriminant
        Says what clips show.
    usual : float, > 0, clips
        Clips of a training person, the median.
    bias : (6,) float
        Mean of the training persons' departures.
    persons : (6, 6) float
        Their covariance.
    clips : (6, 6) float
        Covariance of single clips' departures.
    squared : (persons,) float, >= 0
        T squared of each training person; empty where there are too few.
    """

    model: Discriminant
    usual: float
    bias: np.ndarray
    persons: np.ndarray
    clips: np.ndarray
    squared: np.ndarray

    @classmethod
    def of(cls, model: Discriminant, usual: float, shown: np.ndarray, clips: np.ndarray) -> "Schedule":
        """Make a schedule from the departures of training persons.

        Parameters
        ----------
        model : Discriminant
            Says what clips show.
        usual : float, > 0, clips
            Clips of a training person, the median.
        shown : (persons, 6) float
            The persons' departures (`departures`).
        clips : (6, 6) float
            Covariance of single clips' departures.

        Returns
        -------
        Schedule
            The schedule.
        """
        if len(shown) < FEWEST_PERSONS:
            return cls(model, usual, np.zeros(len(CLASSES)), np.zeros_like(clips), clips, np.zeros(0))
        others = ~np.eye(len(shown), dtype=bool)
        squared = [
            _squared(shown[k] - shown[rest].mean(axis=0), np.cov(shown[rest].T)) for k, rest in enumerate(others)
        ]
        return cls(model, usual, shown.mean(axis=0), np.cov(shown.T), clips, np.array(squared))

    def to_json(self) -> dict[str, Any]:
        """Give the numbers that `from_json` reads.

        Returns
        -------
        dict of str to object
            The arrays, "model" and "usual".
        """
        arrays = {name: getattr(self, name).tolist() for name in (*SHAPES, "squared")}
        return arrays | {"model": self.model.to_json(), "usual": self.usual}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Schedule":
        """Rebuild a schedule that `to_json` wrote.

        Parameters
        ----------
        value : mapping of str to object
            What `to_json` gave, read back from JSON.

        Returns
        -------
        Schedule
            The same schedule.

        Raises
        ------
        KeyError, TypeError, ValueError
            The value is of another form.
        """
        arrays = {name: shaped(value[name], shape) for name, shape in SHAPES.items()}
        squared = shaped(value["squared"], (len(value["squared"]),))
        return cls(Discriminant.from_json(value["model"]), positive(value["usual"]), **arrays, squared=squared)

    def usualness(self, values: np.ndarray, who: np.ndarray) -> np.ndarray:
        """How usual each person's mix of answers looks.

        Parameters
        ----------
        values : (n, 6) float, 0..1
            Probabilities.
        who : (n,) int
            Persons 0.. .

        Returns
        -------
        (persons,) float, 0..1
            Share of training persons, the person counted in, that lie as far off or further; NaN where it is unknown.
        """
        if not len(self.squared):
            return np.full(len(np.bincount(who)), np.nan)
        return (1 + (self.squared[:, None] >= self._off(values, who)).sum(axis=0)) / (1 + len(self.squared))

    def trusted(self, values: np.ndarray, who: np.ndarray, known: np.ndarray) -> np.ndarray:
        """How much it counts that a person shows the usual mix.

        Parameters
        ----------
        values : (n, 6) float, 0..1
            As for `usualness`.
        who : (n,) int
            As for `usualness`.
        known : (n,) int
            Answers of labelled clips, else -1.

        Returns
        -------
        (persons, 1) float, 0..1
            1 for a person who does not look unusual, and where there are too few training persons.
        """
        if not len(self.squared):
            return np.ones((len(np.bincount(who)), 1))
        limit = np.quantile(self.squared, 1 - UNUSUAL)
        return np.minimum(1.0, limit / np.maximum(self._off(values, who, known), 1e-12))[:, None] ** STEEPNESS

    def _off(self, values: np.ndarray, who: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """(persons,) T squared."""
        shown, _ = departures(self.model, values, who, known)
        part = part_of_schedule(who, self.usual)  # (persons, 1)
        covariance = part[..., None] * self.persons + (1 - part)[..., None] * self.clips  # (persons, 6, 6)
        return _squared(shown - np.sqrt(part) * self.bias, covariance)


def departures(
    model: Discriminant, values: np.ndarray, who: np.ndarray, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How far mean saliences lie from those of training.

    Parameters
    ----------
    model : Discriminant
        Says what clips show.
    values : (n, 6) float, 0..1
        Probabilities of the clips.
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.
    known : (n,) int or None
        Number of a labelled clip's answer, else -1; None where no clip is labelled.

    Returns
    -------
    persons : (persons, 6) float
        The mean departure of each person's clips, times sqrt(n).
    clips : (n, 6) float
        The departure of each clip.
    """
    known = nothing_known(len(who)) if known is None else known
    sums = SumsOfPersons(who)
    expected = model.adapted(values, who, known, np.ones((len(sums.clips), 1))).posterior @ (ANSWERS / 100)  # (n, 6)
    off = expected - model.frequencies @ (ANSWERS / 100)
    return sums(off) / np.sqrt(sums.clips), off


def _squared(off: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(...,) squared distances of (..., 6) under covariances (..., 6, 6), whose rows sum to 0 as mean saliences sum to 1."""
    inverse = np.linalg.pinv(covariance, rcond=1e-6, hermitian=True)
    return np.einsum("...c,...cd,...d->...", off, inverse, off)
