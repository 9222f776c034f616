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

    prior : (6,) mean soft label of the training clips. kappa : an offset counts n / (n + kappa) sqrt(share) after n clips.
    logit : of corrected rows; frequencies : (36,) of the answers.
    """

    prior: np.ndarray
    kappa: float
    logit: ConditionalLogit
    frequencies: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {
            "prior": self.prior.tolist(),
            "kappa": self.kappa,
            "logit": self.logit.to_json(),
            "frequencies": self.frequencies.tolist(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Offset":
        """As `to_json` wrote it; a KeyError, TypeError or ValueError for anything else."""
        return cls(
            shaped(value["prior"], (len(CLASSES),)),
            float(value["kappa"]),
            ConditionalLogit.from_json(value["logit"]),
            shaped(value["frequencies"], (len(ANSWERS),)),
        )

    def adapted(self, values: np.ndarray, who: np.ndarray, known: np.ndarray, share: np.ndarray) -> Balanced:
        """Posteriors of clips with probabilities `values` (n, 6), of persons `who` (n,); `known`, `share` as in `Balanced`."""
        moved = corrected(values, who, self.prior, self.kappa, share)
        return Balanced(with_known(self.logit.posterior(moved), known), self.frequencies, who, known, share)


def fit(rows: Rows, kappa: float, like: Offset | None = None) -> Offset:
    """Fit the model on labelled clips, values (n, 6); `like` one of nearly the same clips, from which the fit starts."""
    prior, (_, who) = rows.truth.mean(axis=0) / 100, np.unique(rows.person, return_inverse=True)
    share = part_of_schedule(who, usual_clips(who))
    logit = ConditionalLogit.fit(
        corrected(rows.values, who, prior, kappa, share), rows.truth, like=like.logit if like else None
    )
    return Offset(prior, kappa, logit, frequencies_of(rows.truth))


def corrected(values: np.ndarray, who: np.ndarray, prior: np.ndarray, kappa: float, share: np.ndarray) -> np.ndarray:
    """(n, 6) values moved by each person's offsets."""
    offsets = fit_offsets(values, who, prior) * strength_of(kappa, who) * np.sqrt(share)
    return apply_offsets(values, offsets[who])
