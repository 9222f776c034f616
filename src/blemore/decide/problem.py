"""What every personal calibration gets, and what it gives: one form, so that the same call also makes the controls."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from blemore.fusion.nested import FINAL
from blemore.seeds import generator

Strength = float | str
"""How strongly a personal calibration corrects: a number of its own kind, or OFF."""
OFF: Strength = "off"
"""Strength of a personal calibration that changes nothing; always a candidate."""


@dataclass(frozen=True)
class Problem:
    """The labelled clips of a study, fused.

    views : {outer: (n, 6)} fused rows for each outer fold (`fusion.run.Fused.views`).
    truth : (n, 6) saliences in percent; fold : (n,); who : (n,) ints, the individual of each clip.
    names : name of each individual; what is drawn at random for one hangs on the name.
    clips : (n,) names of the clips, for `declare`; None where nobody asks.
    """

    views: Mapping[int, np.ndarray]
    truth: np.ndarray
    fold: np.ndarray
    who: np.ndarray
    names: tuple[str, ...]
    clips: np.ndarray | None = None

    @property
    def folds(self) -> list[int]:
        """The folds, ascending."""
        return np.unique(self.fold).tolist()

    @property
    def outers(self) -> list[int]:
        """FINAL, then the folds."""
        return [FINAL, *self.folds]

    def random_groups(self, name: str, *, within_folds: bool = False) -> "Problem":
        """The same clips in random groups of the persons' sizes: a control that no person stands behind.

        within_folds : a group's clips come from its person's fold alone; they then share what the fold's persons have in
            common on average.
        """
        mixed = self._shuffled(self.who, name) if within_folds else generator(name).permutation(self.who)
        return replace(self, who=mixed, clips=None)

    def permuted_labels(self, name: str) -> "Problem":
        """The same clips with their labels dealt out anew within each fold: a control in which nothing can be learned."""
        return replace(self, truth=self.truth[self._shuffled(np.arange(len(self.who)), name)], clips=None)

    def _shuffled(self, values: np.ndarray, name: str) -> np.ndarray:
        draw, mixed = generator(f"{name}/folds"), values.copy()
        for fold in self.folds:
            inside = self.fold == fold
            mixed[inside] = draw.permutation(values[inside])
        return mixed


@dataclass(frozen=True)
class Decided:
    """What a calibration decides about the clips of each outer fold, fitted without that fold.

    saliences : (draws, n, 6) percent; judged : (draws, n) bool, False where a clip's label was shown (enrolment).
    strengths : {outer: the strength that was chosen, or OFF}.
    thresholds : {outer: (alpha, beta)} of the decisions, where all persons share them; else empty.
    """

    saliences: np.ndarray
    judged: np.ndarray
    strengths: Mapping[int, Strength]
    thresholds: Mapping[int, tuple[float, float]]
