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

    Parameters
    ----------
    values : (..., n, d) float
        Numbers of each clip: features (n, d), probabilities (n, 6), those of E encoders (E, n, 6), or one set of
        probabilities for each of `outers`.
    truth : (n, 6) float, percent
        Saliences; 0 for test clips.
    fold : (n,) int
        Fold of each clip; FINAL for test clips.
    person : (n,) int
        Numbers in `persons`; -1 where unknown.
    persons : tuple of str
        Names of all persons or groups.
    clip : (n,) object or None
        Names of the clips; with None nothing is declared.
    """

    values: np.ndarray
    truth: np.ndarray
    fold: np.ndarray
    person: np.ndarray
    persons: tuple[str, ...] = ()
    clip: np.ndarray | None = None

    @classmethod
    def of(cls, clips: "pd.DataFrame", values: np.ndarray | None = None) -> Self:
        """Make the rows of a clips table, in its order.

        Parameters
        ----------
        clips : DataFrame
            Clips table.
        values : (..., n, d) float or None
            Numbers of each clip; None for (n, 0).

        Returns
        -------
        Rows
            One row per clip.
        """
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
        """Soft labels (n, 6) in 0..1; the rows of labelled clips sum to 1."""
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
        """Look up the class columns of a table, in the order of these rows.

        Parameters
        ----------
        table : DataFrame
            One row per clip, with the column clip and the six classes.

        Returns
        -------
        (n, 6) float
            The class columns.
        """
        return table.set_index("clip").loc[self.clip, list(CLASSES)].to_numpy()

    def view(self, outer: int) -> Self:
        """Keep the values for one outer fold, (n, d), of values (outers, n, d).

        Parameters
        ----------
        outer : int
            The fold that is left out; FINAL for none.

        Returns
        -------
        Rows
            The rows with those values.

        Raises
        ------
        ValueError
            The values are not one set for each of `outers`, as when a whole fold was left out before.
        """
        if len(self.values) != len(self.outers):
            raise ValueError(f"values for {len(self.values)} outer folds, the rows have {self.outers}")
        return replace(self, values=self.values[self.outers.index(outer)])

    def where(self, chosen: np.ndarray | slice) -> Self:
        """Select rows.

        Parameters
        ----------
        chosen : (n,) bool, or their numbers
            Which rows.

        Returns
        -------
        Rows
            Those rows.
        """
        clip = None if self.clip is None else self.clip[chosen]
        return replace(
            self, values=self.values[..., chosen, :], truth=self.truth[chosen], fold=self.fold[chosen],
            person=self.person[chosen], clip=clip,
        )  # fmt: skip

    def to_fit(self, model: ModelName, kind: str, chosen: np.ndarray | slice = slice(None)) -> Self:
        """Select the rows that a model is fitted on, and declare it (`declare.fitted`).

        Parameters
        ----------
        model : ModelName
            The model.
        kind : str
            What is fitted.
        chosen : (n,) bool, or their numbers
            Which rows.

        Returns
        -------
        Rows
            Those rows.
        """
        rows = self.where(chosen)
        declare.fitted(model, kind, rows.clip)
        return rows

    def to_judge(self, model: ModelName, chosen: np.ndarray | slice = slice(None)) -> Self:
        """Select the rows of which a model makes probabilities or decisions, and declare it (`declare.judged`).

        Parameters
        ----------
        model : ModelName
            The model.
        chosen : (n,) bool, or their numbers
            Which rows.

        Returns
        -------
        Rows
            Those rows.
        """
        rows = self.where(chosen)
        declare.judged(model, rows.clip)
        return rows

    def outside(self, fold: int, model: ModelName, kind: str) -> Self:
        """Select the rows of the other folds, to fit a model on.

        Parameters
        ----------
        fold : int
            The fold that is left out; FINAL for none.
        model : ModelName
            The name under which the fit is recorded.
        kind : str
            What is fitted.

        Returns
        -------
        Rows
            The rows outside the fold.
        """
        return self.to_fit(model, kind, self.fold != fold)

    def inside(self, fold: int, model: ModelName) -> Self:
        """Select the rows of a fold, which a model judges.

        Parameters
        ----------
        fold : int
            Number of a fold.
        model : ModelName
            The model.

        Returns
        -------
        Rows
            The rows of the fold.
        """
        return self.to_judge(model, self.fold == fold)
