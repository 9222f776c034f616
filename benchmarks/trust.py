"""How often clusters are trusted that should not be, and not trusted that should: simulated studies.

    python benchmarks/trust.py [--replicates 200] [--jobs 2] [--seed 100]

47 training persons in 5 folds, rows from 5 models a fold, personal models as in params.yaml. Prints a Markdown table: the
share of studies in which random clusters of the persons' sizes within folds, and clusters that are the persons, pass
`decide.trust.trust`. Seeds below 100 are for development.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from replicates import FUSION, each, options

from blemore.decide.controls import random_groups
from blemore.decide.personal.choice import choose
from blemore.decide.run import rows_of_views
from blemore.decide.trust import trust
from blemore.fusion.run import fuse
from blemore.scoring.model_name import FINAL
from blemore.simulation.study import Settings, simulate

STYLED = Settings(new_persons=2, models=5, model_sd=0.3)
KINDS = {
    "style": STYLED,
    "no style": replace(STYLED, offset_sd=0.0, gain_sd=0.0),
    "style, usual schedules": replace(STYLED, schedule="usual"),
    "no style, usual schedules": replace(STYLED, schedule="usual", offset_sd=0.0, gain_sd=0.0),
}


def trial(settings: Settings, seed: int, calibration: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether random clusters, and true ones, are trusted in one study."""
    study = simulate(settings, seed)
    fused = fuse(study.tables, study.clips, FUSION, families=study.families, seed=seed)
    rows = rows_of_views(fused.views, study.clips).view(FINAL)
    chosen = choose(rows, calibration["personal"])
    random = random_groups(rows, f"{seed}/random", within_folds=True).person
    passed = [
        bool(trust(rows, clusters, chosen, draws=calibration["controls"], name=str(seed)))
        for clusters in (random, rows.person)
    ]
    return passed[0], passed[1]


def main() -> None:
    wanted = options(__doc__, KINDS, replicates=200)
    print("| studies | number | random clusters trusted | true clusters trusted |\n| --- | ---: | ---: | ---: |")
    for kind, passed in each(wanted, KINDS, trial):
        random, true = np.mean(passed, axis=0)
        print(f"| {kind} | {len(passed)} | {random:.1%} | {true:.1%} |", flush=True)


if __name__ == "__main__":
    main()
