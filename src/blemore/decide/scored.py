"""The labelled clips that decisions are scored on, and an entry of scores with intervals over persons."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import scores, true_saliences
from blemore.scoring.persons import DRAWS, INTERVAL, accuracies, draw_persons, sums_of_persons
from blemore.tables import usable


@dataclass(frozen=True)
class Labelled:
    """The usable train clips, sorted by name.

    clips : names; truth : (n, 6) saliences in percent; fold : (n,); who : (n,) ints, numbers of the persons;
    persons : names; drawn : (draws, persons) how often each person is drawn.
    """

    clips: pd.Series
    truth: np.ndarray
    fold: np.ndarray
    who: np.ndarray
    persons: tuple[str, ...]
    drawn: np.ndarray

    @classmethod
    def of(cls, clips: pd.DataFrame, seed: int, draws: int = DRAWS) -> "Labelled":
        """From a clips table; `seed` of the persons drawn."""
        labelled = usable(clips)
        labelled = labelled[labelled["split"] == "train"].sort_values("clip", kind="stable").reset_index(drop=True)
        who, persons = pd.factorize(labelled["person"], sort=True)
        drawn = draw_persons(len(persons), seed, draws)
        fold = labelled["fold"].to_numpy()
        return cls(labelled["clip"], true_saliences(labelled), fold, who, tuple(persons), drawn)

    def subset(self, keep: np.ndarray) -> "Labelled":
        """Only the clips with `keep` (n,) bool; the persons stay the same."""
        return replace(self, clips=self.clips[keep], truth=self.truth[keep], fold=self.fold[keep], who=self.who[keep])

    def values(self, table: pd.DataFrame) -> np.ndarray:
        """(n, 6) the class columns of a table with one row per clip, in the order of these clips."""
        return table.set_index("clip").loc[self.clips, list(CLASSES)].to_numpy()

    def sums(self, saliences: np.ndarray) -> np.ndarray:
        """(persons, 4) as `persons.sums_of_persons`."""
        return sums_of_persons(saliences, self.truth, self.who, len(self.persons))

    def drawn_accuracies(self, saliences: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(draws,) ACC_presence, ACC_salience and Score over the persons drawn."""
        return accuracies(self.drawn @ self.sums(saliences))

    def entry(self, saliences: np.ndarray) -> dict[str, Any]:
        """acc_presence, acc_salience, score, clips, blends, and "interval" with [low, high] of each accuracy."""
        names = ("acc_presence", "acc_salience", "score")
        drawn = zip(names, self.drawn_accuracies(saliences), strict=True)
        interval = {name: np.quantile(values, INTERVAL).tolist() for name, values in drawn}
        return scores(saliences, self.truth) | {"interval": interval}
