"""Balancing: weights of the answers, a person's own, so that the person's mean posterior meets the training frequencies.

q' ~ q * exp(n / (n + k) share w) after n clips, with the w of full strength found by iterative proportional fitting
(Deming and Stephan 1940): what a person is thought to show too often becomes rarer in all of the person's clips. `share`
says how far the person is trusted to show the training frequencies (`schedule`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from blemore.decide.person_offset import apply_offsets
from blemore.scoring.answers import ANSWERS
from blemore.scoring.persons import SumsOfPersons, settle

MOST_ROUNDS, STEP = 150, 0.7
TOLERANCE = 1e-4
"""A person's rounds end when no mean posterior of an answer is further from its frequency than this."""
LIMIT = 6.0
"""Largest weight in size, in logits: answers that a person never seems to show cannot be weighted up for ever."""
FLOOR = 1e-12


@dataclass(frozen=True)
class Balanced:
    """Posteriors of the clips of some persons, to be balanced at any strength.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior of the answers, unbalanced.
    frequencies : (36,) float, 0..1
        Frequencies of the training answers.
    who : (n,) int
        0.., whose clip.
    known : (n,) int
        Number of the answer of a labelled clip, else -1.
    share : (persons, 1) float, 0..1
        In 0..1.
    """

    posterior: np.ndarray
    frequencies: np.ndarray
    who: np.ndarray
    known: np.ndarray
    share: np.ndarray

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights (persons, 36) at full strength, in logits, centred."""
        aim = np.log(self.frequencies)

        def step(weights: np.ndarray, sums: SumsOfPersons, posterior: np.ndarray, known: np.ndarray) -> tuple:
            mean = sums(weighted(posterior, weights, sums.who, known)) / sums.clips
            settled = np.abs(mean - self.frequencies).max(axis=1) < TOLERANCE
            changed = weights + STEP * (aim - np.log(np.maximum(mean, FLOOR)))
            changed = np.clip(changed - changed.mean(axis=1, keepdims=True), -LIMIT, LIMIT)
            return np.where(settled[:, None], weights, changed), settled

        return settle(self.who, len(ANSWERS), MOST_ROUNDS, step, self.posterior, self.known)

    def at(self, k: float) -> np.ndarray:
        """Balance the posteriors by n / (n + k) after n clips of a person.

        Parameters
        ----------
        k : float, >= 0, clips
            Clips after which a person's weights count half; infinite leaves the posteriors unbalanced.

        Returns
        -------
        (n, 36) float, 0..1
            Posterior of the answers; each row sums to 1.
        """
        clips = np.bincount(self.who)[:, None]
        strength = clips / np.maximum(clips + k, 1) * self.share
        return weighted(self.posterior, self.weights * strength, self.who, self.known)


def weighted(posterior: np.ndarray, weights: np.ndarray, who: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Multiply posteriors by exp(weights) of each clip's person, and make them certain where the answer is known.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior of the answers.
    weights : (persons, 36) float, logits
        Weights of each person.
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.
    known : (n,) int
        Number of a labelled clip's answer, -1 for a clip without a label.

    Returns
    -------
    (n, 36) float, 0..1
        Each row sums to 1.
    """
    return with_known(apply_offsets(np.maximum(posterior, FLOOR), weights, who), known)


def with_known(posterior: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Make the posterior certain, in place, where the answer is known.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior probability of each answer; each row sums to 1.
    known : (n,) int
        Number of a labelled clip's answer, -1 for a clip without a label.

    Returns
    -------
    (n, 36) float, 0..1
        The same array.
    """
    labelled = np.flatnonzero(known >= 0)
    if len(labelled):
        posterior[labelled] = np.eye(len(ANSWERS))[known[labelled]]
    return posterior


def part_of_schedule(who: np.ndarray, usual: float) -> np.ndarray:
    """How much of the usual number of clips each person has.

    Parameters
    ----------
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.
    usual : float, > 0, clips
        Clips of a training person, the median.

    Returns
    -------
    (persons, 1) float, 0..1
        The part, at most 1.
    """
    return np.minimum(1.0, np.bincount(who)[:, None] / usual)


def positive(value: Any) -> float:
    """Check a finite number above 0, as JSON holds it.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    float, > 0
        The number.

    Raises
    ------
    ValueError, TypeError
        It is anything else.
    """
    if not 0 < float(value) < np.inf:
        raise ValueError(f"expected a number above 0, found {value!r}")
    return float(value)


def usual_clips(who: np.ndarray) -> float:
    """The median number of clips of the persons.

    Parameters
    ----------
    who : (n,) int
        Number of each clip's person.

    Returns
    -------
    float, clips
        The median.
    """
    return float(np.median(np.unique(who, return_counts=True)[1]))


def shaped(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Check finite numbers of a shape, as JSON holds them.

    Parameters
    ----------
    value : object
        The value.
    shape : tuple of int
        The expected shape.

    Returns
    -------
    (shape) float
        The numbers.

    Raises
    ------
    ValueError, TypeError
        They are anything else.
    """
    array = np.asarray(value, float)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected {shape} finite numbers, found shape {array.shape}")
    return array


def nothing_known(clips: int) -> np.ndarray:
    """The answers of clips without a label, as `Balanced.known`.

    Parameters
    ----------
    clips : int, >= 0
        How many clips.

    Returns
    -------
    (clips,) int
        All -1.
    """
    return np.full(clips, -1)
