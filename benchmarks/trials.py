"""One made-up study through the real pipeline, and what its honest estimate was worth on new persons."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from replicates import FUSION

from blemore.decide.chains import decide_persons, inductive, transductive
from blemore.decide.controls import random_groups
from blemore.decide.person_offset import apply_offsets, fit_offsets
from blemore.decide.run import rows_of_views
from blemore.fusion import scaling
from blemore.fusion.base import Labelled
from blemore.fusion.run import fuse
from blemore.params.parts import FUSION_METHOD
from blemore.scoring.answers import numbers_of
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.model_name import FINAL
from blemore.seeds import generator
from blemore.simulation.study import Settings, Study, simulate

UNIFORM = {"method": "uniform", "candidates": ["uniform"], "scaling": False}
"""Raw uniform fusion, the plainest thing to do."""
CLIPS, LABELS = (2, 5, 10, 20, 54), (0, 2, 6, 12)
"""Clips of a person, and how many of these are labelled, at most half."""


def trial(settings: Settings, seed: int, fusion: Mapping[str, Any], calibration: Mapping[str, Any]) -> dict[str, float]:
    """Score what the pipeline says of itself, and what it does to `Settings.new_persons` new persons.

    Parameters
    ----------
    fusion : options of `fusion.run.fuse`; calibration : the block of that name in params.yaml.

    Returns
    -------
    Scores of new persons: "uniform" (raw, thresholds), "thresholds" (chosen fusion, exact thresholds), "inductive" (the
    study's decoder), "transductive" (all clips of a person together), "random_groups" (the same with random groups of clips
    in place of the persons, for training and new persons alike), "mistaken" (the persons' model, random groups of new
    clips). Estimates from the training persons: "nested_thresholds", "nested_inductive", "nested_transductive", "paper"
    (thresholds and fusion on the clips they are reported on). "luck": how much easier the training persons are than the new
    ones to a system that was fitted on third persons, as many as the training ones; zero on average, so what it says
    may be taken off a difference between the two groups.
    """
    study = simulate(replace(settings, new_persons=settings.new_persons + settings.persons), seed)
    third = np.isin(study.person, np.unique(study.person)[-settings.persons :])
    new = (study.clips["split"] == "test").to_numpy() & ~third
    who = np.unique(study.person[new], return_inverse=True)[1]
    mixed = generator(f"{seed}/groups").permutation(who)
    names, truth = study.clips.loc[new, "clip"], study.truth[new]

    fused = fuse(study.tables, study.clips, fusion, families=study.families, seed=seed)
    values = fused.probabilities.set_index("clip").loc[names, list(CLASSES)].to_numpy()
    rows = rows_of_views(fused.views, study.clips)
    thresholds, alone = inductive(rows, "exact"), inductive(rows, "auto")
    persons = transductive(rows, alone, calibration["personal"])
    groups = transductive(random_groups(rows, f"{seed}/groups"), alone, calibration["personal"], [FINAL])
    single = alone.models[FINAL]
    paper = rows.lookup(fused.methods[fused.methods["protocol"] == "paper"])
    method = fused.weights["method"]["final"]
    return {
        "luck": _luck(study, third, new, method, fusion.get(method, {})),
        "uniform": _plain(study, new, seed),
        "thresholds": score(thresholds.models[FINAL].decoder.decide(values), truth),
        "inductive": score(single.decoder.decide(values), truth),
        "transductive": score(decide_persons(persons.models[FINAL].model, single, values, who)[0], truth),
        "random_groups": score(decide_persons(groups.models[FINAL].model, single, values, mixed)[0], truth),
        "mistaken": score(decide_persons(persons.models[FINAL].model, single, values, mixed)[0], truth),
        "nested_thresholds": score(thresholds.saliences, rows.truth),
        "nested_inductive": score(alone.saliences, rows.truth),
        "nested_transductive": score(persons.saliences, rows.truth),
        "paper": score(paper, rows.truth),
    }


def few_clips_trial(
    settings: Settings, seed: int, fusion: Mapping[str, Any], calibration: Mapping[str, Any]
) -> dict[str, float]:
    """Gain in Score over deciding each clip by itself, on new persons with few clips, some of them labelled.

    Fused by the plain mean, scaled: which method fuses is of no matter here, and choosing one takes a minute.

    Returns
    -------
    {"5 clips, 2 labelled": gain on the unlabelled ones, ...}.
    """
    study = simulate(settings, seed)
    fused = fuse(study.tables, study.clips, FUSION, families=study.families, seed=seed)
    rows = rows_of_views(fused.views, study.clips)
    alone = inductive(rows, "auto", [FINAL])
    model = transductive(rows, alone, calibration["personal"], [FINAL]).models[FINAL].model
    new = (study.clips["split"] == "test").to_numpy()
    values = fused.probabilities.set_index("clip").loc[study.clips.loc[new, "clip"], list(CLASSES)].to_numpy()
    truth, who = study.truth[new], np.unique(study.person[new], return_inverse=True)[1]
    place = np.empty(len(who), int)  # of a clip among its person's, in random order
    for person in np.unique(who):
        own = np.flatnonzero(who == person)
        place[own] = generator(f"{seed}/few/{person}").permutation(len(own))
    single, gains = alone.models[FINAL], {}
    for clips in CLIPS:
        shown = place < clips
        by_itself = single.decoder.decide(values[shown])
        for labels in (label for label in LABELS if label <= clips / 2):
            labelled = place[shown] < labels
            known = np.where(labelled, numbers_of(truth[shown]), -1)
            together, _ = decide_persons(model, single, values[shown], who[shown], known)
            judged = truth[shown][~labelled]
            gain = score(together[~labelled], judged) - score(by_itself[~labelled], judged)
            gains[f"{clips} clips, {labels} labelled"] = gain
    return gains


def _luck(study: Study, third: np.ndarray, new: np.ndarray, method: str, options: Mapping[str, Any]) -> float:
    """Score of the training persons less that of the new ones, with everything fitted on the third persons."""
    stacked = np.stack([table[list(CLASSES)].to_numpy() for table in study.tables.values()])
    who, soft = np.unique(study.person, return_inverse=True)[1], study.truth / 100
    scale = scaling.fit(stacked[:, third], soft[third])
    stacked = scale.apply(stacked)
    data = Labelled(
        stacked[:, third], study.truth[third], np.zeros(third.sum(), int), who[third],
        families=tuple(study.families.values()), name="third",
    )  # fmt: skip
    fused = FUSION_METHOD.load(method).fit(data, **options).apply(stacked)
    fused = scaling.fit(fused[None, third], soft[third]).apply(fused[None])[0]
    fused = apply_offsets(fused, fit_offsets(fused, who, soft[third].mean(axis=0))[who])
    chosen, train = exact_optimum(fused[third], study.truth[third]), ~(third | new)
    return score(chosen.decide(fused[train]), study.truth[train]) - score(chosen.decide(fused[new]), study.truth[new])


def _plain(study: Study, new: np.ndarray, seed: int) -> float:
    """Score of new persons by raw uniform fusion with exact thresholds."""
    fused = fuse(study.tables, study.clips, UNIFORM, seed=seed)
    chosen = inductive(rows_of_views(fused.views, study.clips), "exact", [FINAL]).models[FINAL]
    values = fused.probabilities.set_index("clip").loc[study.clips.loc[new, "clip"], list(CLASSES)]
    return score(chosen.decoder.decide(values.to_numpy()), study.truth[new])
