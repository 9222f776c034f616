"""Balancing: weights of the answers, a person's own, so that the person's mean posterior meets the training frequencies.

q' ~ q * exp(n / (n + k) share w) after n clips, with the w of full strength found by iterative proportional fitting
(Deming and Stephan 1940): what a person is thought to show too often becomes rarer in all of the person's clips. `share`
says how far the person is trusted to show the training frequencies (`schedule`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from blemore.scoring import logits
from blemore.scoring.answers import ANSWERS
from blemore.scoring.persons import SumsOfPersons

MOST_ROUNDS, STEP = 150, 0.7
TOLERANCE = 1e-4
"""Rounds end when no person's mean posterior of an answer is further from its frequency than this."""
LIMIT = 6.0
"""Largest weight in size, in logits: answers that a person never seems to show cannot be weighted up for ever."""
FLOOR = 1e-12


@dataclass(frozen=True)
class Balanced:
    """Posteriors of the clips of some persons, to be balanced at any strength.

    posterior : (n, 36), unbalanced; frequencies : (36,) of the training answers; who : (n,) ints 0.., whose clip.
    known : (n,) number of the answer of a labelled clip, else -1; share : (persons, 1) in 0..1.
    """

    posterior: np.ndarray
    frequencies: np.ndarray
    who: np.ndarray
    known: np.ndarray
    share: np.ndarray

    @cached_property
    def logs(self) -> np.ndarray:
        """(n, 36) logarithms of the posterior."""
        return np.log(np.maximum(self.posterior, FLOOR))

    @cached_property
    def weights(self) -> np.ndarray:
        """(persons, 36) weights at full strength, in logits, centred."""
        sums, aim = SumsOfPersons(self.who), np.log(self.frequencies)
        weights = np.zeros((len(sums.clips), len(ANSWERS)))
        for _ in range(MOST_ROUNDS):
            mean = sums(with_known(logits.softmax(self.logs + weights[self.who]), self.known)) / sums.clips
            if np.abs(mean - self.frequencies).max(initial=0.0) < TOLERANCE:
                break
            weights += STEP * (aim - np.log(np.maximum(mean, FLOOR)))
            weights = np.clip(weights - weights.mean(axis=1, keepdims=True), -LIMIT, LIMIT)
        return weights

    def at(self, k: float) -> np.ndarray:
        """(n, 36) posteriors, balanced by n / (n + k) after n clips of a person; k infinite: unbalanced."""
        clips = np.bincount(self.who)[:, None]
        strength = clips / np.maximum(clips + k, 1) * self.share
        return with_known(logits.softmax(self.logs + (self.weights * strength)[self.who]), self.known)


def with_known(posterior: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The posterior (n, 36) with certainty where the answer is `known` (n,), -1 where it is not."""
    labelled = np.flatnonzero(known >= 0)
    if len(labelled):
        posterior[labelled] = np.eye(len(ANSWERS))[known[labelled]]
    return posterior


def part_of_schedule(who: np.ndarray, usual: float) -> np.ndarray:
    """(persons, 1) how much of the usual number of clips each of the persons `who` (n,), ints 0.., has, at most 1."""
    return np.minimum(1.0, np.bincount(who)[:, None] / usual)


def positive(value: Any) -> float:
    """A finite number above 0, as JSON holds it; a ValueError or TypeError for anything else."""
    if not 0 < float(value) < np.inf:
        raise ValueError(f"expected a number above 0, found {value!r}")
    return float(value)


def usual_clips(who: np.ndarray) -> float:
    """Median number of clips of the persons `who` (n,)."""
    return float(np.median(np.unique(who, return_counts=True)[1]))


def shaped(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Finite numbers of that shape, as JSON holds them; a ValueError or TypeError for anything else."""
    array = np.asarray(value, float)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected {shape} finite numbers, found shape {array.shape}")
    return array


def nothing_known(clips: int) -> np.ndarray:
    """(clips,) as `Balanced.known`, of clips without a label."""
    return np.full(clips, -1)
