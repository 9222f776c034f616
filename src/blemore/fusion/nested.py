"""Every fit that an honest study of fusion methods needs, each made once: all folds, all but one, all but two.

Fold f is judged by a model of the other folds. What else is chosen for f (the method, thresholds, a strength) is chosen
on rows of the other folds g, fused by models that saw neither f nor g. So a model is named by the folds it did not see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from types import ModuleType
from typing import Any

import numpy as np

from blemore.fusion import scaling
from blemore.fusion.base import Labelled, Model
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.rows import Rows
from joblineage import declare


@dataclass(frozen=True)
class Fit:
    """A fusion fitted on the clips of some folds: the encoders' scaling, then the method's model, and the names of both.

    Parameters
    ----------
    scaling : Scaling
        Confidence and bias of each encoder.
    model : Model
        The method's model of scaled rows.
    names : tuple of ModelName
        Names of both, for the records.
    """

    scaling: scaling.Scaling
    model: Model
    names: tuple[ModelName, ...] = ()

    def apply(self, rows: Rows) -> np.ndarray:
        """Scale and fuse the encoders' raw rows.

        Parameters
        ----------
        rows : Rows
            Clips with raw values (E, n, 6).

        Returns
        -------
        (n, 6) float, 0..1
            Fused rows.
        """
        for name in self.names:
            rows.to_judge(name)
        return self.model.apply(self.scaling.apply(rows.values))


@dataclass(frozen=True)
class Candidate:
    """One method, fitted for every view.

    Parameters
    ----------
    name : str
        Name of the method.
    fits : mapping of tuple of int to Fit
        {folds left out: fit}.
    recalibrations : mapping of int to Scaling
        {outer: scaling of the fused rows}, fitted on the view's rows of other folds: a mean of probabilities is less
        certain than its parts, and may prefer a class.
    views : mapping of int to Rows
        {outer: all train clips (n, 6)} as models see them that saw neither fold `outer` nor the row's own fold.
    """

    name: str
    fits: Mapping[tuple[int, ...], Fit]
    recalibrations: Mapping[int, scaling.Scaling]
    views: Mapping[int, Rows]

    def outer(self, outer: int) -> Fit:
        """The fit that judges a fold.

        Parameters
        ----------
        outer : int
            The fold; FINAL for the test clips.

        Returns
        -------
        Fit
            The fit without that fold.
        """
        return self.fits[() if outer == FINAL else (outer,)]

    def held_out(self, outer: int, fold: int) -> Rows:
        """The clips of a fold in a view, as they are reported.

        Parameters
        ----------
        outer : int
            The view's fold; FINAL for the final view.
        fold : int
            Number of a fold.

        Returns
        -------
        Rows
            Fused values (n, 6).
        """
        return self.views[outer].inside(fold, _recalibrated(self.name, outer))

    def apply(self, rows: Rows) -> np.ndarray:
        """Fuse new clips by the final fit.

        Parameters
        ----------
        rows : Rows
            Clips with raw values (E, n, 6).

        Returns
        -------
        (n, 6) float, 0..1
            Fused rows.
        """
        rows.to_judge(_recalibrated(self.name, FINAL))
        return self.recalibrations[FINAL].apply(self.outer(FINAL).apply(rows)[None])[0]


def left_out(folds: Sequence[int]) -> list[tuple[int, ...]]:
    """The sets of folds that some fit leaves out.

    Parameters
    ----------
    folds : sequence of int
        The folds.

    Returns
    -------
    list of tuple of int
        None, each one, and, from three folds on, each two; ascending.

    Examples
    --------
    >>> from blemore.fusion.nested import left_out
    >>> left_out([0, 1, 2])
    [(), (0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    """
    return [(), *((fold,) for fold in folds), *(combinations(folds, 2) if len(folds) > 2 else ())]


def fit_all(
    data: Labelled, methods: Mapping[str, tuple[ModuleType, Mapping[str, Any]]], *, scaled: bool
) -> dict[str, Candidate]:
    """Fit every method for every set of folds left out, and apply it.

    Parameters
    ----------
    data : Labelled
        The labelled clips, raw probabilities.
    methods : mapping of str to (module, mapping)
        {name: (module, its options)}.
    scaled : bool
        Whether the confidence and bias of each encoder, and then of the fused rows, are set right (`scaling`).

    Returns
    -------
    dict of str to Candidate
        {name: the method, fitted for every view}.
    """
    fits: dict[str, dict[tuple[int, ...], Fit]] = {name: {} for name in methods}
    for without in left_out(data.folds):
        # 1. The clips of all other folds, and each encoder's confidence set right on them.
        inside = ~np.isin(data.fold, without)  # (n,)
        of_scale = ModelName("fusion", without, ("scaling",))
        scale = _scale(data, inside, of_scale, scaled=scaled)
        part = data.where(inside)
        part = replace(part, values=scale.apply(part.values))  # (E, n_inside, 6)
        # 2. Every method, fitted on these clips.
        for name, (module, options) in methods.items():
            model = ModelName("fusion", without, (name,))
            of_fit = f"{data.name}/{name}/without " + ",".join(map(str, without))
            fitted = module.fit(replace(part, name=of_fit, model=model), **options)
            fits[name][without] = Fit(scale, fitted, (of_scale, model))
            part.to_fit(model, "weights")
    # 3. Every clip fused for each outer fold, by the fit that saw neither that fold nor the clip's own.
    return {name: _candidate(name, fits_of_method, data, scaled=scaled) for name, fits_of_method in fits.items()}


def _scale(rows: Rows, inside: np.ndarray, model: ModelName, *, scaled: bool) -> scaling.Scaling:
    """The scaling of values (E, n, 6) fitted on the labelled clips `inside` (n,) bool; on none where nothing is scaled."""
    learned = rows.to_fit(model, "scaling", inside if scaled else slice(0))
    return scaling.fit(learned.values, learned.soft) if scaled else scaling.unscaled(len(rows.values))


def _recalibrated(name: str, outer: int) -> ModelName:
    return ModelName.of("fusion", outer, f"{name} recalibrated")


def _candidate(name: str, fits: Mapping[tuple[int, ...], Fit], data: Labelled, *, scaled: bool) -> Candidate:
    views, recalibrations = {}, {}
    for outer in data.outers:
        fused, others = _view(fits, data, outer), data.fold != outer
        scale = _scale(fused, others, _recalibrated(name, outer), scaled=scaled)
        # Thresholds are fitted on these rows; with two folds the fit saw them too.
        to_fit_on = ModelName.of("fusion", outer, f"{name} rows to fit on")
        fused.to_fit(to_fit_on, declare.IN_SAMPLE, others).to_judge(to_fit_on)
        views[outer], recalibrations[outer] = replace(fused, values=scale.apply(fused.values)[0]), scale
    return Candidate(name, fits, recalibrations, views)


def _view(fits: Mapping[tuple[int, ...], Fit], data: Labelled, outer: int) -> Rows:
    """All train clips for outer fold `outer`, values (1, n, 6), each fused by a fit that saw neither it nor that fold.

    With two folds there is no fit without both: the other fold's rows are then fused by the fit that saw them.
    """
    values = np.full((1, *data.values.shape[1:]), np.nan)
    for own in data.folds:
        without = tuple(sorted({own} if outer == FINAL else {own, outer}))
        rows = data.where(data.fold == own)
        if without in fits:
            values[0, data.fold == own] = fits[without].apply(rows)
        else:  # not declared: nothing that is reported comes from it
            values[0, data.fold == own] = fits[(outer,)].apply(replace(rows, clip=None))
    return Rows(values, data.truth, data.fold, data.person, data.persons, data.clip)
