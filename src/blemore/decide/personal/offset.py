"""A person's class offsets, then the conditional logit: the least that a personal model can be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemore.decide.person_offset import apply_offsets, fit_offsets, strength_of
from blemore.decide.personal.balancing import Balanced, part_of_schedule, shaped, usual_clips, with_known
from blemore.scoring.answers import ANSWERS, frequencies_of
from blemore.scoring.conditional import ConditionalLogit
from blemore.scoring.labels import CLASSES
from blemore.scoring.rows import Rows


@dataclass(frozen=True)
class Offset:
    """A fitted model.

    Parameters
    ----------
    prior : (6,) float, 0..1
        Mean soft label of the training clips.
    kappa : float, >= 0, clips
        An offset counts n / (n + kappa) sqrt(share) after n clips.
    logit : ConditionalLogit
        The posterior of corrected rows.
    frequencies : (36,) float, 0..1
        Of the answers.
    """

    prior: np.ndarray
    kappa: float
    logit: ConditionalLogit
    frequencies: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Give the numbers that `from_json` reads.

        Returns
        -------
        dict of str to object
            The numbers by name.
        """
        return {
            "prior": self.prior.tolist(),
            "kappa": self.kappa,
            "logit": self.logit.to_json(),
            "frequencies": self.frequencies.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Offset":
        """Rebuild a model that `to_json` wrote.

        Parameters
        ----------
        value : mapping of str to object
            What `to_json` gave, read back from JSON.

        Returns
        -------
        Offset
            The same model.

        Raises
        ------
        KeyError, TypeError, ValueError
            The value is of another form.
        """
        return cls(
            shaped(value["prior"], (len(CLASSES),)),
            float(value["kappa"]),
            ConditionalLogit.from_json(value["logit"]),
            shaped(value["frequencies"], (len(ANSWERS),)),
        )

    def adapted(self, values: np.ndarray, who: np.ndarray, known: np.ndarray, share: np.ndarray) -> Balanced:
        """Adapt the model to unlabelled clips of some persons: each one's offsets, then the posteriors.

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
        moved = corrected(values, who, self.prior, self.kappa, share)
        return Balanced(with_known(self.logit.posterior(moved), known), self.frequencies, who, known, share)


def fit(rows: Rows, kappa: float, like: Offset | None = None) -> Offset:
    """Fit the model on labelled clips.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6).
    kappa : float, >= 0, clips
        An offset counts n / (n + kappa) after n clips.
    like : Offset or None
        A fit to nearly the same clips, from which this one starts.

    Returns
    -------
    Offset
        The fitted model.
    """
    prior, (_, who) = rows.truth.mean(axis=0) / 100, np.unique(rows.person, return_inverse=True)
    share = part_of_schedule(who, usual_clips(who))
    logit = ConditionalLogit.fit(
        corrected(rows.values, who, prior, kappa, share), rows.truth, like=like.logit if like else None
    )
    return Offset(prior, kappa, logit, frequencies_of(rows.truth))


def corrected(values: np.ndarray, who: np.ndarray, prior: np.ndarray, kappa: float, share: np.ndarray) -> np.ndarray:
    """Move probabilities by each person's offsets.

    Parameters
    ----------
    values : (n, 6) float, 0..1
        Probabilities of the clips.
    who : (n,) int
        Number of each clip's person, 0 to persons - 1.
    prior : (6,) float, 0..1
        Mean soft label of the training clips.
    kappa : float, >= 0, clips
        An offset counts n / (n + kappa) sqrt(share) after n clips.
    share : (persons, 1) float, 0..1
        How far each person is trusted to show the training frequencies.

    Returns
    -------
    (n, 6) float, 0..1
        Each row sums to 1.
    """
    offsets = fit_offsets(values, who, prior) * strength_of(kappa, who) * np.sqrt(share)
    return apply_offsets(values, offsets, who)
