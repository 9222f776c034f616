"""One made-up study through the real pipeline, and what its honest estimate was worth on new persons."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from blemore.decide import enrolment, person_offset
from blemore.decide.person_offset import apply_offsets, fit_offsets
from blemore.decide.problem import Decided, decide_shared, decide_with, random_groups
from blemore.decide.run import rows_of_views
from blemore.fusion import scaling
from blemore.fusion.base import Labelled
from blemore.fusion.run import fuse
from blemore.learning.heads.inner import cross_entropy
from blemore.params.parts import FUSION_METHOD
from blemore.scoring.decoding import decode
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.logits import logarithm, softmax
from blemore.scoring.metrics import score
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from blemore.seeds import generator
from blemore.simulation.study import Settings, Study, simulate

UNIFORM = {"method": "uniform", "candidates": ["uniform"], "scaling": False}
"""Raw uniform fusion, the plainest thing to do."""
STYLE_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
"""How much of a person's true offsets, and power of the true gain, the oracle takes away; the best is chosen by loss."""


def trial(settings: Settings, seed: int, fusion: Mapping[str, Any], calibration: Mapping[str, Any]) -> dict[str, float]:
    """Score what the pipeline says of itself, and what it does to `Settings.new_persons` new persons.

    Parameters
    ----------
    fusion : options of `fusion.run.fuse`; calibration : the block of that name in params.yaml.

    Returns
    -------
    Scores of new persons: "uniform" (raw, global thresholds), "global" (chosen fusion, global thresholds), "chosen"
    (with person offsets), "random_groups" (the same with random groups of clips in place of the persons, for training
    and new persons alike), "mistaken" (persons' strength, random groups of new clips). Estimates from the training
    persons: "nested_global", "nested_chosen", "paper" (thresholds and fusion on the clips they are reported on).
    "luck": how much easier the training persons are than the new ones to a system that was fitted on third persons, as
    many as the training ones; zero on average, so what it says may be taken off a difference between the two groups.
    """
    made = simulate(replace(settings, new_persons=settings.new_persons + settings.persons), seed)
    third = np.isin(made.person, np.unique(made.person)[-settings.persons :])
    new = (made.clips["split"] == "test").to_numpy() & ~third
    who = np.unique(made.person[new], return_inverse=True)[1]
    mixed = generator(f"{seed}/groups").permutation(who)
    names, truth = made.clips.loc[new, "clip"], made.truth[new]

    fused = fuse(made.tables, made.clips, fusion, families=made.families, seed=seed)
    values = fused.probabilities.set_index("clip").loc[names, list(CLASSES)].to_numpy()
    rows = rows_of_views(fused.views, made.clips)
    prior = rows.truth.mean(axis=0) / 100
    everybody = decide_shared(rows)
    persons, _ = person_offset.decide(rows, calibration["kappas"])
    groups, _ = person_offset.decide(random_groups(rows, f"{seed}/groups"), calibration["kappas"])
    paper = rows.lookup(fused.methods[fused.methods["protocol"] == "paper"])
    method = fused.weights["method"]["final"]
    return {
        "luck": _luck(made, third, new, method, fusion.get(method, {})),
        "uniform": _plain(made, new, seed),
        "global": score(decode(values, *everybody.thresholds[FINAL]), truth),
        "chosen": score(person_offset.decide_new(values, who, prior, persons)[0], truth),
        "random_groups": score(person_offset.decide_new(values, mixed, prior, groups)[0], truth),
        "mistaken": score(person_offset.decide_new(values, mixed, prior, persons)[0], truth),
        "nested_global": score(everybody.saliences[0], rows.truth),
        "nested_chosen": score(persons.saliences[0], rows.truth),
        "paper": score(paper, rows.truth),
    }


