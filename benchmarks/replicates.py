"""Simulated studies of several kinds, replicate by replicate: the options and the loop of benchmarks."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import Any, TypeVar

import yaml

from blemore.simulation.study import Settings
from joblineage.progress import Steps

FUSION = {"method": "uniform", "scaling": True}
Found = TypeVar("Found")


def options(about: str | None, kinds: Mapping[str, Settings], replicates: int) -> argparse.Namespace:
    """`about` the benchmark; seeds below 100 are for development."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=replicates)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--only", choices=list(kinds), nargs="+", default=list(kinds))
    return parser.parse_args()


def each(
    wanted: argparse.Namespace,
    kinds: Mapping[str, Settings],
    trial: Callable[[Settings, int, Mapping[str, Any]], Found],
) -> Iterator[tuple[str, list[Found]]]:
    """Each kind that is `wanted`, with what `trial` finds in its studies; it gets the block calibration of params.yaml."""
    calibration = yaml.safe_load(Path("params.yaml").read_text("utf-8"))["calibration"]
    seeds = range(wanted.seed, wanted.seed + wanted.replicates)
    with ProcessPoolExecutor(wanted.jobs) as pool, Steps("replicates", len(wanted.only) * len(seeds)) as steps:
        for kind in wanted.only:
            gains = []
            for gain in pool.map(trial, repeat(kinds[kind]), seeds, repeat(calibration)):
                gains.append(gain)
                steps.advance(1)
            yield kind, gains
