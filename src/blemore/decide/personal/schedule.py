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

    model : tells what clips show; usual : clips of a training person, the median.
    bias : (6,), persons, clips : (6, 6) as above; squared : (persons,) T squared of each training person.
    """

    model: Discriminant
    usual: float
    bias: np.ndarray
    persons: np.ndarray
    clips: np.ndarray
    squared: np.ndarray

    @classmethod
    def of(cls, model: Discriminant, usual: float, shown: np.ndarray, clips: np.ndarray) -> "Schedule":
        """With what training persons have `shown` (persons, 6), and the covariance of single `clips`, both by `departures`."""
        if len(shown) < FEWEST_PERSONS:
            return cls(model, usual, np.zeros(len(CLASSES)), np.zeros_like(clips), clips, np.zeros(0))
        others = ~np.eye(len(shown), dtype=bool)
        squared = [
            _squared(shown[k] - shown[rest].mean(axis=0), np.cov(shown[rest].T)) for k, rest in enumerate(others)
        ]
        return cls(model, usual, shown.mean(axis=0), np.cov(shown.T), clips, np.array(squared))

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        arrays = {name: getattr(self, name).tolist() for name in (*SHAPES, "squared")}
        return arrays | {"model": self.model.to_json(), "usual": self.usual}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Schedule":
        """As `to_json` wrote it; a KeyError, TypeError or ValueError for anything else."""
        arrays = {name: shaped(value[name], shape) for name, shape in SHAPES.items()}
        squared = shaped(value["squared"], (len(value["squared"]),))
        return cls(Discriminant.from_json(value["model"]), positive(value["usual"]), **arrays, squared=squared)

    def usualness(self, values: np.ndarray, who: np.ndarray) -> np.ndarray:
        """(persons,) share 0..1 of training persons, the person counted in, that lie as far off or further; NaN: unknown.

        Parameters
        ----------
        values : (n, 6) probabilities; who : (n,) persons 0.. .
        """
        if not len(self.squared):
            return np.full(len(np.bincount(who)), np.nan)
        return (1 + (self.squared[:, None] >= self._off(values, who)).sum(axis=0)) / (1 + len(self.squared))

    def trusted(self, values: np.ndarray, who: np.ndarray, known: np.ndarray) -> np.ndarray:
        """(persons, 1) 0..1 how much it counts that a person shows the usual mix.

        Parameters
        ----------
        values, who : as for `usualness`; known : (n,) answers of labelled clips, else -1.
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
    """How far persons' mean saliences lie from those of training, (persons, 6), times sqrt(n); and single clips', (n, 6)."""
    known = nothing_known(len(who)) if known is None else known
    sums = SumsOfPersons(who)
    expected = model.adapted(values, who, known, np.ones((len(sums.clips), 1))).posterior @ (ANSWERS / 100)  # (n, 6)
    off = expected - model.frequencies @ (ANSWERS / 100)
    return sums(off) / np.sqrt(sums.clips), off


def _squared(off: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(...,) squared distances of (..., 6) under covariances (..., 6, 6), whose rows sum to 0 as mean saliences sum to 1."""
    inverse = np.linalg.pinv(covariance, rcond=1e-6, hermitian=True)
    return np.einsum("...c,...cd,...d->...", off, inverse, off)
