"""Which change moved the Score by how much: a Shapley split over replays of the cheap stages from stored probabilities.

Score : (ACC_presence + ACC_salience) / 2 of the fused out-of-fold decisions, variant "inductive", as results/metrics.json
has it. What cannot be replayed here (probabilities that are not stored, other code) is distinguished as "the rest".
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from itertools import product
from math import factorial
from typing import Any

import numpy as np

from blemore.audit.attribution import factors as parts
from blemore.audit.attribution.factors import Found, draws_at_random, fusion, sums
from blemore.scoring.intervals import counted, interval_over_persons
from blemore.scoring.persons import accuracies
from joblineage.outcome import DISTINCT
from joblineage.progress import Steps

MOST = 6
"""Factors that are distinguished: 2^6 replays."""


@dataclass(frozen=True)
class Share:
    """A factor's part of the change in Score, -1..1.

    low, high : 90 % interval of it over persons, the same for every replay; nothing is trained or fused again.
    behind : the changes that the factor came from.
    """

    factor: str
    share: float
    low: float
    high: float
    behind: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Noise:
    """How far chance alone moves the Score.

    methods : those of the fusion that draw at random; width : largest minus smallest Score of one run over its own seed
    and `seeds` others, the wider of both runs; None where the seed was not tried.
    """

    methods: list[str]
    seeds: int
    width: float | None


@dataclass(frozen=True)
class Split:
    """The change in Score, divided, and its description.

    before, after : the recorded Scores; replayed : what the replays gave for both, None where none could be made.
    shares : sum to the replayed difference; rest : what is left of the recorded one; the two sum to after - before.
    merged : names of the factors that were put into one, the smallest, to keep MOST.
    unstored, code : why a rest may be left, one sentence each.
    persons : over how many the intervals are; 0 where nothing was replayed.
    """

    before: float
    after: float
    replayed: tuple[float, float] | None
    shares: list[Share]
    rest: float
    merged: list[str]
    noise: Noise
    unstored: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    persons: int = 0

    def lines(self) -> Iterator[str]:
        """The text for people."""
        whole = self.after - self.before
        yield f"  Score {self.before:.4f} -> {self.after:.4f}, {whole:+.4f}, divided over what changed"
        yield f"  (Shapley over replays from the stored probabilities; [90 % interval] over {self.persons} persons, nothing refitted)"
        width = max([len("the rest"), *(len(share.factor) for share in self.shares)])
        for share in self.shares:
            behind = "; ".join(share.behind[:3])
            within = ", within the noise of chance" if self._noise(share.share) else ""
            interval = f"[{share.low:+.4f}, {share.high:+.4f}]"
            yield f"  {share.factor:<{width}}  {_tidy(share.share):+.4f}  {interval}{within}{f'  <- {behind}' if behind else ''}"
        if self.merged:
            yield f"  the others are the smallest alone: {', '.join(self.merged)}"
        if abs(self.rest) > DISTINCT or self.unstored:
            yield f"  {'the rest':<{width}}  {_tidy(self.rest):+.4f}  could not be replayed here"
            yield from (f"    {reason}" for reason in self.reasons())
        elif self.code:
            yield "  replayed with the code here, which is not that of both runs; the recorded Scores came out all the same"
        yield f"  {self.verdict()}"

    def reasons(self) -> list[str]:
        """Why a rest is left."""
        given = "nothing was replayed" if self.replayed is None else "{:.4f} -> {:.4f}".format(*self.replayed)
        known = [*self.unstored, *self.code]
        return known or [f"needs the other environment: the same inputs and code give {given} here"]

    def verdict(self) -> str:
        """Whether the change is more than chance does in the fusion alone."""
        noise, whole = self.noise, self.after - self.before
        if noise.width is None:
            return "noise of chance: not tried"
        if not noise.methods:
            return "noise of chance: none, no fusion method of these runs draws at random"
        band = f"other seeds of {', '.join(noise.methods)} alone move the Score by up to {noise.width:.4f} ({noise.seeds} tried)"
        if abs(whole) <= DISTINCT:
            return f"the Score did not change; {band}"
        return f"{'noise' if self._noise(whole) else 'more than noise'}: {band}"

    def _noise(self, change: float) -> bool:
        width = self.noise.width
        return width is not None and DISTINCT < abs(change) <= width + DISTINCT

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        return asdict(self) | {"verdict": self.verdict()}


def _tidy(value: float) -> float:
    return 0.0 if abs(value) < DISTINCT else value


def shapley(values: np.ndarray) -> np.ndarray:
    """Shapley values: each factor's share of values[-1] - values[0], paid for what it adds, over every order of adding.

    The shares sum to it (efficiency), equal factors get equal shares (symmetry), one that never changes anything gets 0.
    L. S. Shapley, "A value for n-person games", 1953.

    Parameters
    ----------
    values : (2^k, ...) value of every set of the k factors; factor i is in set s where bit i of s is 1.

    Returns
    -------
    (k, ...)
    """
    k = len(values).bit_length() - 1
    if len(values) != 1 << k:
        raise ValueError(f"{len(values)} values: expected a power of two, one for each set of factors")
    shares = np.zeros((k, *values.shape[1:]))
    for without, i in product(range(1 << k), range(k)):
        if not without >> i & 1:
            size = without.bit_count()
            weight = factorial(size) * factorial(k - size - 1) / factorial(k)
            shares[i] += weight * (values[without | 1 << i] - values[without])
    return shares


def split(a: Found, b: Found, before: float, after: float, *, seeds: int) -> Split:
    """Replay every mixture of two runs, and divide the change in Score over what differs.

    Parameters
    ----------
    before, after : the Scores that the runs recorded.
    seeds : other seeds to try for the noise band; 0: none.
    """
    methods = sorted({*draws_at_random(a.options), *draws_at_random(b.options)})
    persons = parts.persons(a, b)

    def start(parts_of_b: frozenset[str]) -> Found:
        """The mixture that has these parts from B; whether a part is stored does not depend on them."""
        mixture = parts.mixed(a, b, parts_of_b)
        assert mixture is not None
        return mixture

    @cache
    def replay(parts_of_b: frozenset[str]) -> np.ndarray:  # (persons, 4) right sets, clips, right blends, blends
        mixture = start(parts_of_b)
        return sums(fusion(mixture), mixture.decoding, persons)

    if parts.mixed(a, b, []) is None:
        return Split(before, after, None, [], after - before, [], Noise(methods, 0, None if methods else 0.0))
    factors, merged = parts.factors(a, b), list[str]()
    tried = range(1, 1 + (seeds if methods else 0))
    sets, alone = 2 ** min(len(factors), MOST), len(factors) - MOST + 1 if len(factors) > MOST else 0
    with Steps("replaying fusion to score", sets + alone + 2 * len(tried), every=8) as steps:
        if len(factors) > MOST:
            factors, merged = _merged(factors, replay)
            steps.advance(alone)
        none, groups = frozenset[str](), list(factors.values())
        of_sets = []
        for s in range(sets):
            of_sets.append(replay(none.union(*(group for i, group in enumerate(groups) if s >> i & 1))))
            steps.advance(1)
        widths = []
        for members, own in ((none, of_sets[0]), (none.union(*groups), of_sets[-1])):
            mixture, others = start(members), []
            for by in tried:
                others.append(sums(fusion(replace(mixture, seed=mixture.seed + by)), mixture.decoding, persons))
                steps.advance(1)
            widths.append(float(np.ptp(accuracies(np.stack([own, *others]).sum(axis=1))[2])))
    stacked = np.stack(of_sets)  # (2^k, persons, 4)
    scores = accuracies(stacked.sum(axis=1))[2]  # (2^k,)
    of_persons = np.moveaxis(stacked, 1, 0)  # (persons, 2^k, 4)
    low, high = interval_over_persons(_shares, of_persons).tolist()  # (k,) each
    shares = [
        Share(name, float(share), *ends) for name, share, *ends in zip(factors, shapley(scores), low, high, strict=True)
    ]
    replayed = (float(scores[0]), float(scores[-1]))
    rest = (after - before) - (replayed[1] - replayed[0])
    noise = Noise(methods, len(tried), max(widths) if tried or not methods else None)
    return Split(before, after, replayed, shares, rest, merged, noise, persons=int(counted(of_persons).sum()))


def _shares(sums: np.ndarray) -> np.ndarray:
    """(..., k) Shapley shares of the Score, of sums (..., 2^k, 4) of every set of the factors."""
    return np.moveaxis(shapley(np.moveaxis(accuracies(sums)[2], -1, 0)), 0, -1)


def _merged(
    factors: dict[str, frozenset[str]], replay: Callable[[frozenset[str]], np.ndarray]
) -> tuple[dict[str, frozenset[str]], list[str]]:
    """The MOST - 1 factors that move the Score most when they alone are changed, and the others as one."""
    start, *alone = (accuracies(replay(swapped).sum(axis=0))[2] for swapped in (frozenset[str](), *factors.values()))
    order = np.argsort([-abs(score - start) for score in alone], kind="stable").tolist()
    names = [*factors]
    kept, small = ([names[i] for i in sorted(some)] for some in (order[: MOST - 1], order[MOST - 1 :]))
    rest = frozenset[str]().union(*(factors[name] for name in small))
    return {name: factors[name] for name in kept} | {f"{len(small)} others together": rest}, small
