"""Whether clusters of clips may be used as persons: by what they gain on training persons, beside clusters of chance.

A gain above zero says nothing: whatever looks at many clips at once also corrects what the models of a fold have of their own.
So clusters have to gain more than random clusters of the same sizes, and more than all clips of a fold as one cluster.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blemore.decide.chains import Decided, Single, decide_persons, decide_together
from blemore.decide.controls import one_group, random_groups
from blemore.decide.personal.choice import OFF, Selected
from blemore.scoring.intervals import jackknife_error
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.persons import accuracies, sums_of_persons
from blemore.scoring.rows import Rows

ALONE = -1
"""In place of a cluster's number: it is unknown who shows the clip."""
FEWEST_PERSONS = 4
"""Fewer say too little about others to trust anything."""


@dataclass(frozen=True)
class Trust:
    """How much more clusters gain than each control.

    It is true where they gain more than every control by more than one standard error. Empty where nothing could be compared,
    and so nothing is trusted: no personal model was chosen, or fewer than `FEWEST_PERSONS` persons have a clip with a cluster.

    Parameters
    ----------
    over : mapping of str to (float, float)
        {control: (difference in Score, its standard error over persons)}.
    """

    over: Mapping[str, tuple[float, float]]

    def __bool__(self) -> bool:
        return bool(self.over) and all(difference > error for difference, error in self.over.values())

    def to_json(self) -> dict[str, Any]:
        """Give the verdict and what it rests on.

        Returns
        -------
        dict of str to object
            "trusted", and "over" {control: {"difference", "standard_error"}}.
        """
        named = {
            control: {"difference": difference, "standard_error": error}
            for control, (difference, error) in self.over.items()
        }
        return {"trusted": bool(self), "over": named}


def trust(rows: Rows, clusters: np.ndarray, chosen: Selected, *, draws: int, name: str) -> Trust:
    """Apply the personal models of each fold to its clusters, to random ones, and to all its clips as one.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6), each made without the clip's own fold.
    clusters : (n,) int
        Numbers, found without the labels and persons of the clip's own fold, or ALONE; none reaches over folds.
    chosen : Selected
        What `decide.personal.choice.choose` found on the rows.
    draws : int, >= 1
        How many random clusterings to compare with.
    name : str
        Name from which they derive.

    Returns
    -------
    Trust
        How much more the clusters gain.
    """
    known = clusters != ALONE
    rows, clusters = rows.where(known), clusters[known]
    if chosen.model.choice.kind == OFF or len(np.unique(rows.person)) < FEWEST_PERSONS:
        return Trust({})
    clustered = replace(rows, person=clusters, clip=None)

    def sums(groups: Rows) -> np.ndarray:
        saliences = np.zeros_like(rows.truth)
        for fold, model in chosen.left_out.items():
            inside = rows.fold == fold
            if inside.any():
                saliences[inside], _ = decide_together(model, rows.values[inside], groups.person[inside])
        by_person = sums_of_persons(rows, saliences)
        return by_person[by_person[:, 1] > 0]

    drawn = [random_groups(clustered, f"{name}/{draw}", within_folds=True) for draw in range(draws)]
    own, controls = sums(clustered), {
        "random_clusters": np.mean([sums(groups) for groups in drawn], axis=0),
        "one_cluster": sums(one_group(clustered)),
    }  # fmt: skip
    return Trust({control: _difference(own, other) for control, other in controls.items()})


def by_clusters(
    rows: Rows,
    base: Decided[Single],
    together: Decided[Selected],
    clusters: Mapping[int, np.ndarray],
    *,
    draws: int,
    seed: int,
) -> Decided[Trust]:
    """Decide training clips as test clips are: by clusters where these are trusted, else as `base` does.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (outers, n, 6).
    base : Decided of Single
        What `chains.inductive` made of them.
    together : Decided of Selected
        What `chains.transductive` made of them.
    clusters : mapping of int to (n,) int
        {outer: numbers or ALONE}; those of a fold were found without it and without fold `outer`.
    draws : int, >= 1
        How many random clusterings to compare with.
    seed : int, >= 0
        Decides them.

    Returns
    -------
    Decided of Trust
        The decisions, and the trust in each fold's clusters.
    """
    saliences, posterior = base.saliences.copy(), base.posterior.copy()
    verdicts = {}
    for outer in rows.outers:
        view, model = rows.view(outer), ModelName.of("calibration", outer, "trust")
        others, own = view.outside(outer, model, "trust"), view.fold == outer
        verdicts[outer] = trust(
            others, clusters[outer][~own], together.models[outer], draws=draws, name=f"{seed}/trust/{outer}"
        )
        own &= clusters[FINAL] != ALONE
        if verdicts[outer] and own.any():
            adaptation = ModelName.of("calibration", outer, "adaptation to clusters")
            view.to_fit(adaptation, "adaptation", own)
            inside = view.to_judge(adaptation, own)
            view.to_judge(model, own)
            saliences[own], posterior[own] = decide_persons(
                together.models[outer].model, base.models[outer], inside.values, clusters[FINAL][own]
            )
    return Decided(saliences, posterior, verdicts)


def _difference(own: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Difference in Score of sums (persons, 4), and its standard error: the jackknife over persons."""
    whole, without = (
        [accuracies(part)[2] for part in parts]
        for parts in ((own.sum(axis=0), other.sum(axis=0)), (own.sum(axis=0) - own, other.sum(axis=0) - other))
    )
    return float(whole[0] - whole[1]), float(jackknife_error(without[0] - without[1]))
