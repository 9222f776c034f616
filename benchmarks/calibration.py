"""What the honest estimate is worth, and what deciding a person's clips together gains on new persons: simulated studies.

    python benchmarks/calibration.py [--replicates 20] [--jobs 2] [--out FILE.json]

Prints Markdown tables: means over replicates with standard errors and 95 % intervals (t distribution), all differences
paired by replicate. Settings are those of params.yaml; persons x clips x encoders are `simulation.study.Settings`.
Without --out nothing is written.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from scipy import stats
from trials import few_clips_trial, trial

from blemore.simulation.study import Settings
from joblineage.files import write_json
from joblineage.progress import Steps

NEW_PERSONS = 150
STYLED = Settings(new_persons=NEW_PERSONS)
MILD = Settings(new_persons=NEW_PERSONS, offset_sd=0.3, gain_sd=0.15)
PLAIN = Settings(new_persons=NEW_PERSONS, offset_sd=0.0, gain_sd=0.0)


TRIALS = {
    "style": partial(trial, STYLED),
    "mild style": partial(trial, MILD),
    "no style": partial(trial, PLAIN),
    "few clips": partial(few_clips_trial, STYLED),
}


def trials_of_seed(seed: int, params: dict, kinds: list[str]) -> dict[str, dict[str, float]]:
    """The trials of one seed."""
    return {kind: TRIALS[kind](seed, params["fusion"], params["calibration"]) for kind in kinds}


def interval(values: np.ndarray) -> str:
    """Mean, standard error and 95 % interval of paired figures."""
    error = values.std(ddof=1) / np.sqrt(len(values))
    reach = stats.t.ppf(0.975, len(values) - 1) * error
    return f"{values.mean():+.4f} | {error:.4f} | {values.mean() - reach:+.4f} to {values.mean() + reach:+.4f}"


def tell_few_clips(of: dict[str, np.ndarray]) -> None:
    """The table of the trials with few clips of a person."""
    print(
        "\ngain over each clip by itself\n\n| clips of a person | mean | standard error | 95 % interval |\n| --- | ---: | ---: | --- |"
    )
    for name, values in of.items():
        print(f"| {name} | {interval(values)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=20)
    parser.add_argument("--seed", type=int, default=100, help="of the first replicate; below 100 is for development")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=list(TRIALS), action="append")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    rows = []
    with ProcessPoolExecutor(options.jobs) as pool, Steps("replicates", options.replicates) as steps:
        for row in pool.map(
            partial(trials_of_seed, params=params, kinds=options.only or list(TRIALS)),
            range(options.seed, options.seed + options.replicates),
        ):
            rows.append(row)
            steps.advance(1)
    if options.out:
        write_json(options.out, rows)
    tables = {kind: {name: np.array([row[kind][name] for row in rows]) for name in rows[0][kind]} for kind in rows[0]}
    for kind in tables:
        of = tables[kind]
        if kind == "few clips":
            tell_few_clips(of)
            continue
        print(f"\n{kind}: {STYLED.persons} persons, {NEW_PERSONS} new ones, {len(rows)} replicates\n")
        print("| | Score |\n| --- | ---: |")
        for name, values in of.items():
            print(f"| {name} | {values.mean():.4f} |")
        print("\n| difference | mean | standard error | 95 % interval |\n| --- | ---: | ---: | --- |")
        for name, one_side, other in (
            ("nested estimate - new persons, inductive", "nested_inductive", "inductive"),
            ("nested estimate - new persons, transductive", "nested_transductive", "transductive"),
            ("expected Score - exact thresholds, new persons", "inductive", "thresholds"),
            ("transductive - inductive, new persons", "transductive", "inductive"),
            ("chosen pipeline - raw uniform with thresholds, new persons", "transductive", "uniform"),
            ("control: random groups - inductive", "random_groups", "inductive"),
            ("mistaken persons - inductive", "mistaken", "inductive"),
            ("paper's protocol - nested estimate by thresholds", "paper", "nested_thresholds"),
        ):
            print(f"| {name} | {interval(of[one_side] - of[other])} |")
        for name, one_side, other in (
            ("nested estimate - new persons, inductive", "nested_inductive", "inductive"),
            ("nested estimate - new persons, transductive", "nested_transductive", "transductive"),
        ):
            print(f"| {name}, less luck | {interval(of[one_side] - of[other] - of['luck'])} |")


if __name__ == "__main__":
    main()