def _luck(made: Study, third: np.ndarray, new: np.ndarray, method: str, options: Mapping[str, Any]) -> float:
    """Score of the training persons less that of the new ones, with everything fitted on the third persons."""
    stacked = np.stack([table[list(CLASSES)].to_numpy() for table in made.tables.values()])
    who, soft = np.unique(made.person, return_inverse=True)[1], made.truth / 100
    scale = scaling.fit(stacked[:, third], soft[third])
    stacked = scale.apply(stacked)
    data = Labelled(
        stacked[:, third], made.truth[third], np.zeros(third.sum(), int), who[third],
        families=tuple(made.families.values()), name="third",
    )  # fmt: skip
    fused = FUSION_METHOD.load(method).fit(data, **options).apply(stacked)
    fused = scaling.fit(fused[None, third], soft[third]).apply(fused[None])[0]
    fused = apply_offsets(fused, fit_offsets(fused, who, soft[third].mean(axis=0))[who])
    chosen, train = exact_optimum(fused[third], made.truth[third]), ~(third | new)
    return score(chosen.decide(fused[train]), made.truth[train]) - score(chosen.decide(fused[new]), made.truth[new])


def _plain(made: Study, new: np.ndarray, seed: int) -> float:
    """Score of new persons by raw uniform fusion with global thresholds."""
    fused = fuse(made.tables, made.clips, UNIFORM, seed=seed)
    chosen = decide_shared(rows_of_views(fused.views, made.clips)).thresholds[FINAL]
    values = fused.probabilities.set_index("clip").loc[made.clips.loc[new, "clip"], list(CLASSES)]
    return score(decode(values.to_numpy(), *chosen), made.truth[new])


def enrolment_trial(
    settings: Settings, seed: int, fusion: Mapping[str, Any], calibration: Mapping[str, Any]
) -> dict[str, float]:
    """Gains in Score over shared thresholds on persons that nothing was fitted on, counted on the same clips.

    Returns
    -------
    "enrolled": by labelled clips of the person; "another_person": the same with the style of another person; "known_style": by the person's true offsets and gain, as far as they help on the other folds; "label_free":
    by the person offset.
    """
    made = simulate(settings, seed)
    fused = fuse(made.tables, made.clips, fusion, families=made.families, seed=seed)
    rows = rows_of_views(fused.views, made.clips)
    options = calibration["enrolment"] | {"clips": calibration["labelled_clips"], "name": f"{seed}/enrolled"}
    enrolled = enrolment.decide(rows, **options)
    base = decide_shared(rows)
    others = np.roll(np.arange(len(rows.persons)), 1)
    return {
        "enrolled": _gain(enrolled, base, rows, enrolled.judged),
        "another_person": _gain(enrolment.decide(rows, **options, whose=others), base, rows, enrolled.judged),
        "known_style": _gain(_known_style(rows, made), base, rows, enrolled.judged),
        "label_free": _gain(person_offset.decide(rows, calibration["kappas"])[0], base, rows, enrolled.judged),
    }


def _known_style(rows: Rows, made: Study) -> Decided:
    offsets = np.stack([made.offsets[name] for name in rows.persons])[rows.person]
    gains = np.array([made.gains[name] for name in rows.persons])[rows.person, None]
    views, strengths = [], {}
    for outer in rows.outers:
        others = rows.fold != outer
        logs = logarithm(rows.view(outer).values)

        def corrected(share: float, power: float, logs: np.ndarray = logs) -> np.ndarray:
            return softmax((logs - share * offsets) / gains**power)

        best = min(
            ((share, power) for share in STYLE_SHARES for power in STYLE_SHARES),
            key=lambda pair: np.sum(cross_entropy(rows.truth[others] / 100, corrected(*pair)[others])),
        )
        views.append(corrected(*best))
        strengths[outer] = best[0]
    return decide_with(replace(rows, values=np.stack(views)), strengths)


def _gain(decided: Decided, base: Decided, rows: Rows, judged: np.ndarray) -> float:
    """Gain in Score over all (draw, clip) pairs of `judged` (draws, n)."""
    shape = (*judged.shape, len(CLASSES))
    truth = np.broadcast_to(rows.truth, shape)[judged]
    own, other = (np.broadcast_to(made.saliences, shape)[judged] for made in (base, decided))
    return score(other, truth) - score(own, truth)
