"""When to stop a training: at the loss of persons set aside from those trained on, never of the reported fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from blemore.seeds import seed_of
from joblineage.errors import DataError


@dataclass(frozen=True)
class EarlyStopping:
    """Train on the others, keep the weights of the epoch that is best for the persons set aside.

    persons : share of the training persons that are set aside; at least one is, and one is left.
    patience : epochs without a better loss after which training ends.
    """

    persons: float
    patience: int

    def set_aside(self, persons: pd.Series, seed: str) -> np.ndarray:
        """(n_clips,) bool, the clips of the persons set aside, among training clips of `persons`.

        seed : a name, from which the persons are drawn.

        Raises
        ------
        DataError : fewer than two persons, or nobody would be left to train on.
        """
        names = sorted(persons.unique())
        count = max(1, round(self.persons * len(names)))
        if count >= len(names):
            text = f"early_stopping: {count} of {len(names)} training person(s) would be set aside, nobody is left"
            raise DataError(seed, [f"{text} to train on: take a smaller share, or leave early_stopping out"])
        drawn = np.random.default_rng(seed_of(f"{seed}/inner")).permutation(names)[:count]
        return persons.isin(drawn).to_numpy()

    def is_over(self, losses: Sequence[float]) -> bool:
        """Whether to stop after these losses (one per epoch) of the persons set aside."""
        return bool(losses) and len(losses) - best_epoch(losses) >= self.patience


def best_epoch(losses: Sequence[float]) -> int:
    """The epoch (1..) of the least loss, the first one where several are equal."""
    return 1 + int(np.argmin(losses))
