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
from joblineage import declare

FINAL = -1
"""Number of the view whose models leave out no fold: what test clips get."""


@dataclass(frozen=True)
class Fit:
    """A fusion fitted on the clips of some folds: the encoders' scaling, then the method's model."""

    scaling: scaling.Scaling
    model: Model
    names: tuple[str, ...] = ()
    """Of both, for `declare`."""

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, 6) fused rows of (E, n, 6) raw ones."""
        return self.model.apply(self.scaling.apply(probabilities))

    def judges(self, clips: np.ndarray | None) -> None:
        """Say that rows of these clips are made by this fit."""
        for name in self.names:
            declare.judged(name, clips)


@dataclass(frozen=True)
class Candidate:
    """One method, fitted for every view.

    fits : {folds left out: fit}.
    recalibrations : {outer: scaling of the fused rows}, fitted on the view's rows of other folds: a mean of probabilities
        is less certain than its parts, and may prefer a class.
    views : {outer: (n, 6)} all train clips as models see them that saw neither fold `outer` nor the row's own fold.
    name : of the method; clips : (n,) of the train clips, or None.
    """

    fits: Mapping[frozenset[int], Fit]
    recalibrations: Mapping[int, scaling.Scaling]
    views: Mapping[int, np.ndarray]
    name: str
    clips: np.ndarray | None

    def outer(self, outer: int) -> Fit:
        """The fit that judges fold `outer`; FINAL: the fit for test clips."""
        return self.fits[frozenset() if outer == FINAL else frozenset({outer})]

    def held_out(self, outer: int, rows: np.ndarray) -> np.ndarray:
        """The rows (n,) bool of view `outer` as they are reported."""
        declare.judged(f"fusion/{place(outer)}/{self.name} recalibrated", declare.of(self.clips, rows))
        return self.views[outer][rows]

    def apply(self, probabilities: np.ndarray, clips: np.ndarray | None = None) -> np.ndarray:
        """(n, 6) fused rows of new clips (E, n, 6), by the final fit; `clips` : (n,) their names."""
        self.outer(FINAL).judges(clips)
        declare.judged(f"fusion/final/{self.name} recalibrated", clips)
        return self.recalibrations[FINAL].apply(self.outer(FINAL).apply(probabilities)[None])[0]


def place(outer: int) -> str:
    """How a model's name says which fold it judges: "fold0", or "final"."""
    return "final" if outer == FINAL else f"fold{outer}"


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
        inside = ~np.isin(fold, list(without))
        raw, soft, clips = data.probabilities[:, inside], data.soft[inside], declare.of(data.clips, inside)
        of_fit = "without " + ",".join(map(str, sorted(without)))
        where = f"fusion/{_place_of(without)}"
        scale = _scale(data.probabilities, data, inside, f"{where}/scaling", scaled=scaled)
        part, person = scale.apply(raw), data.person[inside]
        for name, (module, options) in methods.items():
            model = f"{where}/{name}"
            named = Labelled(part, soft, person, data.families, f"{data.name}/{name}/{of_fit}", clips, model)
            fits[name][without] = Fit(scale, module.fit(named, **options), (f"{where}/scaling", model))
            declare.fitted(model, "weights", named.clips)
    return {name: _candidate(name, made, data, fold, scaled=scaled) for name, made in fits.items()}


def _scale(probabilities: np.ndarray, data: Labelled, rows: np.ndarray, model: str, *, scaled: bool) -> scaling.Scaling:
    """The scaling of (E, n, 6) fitted on these rows (n,) of the labelled clips; on none where nothing is scaled."""
    clips = declare.of(data.clips, rows)
    declare.fitted(model, "scaling", clips if scaled else declare.of(clips, slice(0)))
    return scaling.fit(probabilities[:, rows], data.soft[rows]) if scaled else scaling.unscaled(len(probabilities))


def _place_of(without: frozenset[int]) -> str:
    """`place` of a fit; one without two folds serves both: "folds 0,1"."""
    return place(min(without, default=FINAL)) if len(without) < 2 else "folds " + ",".join(map(str, sorted(without)))


def _candidate(
    name: str, fits: Mapping[frozenset[int], Fit], data: Labelled, fold: np.ndarray, *, scaled: bool
) -> Candidate:
    views, recalibrations = {}, {}
    for outer in (FINAL, *np.unique(fold).tolist()):
        fused, others = _view(fits, data, fold, outer)[None], fold != outer
        scale = _scale(fused, data, others, f"fusion/{place(outer)}/{name} recalibrated", scaled=scaled)
        clips = declare.of(data.clips, others)
        # Thresholds are fitted on these rows; with two folds the fit saw them too.
        declare.fitted(f"fusion/{place(outer)}/{name} rows to fit on", declare.IN_SAMPLE, clips, clips)
        views[outer], recalibrations[outer] = scale.apply(fused)[0], scale
    return Candidate(fits, recalibrations, views, name, data.clips)


def _view(fits: Mapping[frozenset[int], Fit], data: Labelled, fold: np.ndarray, outer: int) -> np.ndarray:
    """(n, 6) all train clips for outer fold `outer`, each row fused by a fit that saw neither it nor the outer fold.

    With two folds there is no fit without both: the other fold's rows are then fused by the fit that saw them.
    """
    values = np.full((len(fold), data.probabilities.shape[2]), np.nan)
    for own in np.unique(fold).tolist():
        without = frozenset({own} if outer == FINAL else {own, outer})
        rows = fold == own
        fit = fits.get(without, fits.get(frozenset({outer})))
        assert fit is not None
        if without in fits:
            fit.judges(declare.of(data.clips, rows))
        values[rows] = fit.apply(data.probabilities[:, rows])
    return values
