"""The personal discriminant model: linear discriminant analysis of the answers, with a random shift of each person.

In the log-ratio space of six probabilities, five numbers (Aitchison 1982), a clip of a person is

    z = mu(answer) + b(person) + noise,    noise ~ N(0, within),  b ~ N(0, between)

All of it is fitted on labelled clips of training persons; mu is drawn towards a form that is additive in the saliences. A
new person's b is found by EM from the person's unlabelled clips, the training frequencies being the prior of the answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemore.decide.personal.balancing import Balanced, shaped, with_known
from blemore.scoring import logits
from blemore.scoring.answers import ANSWERS, frequencies_of, numbers_of
from blemore.scoring.labels import CLASSES
from blemore.scoring.persons import SumsOfPersons, settle
from blemore.scoring.rows import Rows

DIMENSIONS = len(CLASSES) - 1
BASIS = np.linalg.svd(np.eye(len(CLASSES)) - 1 / len(CLASSES))[0][:, :DIMENSIONS]
"""(6, 5) orthonormal, each column sums to 0."""
ROUNDS_OF_FIT, ROUNDS = 20, 50
TOLERANCE = 1e-5
"""A person's EM ends when the shift moves no further than this, in standard deviations of the noise."""
LEAST_VARIANCE = 1e-3
RIDGE = 1e-6
SHAPES = {
    "whitening": (DIMENSIONS, DIMENSIONS),
    "means": (len(ANSWERS), DIMENSIONS),
    "precision": (DIMENSIONS, DIMENSIONS),
    "frequencies": (len(ANSWERS),),
}


@dataclass(frozen=True)
class Discriminant:
    """A fitted model, in coordinates in which the noise is spherical with variance 1.

    Parameters
    ----------
    whitening : (5, 5) float
        From log ratios to these coordinates.
    means : (36, 5) float
        Means of the answers.
    precision : (5, 5) float
        Precision of persons' shifts.
    frequencies : (36,) float, 0..1
        Of the answers.
    """

    whitening: np.ndarray
    means: np.ndarray
    precision: np.ndarray
    frequencies: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Give the numbers that `from_json` reads.

        Returns
        -------
        dict of str to object
            The arrays by name.
        """
        return {name: getattr(self, name).tolist() for name in SHAPES}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Discriminant":
        """Rebuild a model that `to_json` wrote.

        Parameters
        ----------
        value : mapping of str to object
            What `to_json` gave, read back from JSON.

        Returns
        -------
        Discriminant
            The same model.

        Raises
        ------
        KeyError, TypeError, ValueError
            The value is of another form.
        """
        return cls(**{name: shaped(value[name], shape) for name, shape in SHAPES.items()})

    def adapted(self, values: np.ndarray, who: np.ndarray, known: np.ndarray, share: np.ndarray) -> Balanced:
        """Adapt the model to unlabelled clips of some persons: each one's shift by EM, then the posteriors.

        Parameters
        ----------
        values : (n, 6) float, 0..1
            Probabilities of the clips.
        who : (n,) int
            Number of each clip's person, 0 to persons - 1.
        known : (n,) int
            Number of a labelled clip's answer, -1 for a clip without a label.
        share : (persons, 1) float, 0..1
            How far each person is trusted to show the training frequencies.

        Returns
        -------
        Balanced
            Posteriors of the clips.
        """
        z = np.einsum("nd,de->ne", _log_ratios(values), self.whitening)

        def step(shifts: np.ndarray, sums: SumsOfPersons, z: np.ndarray, known: np.ndarray) -> tuple:
            posterior = self._posterior(z, shifts[sums.who], known)
            left = sums(z - np.einsum("na,ad->nd", posterior, self.means))
            systems = self.precision + sums.clips[:, :, None] * np.eye(DIMENSIONS)  # (persons, 5, 5)
            moved = np.linalg.solve(systems, left[..., None])[..., 0]
            return moved, np.abs(moved - shifts).max(axis=1) < TOLERANCE

        shifts = settle(who, DIMENSIONS, ROUNDS, step, z, known)
        posterior = self._posterior(z, shifts[who], known)
        return Balanced(posterior, self.frequencies, who, known, share)

    def _posterior(self, z: np.ndarray, shift: np.ndarray, known: np.ndarray) -> np.ndarray:
        bias = np.log(self.frequencies) - 0.5 * (self.means**2).sum(axis=1)
        return with_known(logits.softmax(np.einsum("nd,ad->na", z - shift, self.means) + bias), known)


def fit(rows: Rows, weight: float) -> Discriminant:
    """Fit the model on labelled clips; of one person nothing can be learned about how persons differ.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6).
    weight : float, >= 0, clips
        Clips that the additive form counts against the mean of an answer's own clips.

    Returns
    -------
    Discriminant
        The fitted model.
    """
    z, answer, frequencies = _log_ratios(rows.values), numbers_of(rows.truth), frequencies_of(rows.truth)
    _, who = np.unique(rows.person, return_inverse=True)
    of_persons, of_answers = SumsOfPersons(who), np.eye(len(ANSWERS))[answer]  # (n, 36)
    counts = of_answers.sum(axis=0)[:, None]
    clips, shift = of_persons.clips, np.zeros((len(of_persons.clips), DIMENSIONS))
    additive = ANSWERS / 100 @ np.linalg.pinv(ANSWERS[answer] / 100)  # (36, n): least squares on the saliences
    for _ in range(ROUNDS_OF_FIT):
        left = z - shift[who]
        means = (of_answers.T @ left + weight * (additive @ left)) / (counts + weight)
        errors = z - means[answer]
        of_person = of_persons(errors) / clips
        inside = errors - of_person[who]
        within = inside.T @ inside / max(1, len(z) - len(clips)) + RIDGE * np.eye(DIMENSIONS)
        spread = np.cov(of_person.T) if len(clips) > 1 else np.zeros_like(within)  # one person says nothing of others
        between = _at_least(spread - within / clips.mean(), LEAST_VARIANCE)
        noise = np.linalg.inv(within)
        systems = np.linalg.inv(between) + clips[:, :, None] * noise  # (persons, 5, 5)
        shift = np.linalg.solve(systems, (clips * of_person @ noise)[..., None])[..., 0]
    whitening = np.linalg.cholesky(np.linalg.inv(within))
    return Discriminant(whitening, means @ whitening, np.linalg.inv(whitening.T @ between @ whitening), frequencies)


def _log_ratios(probabilities: np.ndarray) -> np.ndarray:
    """(n, 5) isometric log ratios of probabilities (n, 6) (Egozcue et al. 2003)."""
    return np.einsum("nc,cd->nd", logits.logarithm(np.asarray(probabilities, float)), BASIS)


def _at_least(covariance: np.ndarray, least: float) -> np.ndarray:
    """The covariance with no eigenvalue below `least`."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, least)) @ vectors.T
