"""What every fit gets: clips with their values, labels, folds, persons and names, selected together.

Rows are selected for a model, and the model is named: so the very mask that selects the data also says whom the model was
fitted on and whom it judges (`declare`).
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.model_name import FINAL, ModelName
from joblineage import declare

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """Some clips, n of them, with what a fit needs to know of each.

    values : (..., n, d) numbers of each clip: features (n, d), probabilities (n, 6), those of E encoders (E, n, 6), or
        one set of probabilities for each of `outers`.
    truth : (n, 6) saliences in percent; 0 for test clips.
    fold : (n,) ints; FINAL for test clips.
    person : (n,) ints, numbers in `persons`, the names of all persons or groups; -1 where nobody knows.
    clip : (n,) names; None: nothing is declared.
    """

    values: np.ndarray
    truth: np.ndarray
    fold: np.ndarray
    person: np.ndarray
    persons: tuple[str, ...] = ()
    clip: np.ndarray | None = None

    @classmethod
    def of(cls, clips: "pd.DataFrame", values: np.ndarray | None = None) -> Self:
        """The rows of a clips table, in its order, with `values` (..., n, d); None: (n, 0)."""
        import pandas as pd  # `blemore score` makes its rows without

        train, truth = (clips["split"] == "train").to_numpy(), np.zeros((len(clips), 6))
        truth[train] = np.rint(100 * soft_labels(clips[train]))
        person, persons = pd.factorize(clips["person"], sort=True)
        values = np.zeros((len(clips), 0)) if values is None else values
        return cls(values, truth, clips["fold"].to_numpy(), person, tuple(persons), clips["clip"].to_numpy())

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def soft(self) -> np.ndarray:
        """(n, 6) soft labels; the rows of labelled clips sum to 1."""
        return self.truth / 100

    @property
    def folds(self) -> list[int]:
        """The folds, ascending."""
        return np.unique(self.fold).tolist()

    @property
    def outers(self) -> list[int]:
        """FINAL, then the folds."""
        return [FINAL, *self.folds]

    def lookup(self, table: "pd.DataFrame") -> np.ndarray:
        """(n, 6) the class columns of a table with one row per clip, in the order of these rows."""
        return table.set_index("clip").loc[self.clip, list(CLASSES)].to_numpy()

    def view(self, outer: int) -> Self:
        """With the values for fold `outer` alone, (n, d), of values (outers, n, d).

        Raises
        ------
        ValueError : the values are not one set for each of `outers`, as when a whole fold was left out before.
        """
        if len(self.values) != len(self.outers):
            raise ValueError(f"values for {len(self.values)} outer folds, the rows have {self.outers}")
        return replace(self, values=self.values[self.outers.index(outer)])

    def where(self, chosen: np.ndarray | slice) -> Self:
        """Those rows: (n,) bool, or their numbers."""
        clip = None if self.clip is None else self.clip[chosen]
        return replace(
            self, values=self.values[..., chosen, :], truth=self.truth[chosen], fold=self.fold[chosen],
            person=self.person[chosen], clip=clip,
        )  # fmt: skip

    def to_fit(self, model: ModelName, kind: str, chosen: np.ndarray | slice = slice(None)) -> Self:
        """Those rows, on which `model` is fitted; what is fitted is of that kind (`declare.fitted`)."""
        rows = self.where(chosen)
        declare.fitted(model, kind, rows.clip)
        return rows

    def to_judge(self, model: ModelName, chosen: np.ndarray | slice = slice(None)) -> Self:
        """Those rows, of which `model` makes probabilities or decisions."""
        rows = self.where(chosen)
        declare.judged(model, rows.clip)
        return rows

    def outside(self, fold: int, model: ModelName, kind: str) -> Self:
        """The rows of the other folds, to fit `model` on; all for FINAL."""
        return self.to_fit(model, kind, self.fold != fold)

    def inside(self, fold: int, model: ModelName) -> Self:
        """The rows of the fold, which `model` judges."""
        return self.to_judge(model, self.fold == fold)
