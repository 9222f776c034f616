"""Inner folds of a head: what it chooses, it chooses on persons that its models did not see."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from blemore import seen

INNER_FOLDS = 3
FLOOR = 1e-6
"""Least probability in the cross-entropy: a class unknown to an inner part must not cost infinity."""


@dataclass(frozen=True)
class Rows:
    """Features (n, d) float32 of clips whose names (n,) go with them, whichever rows are taken; None: nobody asks."""

    x: np.ndarray
    clips: np.ndarray | None = None

    def where(self, chosen: np.ndarray) -> "Rows":
        """Those rows."""
        return Rows(self.x[chosen], seen.of(self.clips, chosen))


def inner_parts(
    persons: np.ndarray, clips: np.ndarray | None = None, model: str = ""
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(seen, unseen) rows of each inner fold; no person is in both. Empty with a single person.

    Parameters
    ----------
    persons : (n,) name of each clip's person; clips : (n,) its own name; model : for which something is chosen here.
    """
    number = min(INNER_FOLDS, len(np.unique(persons)))
    parts = [] if number < 2 else list(GroupKFold(number).split(persons, groups=persons))
    for k, (inside, outside) in enumerate(parts):
        seen.fitted(f"{model}/inner{k}", "inner", seen.of(clips, inside), seen.of(clips, outside))
        seen.fitted(model, "selection", seen.of(clips, outside))
    return parts


def standardised(x: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features in standard deviations from the mean, both of `x`; a constant feature is 0 in `x`, and not scaled.

    Parameters
    ----------
    x : (n, d) float32, what a model learns from; others : (m, d) float32.
    """
    scaler = StandardScaler().fit(x)
    return scaler.transform(x), scaler.transform(others)


def scaled(x: Rows, others: Rows, model: str) -> tuple[np.ndarray, np.ndarray]:
    """As `standardised`, for `model`."""
    seen.fitted(model, "scaler", x.clips, others.clips)
    return standardised(x.x, others.x)


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(...,) summed soft cross-entropy, in nats, of labels (n, 6) and probabilities (..., n, 6)."""
    return -(labels * np.log(np.maximum(probabilities, FLOOR))).sum(axis=(-2, -1))
