"""Every fit that an honest study of fusion methods needs, each made once: all folds, all but one, all but two.

Fold f is judged by a model of the other folds. What else is chosen for f (the method, thresholds, a strength) is chosen
on rows of the other folds g, fused by models that saw neither f nor g. So a model is named by the folds it did not see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np

from blemore.fusion import scaling
from blemore.fusion.base import Labelled, Model

FINAL = -1
"""Number of the view whose models leave out no fold: what test clips get."""


@dataclass(frozen=True)
class Fit:
    """A fusion fitted on the clips of some folds: the encoders' scaling, then the method's model."""

    scaling: scaling.Scaling
    model: Model

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, 6) fused rows of (E, n, 6) raw ones."""
        return self.model.apply(self.scaling.apply(probabilities))


@dataclass(frozen=True)
class Candidate:
    """One method, fitted for every view.

    fits : {folds left out: fit}.
    recalibrations : {outer: scaling of the fused rows}, fitted on the view's rows of other folds: a mean of probabilities
        is less certain than its parts, and may prefer a class.
    views : {outer: (n, 6)} all train clips as models see them that saw neither fold `outer` nor the row's own fold.
    """

    fits: Mapping[frozenset[int], Fit]
    recalibrations: Mapping[int, scaling.Scaling]
    views: Mapping[int, np.ndarray]

    def outer(self, outer: int) -> Fit:
        """The fit that judges fold `outer`; FINAL: the fit for test clips."""
        return self.fits[frozenset() if outer == FINAL else frozenset({outer})]

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, 6) fused rows of new clips (E, n, 6), by the final fit."""
        return self.recalibrations[FINAL].apply(self.outer(FINAL).apply(probabilities)[None])[0]


def left_out(folds: Sequence[int]) -> list[frozenset[int]]:
    """Sets of folds that some fit leaves out: none, each one, and, from three folds on, each two."""
    pairs = combinations(folds, 2) if len(folds) > 2 else ()
    return [frozenset(), *(frozenset({fold}) for fold in folds), *map(frozenset, pairs)]


def fit_all(
    data: Labelled,
    fold: np.ndarray,
    methods: Mapping[str, tuple[ModuleType, Mapping[str, Any]]],
    *,
    scaled: bool,
) -> dict[str, Candidate]:
    """Fit every method for every set of folds left out, and apply it.

    Parameters
    ----------
    data : the labelled clips, raw probabilities; fold : (n,) of each.
    methods : {name: (module, its options)}.
    scaled : whether the confidence and bias of each encoder, and then of the fused rows, are set right (`scaling`).
    """
    folds = np.unique(fold).tolist()
    fits: dict[str, dict[frozenset[int], Fit]] = {name: {} for name in methods}
    for without in left_out(folds):
        seen = ~np.isin(fold, list(without))
        raw, soft = data.probabilities[:, seen], data.soft[seen]
        scale = scaling.fit(raw, soft) if scaled else scaling.unscaled(len(raw))
        of_fit = "without " + ",".join(map(str, sorted(without)))
        part = Labelled(scale.apply(raw), soft, data.person[seen], data.families, "")
        for name, (module, options) in methods.items():
            named = Labelled(part.probabilities, soft, part.person, part.families, f"{data.name}/{name}/{of_fit}")
            fits[name][without] = Fit(scale, module.fit(named, **options))
    return {name: _candidate(made, data, fold, scaled=scaled) for name, made in fits.items()}


def _candidate(fits: Mapping[frozenset[int], Fit], data: Labelled, fold: np.ndarray, *, scaled: bool) -> Candidate:
    views, recalibrations = {}, {}
    for outer in (FINAL, *np.unique(fold).tolist()):
        fused, others = _view(fits, data.probabilities, fold, outer)[None], fold != outer
        scale = scaling.fit(fused[:, others], data.soft[others]) if scaled else scaling.unscaled(1)
        views[outer], recalibrations[outer] = scale.apply(fused)[0], scale
    return Candidate(fits, recalibrations, views)


def _view(fits: Mapping[frozenset[int], Fit], probabilities: np.ndarray, fold: np.ndarray, outer: int) -> np.ndarray:
    """(n, 6) all train clips for outer fold `outer`, each row fused by a fit that saw neither it nor the outer fold.

    With two folds there is no fit without both: the other fold's rows are then fused by the fit that saw them.
    """
    values = np.full((len(fold), probabilities.shape[2]), np.nan)
    for own in np.unique(fold).tolist():
        without = frozenset({own} if outer == FINAL else {own, outer})
        rows = fold == own
        fit = fits.get(without, fits.get(frozenset({outer})))
        assert fit is not None
        values[rows] = fit.apply(probabilities[:, rows])
    return values
