"""How often a 90 % interval over few persons holds the true value: simulated groups of persons.

    python benchmarks/interval_coverage.py [--groups 40000] [--seed 100]

Persons differ in how often they are recognised (and in what deciding their clips together gains), and show the usual 54 clips of which 30
are blends, or, one in sixteen, 26 clips without a blend. The true value is that of all persons there could be. Prints a Markdown table:
the coverage of our intervals (`scoring.intervals`), of BCa and of percentile intervals from 400 bootstrap draws, and the mean width of the last
two as shares of ours. Exits with 1 where ours covers less than it should, less two Monte Carlo errors.
"""

import argparse
import sys
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

from blemore.scoring.intervals import LEVEL, jackknife_error, t_quantile
from blemore.scoring.persons import accuracies, score_gain
from blemore.seeds import generator

LEAST = {8: 0.88, 11: 0.88, 47: 0.89}
"""{persons: least coverage}."""
DRAWS = 400
AT_ONCE = 2000
"""Groups whose draws are in memory at a time."""
Statistic = Callable[[np.ndarray], np.ndarray]


def people(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """(..., 2, 4) sums of persons (`persons.sums_of_persons`), each clip by itself and all together."""
    usual = rng.random(shape) > 1 / 16
    clips, blends = np.where(usual, 54, 26), np.where(usual, 30, 0)
    presence, gained = rng.beta(5.4, 13.6, shape), rng.normal(0.08, 0.08, shape)
    sums = []
    for chance in (presence, np.clip(presence + gained, 0.02, 0.98)):
        of_singles, pairs = rng.binomial(clips - blends, chance), rng.binomial(blends, chance)
        sums.append(np.stack([of_singles + pairs, clips, rng.binomial(pairs, 0.5), blends], axis=-1))
    return np.stack(sums, axis=-2).astype(float)


@cache
def everybody(seed: int) -> np.ndarray:
    """(2, 4) sums of so many persons that what is left of chance is a hundredth of an interval."""
    return people(generator(f"{seed}/truth"), (400_000,)).sum(axis=0)


STATISTICS: dict[str, Statistic] = {
    "Score": lambda sums: accuracies(sums[..., 0, :])[2],
    "gain in Score, paired": lambda sums: score_gain(sums[..., 0, :], sums[..., 1, :]),
}


def intervals(groups: np.ndarray, statistic: Statistic, drawn: np.ndarray) -> np.ndarray:
    """(3, 2, groups) ends of our, BCa and percentile intervals of groups (groups, persons, 2, 4); drawn (draws, persons)."""
    number = groups.shape[1]
    total = groups.sum(axis=1)
    whole = statistic(total)
    without = statistic(np.moveaxis(total[:, None] - groups, 1, 0))  # (persons, groups)
    reach = t_quantile((1 + LEVEL) / 2, number - 1) * jackknife_error(without)
    parts = groups.reshape(len(groups), number, 8).transpose(1, 0, 2).reshape(number, -1)
    draws = np.sort(statistic((drawn @ parts).reshape(len(drawn), len(groups), 2, 4)), axis=0)  # (draws, groups)
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])[:, None]
    away = without.mean(axis=0) - without
    below = ((draws < whole).mean(axis=0) + (draws <= whole).mean(axis=0)) / 2
    bias = ndtri(np.clip(below, 1 / DRAWS, 1 - 1 / DRAWS))
    skew = (away**3).sum(axis=0) / (6 * np.maximum((away**2).sum(axis=0), 1e-12) ** 1.5)
    shifted = bias + ndtri(tails)
    levels = np.stack([ndtr(bias + shifted / (1 - skew * shifted)), np.broadcast_to(tails, shifted.shape)])
    at = np.clip(np.rint(levels * len(draws) - 0.5), 0, len(draws) - 1).astype(int)  # (2, 2, groups)
    drawn_ends = draws[at, np.arange(len(groups))]
    return np.concatenate([np.stack([whole - reach, whole + reach])[None], drawn_ends])


def coverage(persons: int, groups: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """{statistic: (3,) coverage and (3,) mean width} of the intervals."""
    rng = generator(f"{seed}/coverage/{persons}")
    truth = everybody(seed)
    drawn = rng.multinomial(persons, np.full(persons, 1 / persons), size=DRAWS).astype(float)
    bounds: dict[str, list[np.ndarray]] = {name: [] for name in STATISTICS}
    for start in range(0, groups, AT_ONCE):
        sums = people(rng, (min(AT_ONCE, groups - start), persons))
        for name, statistic in STATISTICS.items():
            bounds[name].append(intervals(sums, statistic, drawn))
    by_statistic = {}
    for name, parts in bounds.items():
        low, high = np.concatenate(parts, axis=2).transpose(1, 0, 2)
        true = STATISTICS[name](truth)
        by_statistic[name] = ((low <= true) & (true <= high)).mean(axis=1), (high - low).mean(axis=1)
    return by_statistic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=100)
    wanted = parser.parse_args()
    print("| persons | interval of | ours | BCa | percentiles | width of BCa | of percentiles |")
    print("| ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    short = []
    for persons, least in LEAST.items():
        for name, (covered, width) in coverage(persons, wanted.groups, wanted.seed).items():
            shown = " | ".join(f"{share:.3f}" for share in covered)
            print(
                f"| {persons} | {name} | {shown} | {width[1] / width[0]:.2f} | {width[2] / width[0]:.2f} |", flush=True
            )
            if covered[0] < least - 2 * np.sqrt(least * (1 - least) / wanted.groups):
                short.append(f"{persons} persons, {name}: {covered[0]:.4f}, expected {least}")
    if short:
        sys.exit("; ".join(short))


if __name__ == "__main__":
    main()
