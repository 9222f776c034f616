"""What the decoder by expected Score and the personal models gain on new persons: simulated studies of several kinds.

    python benchmarks/decoding.py [--replicates 10] [--jobs 2] [--seed 100] [--only KIND ...]

47 training persons, 150 new ones whose rows are means of five models, 12 correlated encoders, uniform fusion, personal
models as in params.yaml. Prints Markdown tables: differences in Score, means over replicates with standard errors, paired
by replicate. Seeds below 100 are for development.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from replicates import FUSION, each, options

from blemore.decide.chains import decide_persons, inductive, transductive
from blemore.decide.controls import random_groups, random_mixture
from blemore.decide.person_offset import apply_offsets, fit_offsets
from blemore.decide.personal.schedule import UNUSUAL
from blemore.decide.run import rows_of_views
from blemore.fusion import scaling
from blemore.fusion.run import fuse
from blemore.scoring import decoders
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from blemore.seeds import generator
from blemore.simulation.study import Settings, simulate

STYLED = Settings(new_persons=150, models=5, model_sd=0.3)
KINDS = {
    "style": STYLED,
    "mild style": replace(STYLED, offset_sd=0.3, gain_sd=0.15),
    "no style": replace(STYLED, offset_sd=0.0, gain_sd=0.0),
    "style, usual schedules": replace(STYLED, schedule="usual"),
    "no style, usual schedules": replace(STYLED, schedule="usual", offset_sd=0.0, gain_sd=0.0),
    "style, random mixtures": replace(STYLED, schedule="random"),
    "style, new persons alone show random mixtures": replace(STYLED, new_schedule="random"),
    "no style, new persons alone show random mixtures": replace(
        STYLED, new_schedule="random", offset_sd=0.0, gain_sd=0.0
    ),
    "another generator": replace(STYLED, generator="other"),
    "style, models that differ by .6": replace(STYLED, model_sd=0.6),
    "style, models that differ by 1": replace(STYLED, model_sd=1.0),
    "the same, averaged in log space": replace(STYLED, model_sd=1.0, averaging="log mean"),
}
FEW = (2, 5, 10, 20)
"""Clips of a person at a time."""


def trial(settings: Settings, seed: int, calibration: Mapping[str, Any]) -> dict[str, float]:
    """Differences in Score of one study."""
    personal = calibration["personal"]
    settings = replace(settings, new_persons=settings.new_persons + settings.persons)
    study = simulate(settings, seed)
    third = np.isin(study.person, np.unique(study.person)[-settings.persons :])  # nothing here sees them but `luck`
    fused = fuse(study.tables, study.clips, FUSION, families=study.families, seed=seed)
    rows = rows_of_views(fused.views, study.clips)
    exact, alone = inductive(rows, "exact", [FINAL]), inductive(rows, "expected")
    together = transductive(rows, alone, personal)
    mixed = random_groups(rows, f"{seed}/control", within_folds=True)
    control = transductive(mixed, alone, {**personal, "powers": [1]}, rows.folds)  # its groups are as large as persons

    new = (study.clips["split"] == "test").to_numpy() & ~third
    values = fused.probabilities.set_index("clip").loc[study.clips.loc[new, "clip"], list(CLASSES)].to_numpy()
    truth, who = study.truth[new], np.unique(study.person[new], return_inverse=True)[1]
    single, model = alone.models[FINAL], together.models[FINAL].model
    by_itself = score(single.decoder.decide(values), truth)

    def gain(groups: np.ndarray) -> float:
        return score(decide_persons(model, single, values, groups)[0], truth) - by_itself

    draw = generator(f"{seed}/identities")
    wrong = np.where(draw.random(len(who)) < 0.1, draw.permutation(who), who)
    differences = {
        "expected - exact": by_itself - score(exact.models[FINAL].decoder.decide(values), truth),
        "inductive, nested - new persons": score(alone.saliences, rows.truth) - by_itself,
        "transductive, nested - new persons": score(together.saliences, rows.truth) - by_itself - gain(who),
        "transductive - inductive": gain(who),
        "10 % of identities wrong": gain(wrong),
        "persons merged in pairs": gain(who // 2),
        "control: random groups within folds": score(control.saliences, rows.truth)
        - score(alone.saliences, rows.truth),
    }
    everyone = Rows(values, truth, np.full(len(who), FINAL), who, tuple(map(str, range(who.max() + 1))))
    odd = random_mixture(everyone, f"{seed}/mixture")
    differences["some clips, so that each person shows a random mixture"] = score(
        decide_persons(model, single, values[odd], who[odd])[0], truth[odd]
    ) - score(single.decoder.decide(values[odd]), truth[odd])
    of_all, of_odd = (model.usualness(values[some], who[some]) for some in (np.full(len(who), True), odd))
    differences["share of new persons that look unusual"] = float(np.mean(of_all <= UNUSUAL))
    differences["share of such random mixtures that look unusual"] = float(np.mean(of_odd <= UNUSUAL))
    for name, easier in luck(replace(settings, models=1), seed, third).items():
        differences[f"{name}, nested - new persons, less luck"] = differences[f"{name}, nested - new persons"] - easier
    place = np.empty(len(who), int)  # of a clip among its person's, in random order
    for person in np.unique(who):
        own = np.flatnonzero(who == person)
        place[own] = draw.permutation(len(own))
    for clips in FEW:
        differences[f"{clips} clips at a time"] = gain(np.unique(who * 1000 + place // clips, return_inverse=True)[1])
    return differences


def luck(settings: Settings, seed: int, third: np.ndarray) -> dict[str, float]:
    """How much easier the training persons are than the new ones, by Score.

    Both are decided from one model's rows by what was fitted on as many third persons, so the difference is zero on average, and what it
    says of one study may be taken off the nested estimate's error.

    Returns
    -------
    {"inductive": each clip by itself, "transductive": with offsets that bring each person's mean to the third persons' frequencies}.
    """
    study = simulate(settings, seed)
    stacked = np.stack([table[list(CLASSES)].to_numpy() for table in study.tables.values()])
    fused = scaling.fit(stacked[:, third], study.truth[third] / 100).apply(stacked).mean(axis=0)
    fused = scaling.fit(fused[None, third], study.truth[third] / 100).apply(fused[None])[0]
    who = np.unique(study.person, return_inverse=True)[1]
    corrected = apply_offsets(fused, fit_offsets(fused, who, study.truth[third].mean(axis=0) / 100)[who])
    train = (study.clips["split"] == "train").to_numpy()
    new = ~(train | third)
    margins = {}
    for name, values in (("inductive", fused), ("transductive", corrected)):
        decided = decoders.KINDS["expected"](values[third], study.truth[third]).decide(values)
        margins[name] = score(decided[train], study.truth[train]) - score(decided[new], study.truth[new])
    return margins


def main() -> None:
    for kind, trials in each(options(__doc__, KINDS, replicates=10), KINDS, trial):
        print(f"\n| {kind}, {len(trials)} studies | mean | standard error |\n| --- | ---: | ---: |", flush=True)
        for name in trials[0]:
            values = np.array([measured[name] for measured in trials])
            error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
            print(f"| {name} | {values.mean():+.4f} | {error:.4f} |")


if __name__ == "__main__":
    main()
