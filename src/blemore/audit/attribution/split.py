"""Which change moved the Score by how much: a Shapley split over replays of the cheap stages from stored probabilities.

Score : (ACC_presence + ACC_salience) / 2 of the fused out-of-fold decisions, variant "global", as results/metrics.json
has it. What cannot be replayed here (probabilities that are not stored, other code) is told apart as "the rest".
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from blemore.audit.attribution import factors as parts
from blemore.audit.attribution.cheap_stages import Fusion, Start, draws_at_random, fusion, sums
from blemore.audit.attribution.factors import Factor, Found
from blemore.audit.attribution.shares import shapley
from blemore.scoring.persons import INTERVAL, accuracies, draw_persons
from joblineage.progress import Steps

MOST = 6
"""Factors that are told apart: 2^6 replays."""
SEEDS = 4
"""Other seeds that each run is replayed with, where a fusion method draws at random."""


@dataclass(frozen=True)
class Share:
    """A factor's part of the change in Score, -1..1.

    low, high : 90 % interval of it, persons drawn with replacement, the same for every replay; nothing is trained or
        fused anew for a draw.
    """

    factor: str
    share: float
    low: float
    high: float


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
    """The change in Score, divided.

    before, after : the recorded Scores; replayed : what the replays gave for both, None where none could be made.
    shares : sum to the replayed difference; rest : what is left of the recorded one; the two sum to after - before.
    merged : names of the factors that were put into one, the smallest, to keep MOST.
    """

    before: float
    after: float
    replayed: tuple[float, float] | None
    shares: list[Share]
    rest: float
    merged: list[str]
    noise: Noise

    def as_dict(self) -> dict[str, Any]:
        """The split as JSON knows it."""
        return asdict(self)


class Replays:
    """Mixtures of two runs, each replayed once. Fusion, the slow part, is shared by those that differ in calibration.

    persons : names of everybody who is judged in either run.
    """

    def __init__(self, a: Found, b: Found):
        self.a = a
        self.b = b
        self.persons = parts.persons(a, b)
        self._fused: dict[frozenset[str], Fusion] = {}
        self._sums: dict[frozenset[str], np.ndarray] = {}

    def start(self, members: Sequence[Factor]) -> Start | None:
        """The mixture that has these factors from B; None where some part of it is not stored."""
        return parts.mixed(self.a, self.b, _parts(members))

    def sums(self, members: Sequence[Factor]) -> np.ndarray:
        """(persons, 4) right sets, clips, right blends, blends of the mixture that has these factors from B."""
        name = _parts(members)
        if name not in self._sums:
            start, of_fusion = self.start(members), name - {parts.CALIBRATION}
            if start is None:
                raise KeyError("a part of this mixture is not stored")
            if of_fusion not in self._fused:
                self._fused[of_fusion] = fusion(start)
            self._sums[name] = sums(self._fused[of_fusion], start.kappas, self.persons)
        return self._sums[name]

    def reseeded(self, members: Sequence[Factor], by: int) -> np.ndarray:
        """As `sums`, with the fusion's seed raised by `by`."""
        start = self.start(members)
        if start is None:
            raise KeyError("a part of this mixture is not stored")
        return sums(fusion(replace(start, seed=start.seed + by)), start.kappas, self.persons)


def _parts(members: Sequence[Factor]) -> frozenset[str]:
    return frozenset[str]().union(*(one.parts for one in members))


def split(a: Found, b: Found, before: float, after: float, *, seeds: int = SEEDS) -> Split:
    """Replay every mixture of two runs, and divide the change in Score over what differs.

    Parameters
    ----------
    before, after : the Scores that the runs recorded.
    seeds : other seeds to try for the noise band; 0: none.
    """
    methods = sorted({*draws_at_random(a.options), *draws_at_random(b.options)})
    replays = Replays(a, b)
    if replays.start([]) is None:
        return Split(before, after, None, [], after - before, [], Noise(methods, 0, None if methods else 0.0))
    found, merged = parts.factors(a, b), list[str]()
    tried = range(1, 1 + (seeds if methods else 0))
    sets, alone = 2 ** min(len(found), MOST), len(found) - MOST + 1 if len(found) > MOST else 0
    with Steps("replaying fusion to score", sets + alone + 2 * len(tried), every=8) as steps:
        if len(found) > MOST:
            found, merged = _merged(found, replays)
            steps.advance(alone)
        of_sets = []
        for s in range(sets):
            of_sets.append(replays.sums([one for i, one in enumerate(found) if s >> i & 1]))
            steps.advance(1)
        widths = []
        for members, own in (([], of_sets[0]), (found, of_sets[-1])):
            others = []
            for by in tried:
                others.append(replays.reseeded(members, by))
                steps.advance(1)
            widths.append(float(np.ptp(accuracies(np.stack([own, *others]).sum(axis=1))[2])))
    made = np.stack(of_sets)  # (2^k, persons, 4)
    drawn = draw_persons(len(replays.persons), 0)
    scores = accuracies(made.sum(axis=1))[2]  # (2^k,)
    spread = shapley(accuracies(np.einsum("dp,spc->sdc", drawn, made))[2])  # (k, draws)
    shares = [
        Share(factor.name, float(share), *np.quantile(draws, INTERVAL).tolist())
        for factor, share, draws in zip(found, shapley(scores), spread, strict=True)
    ]
    replayed = (float(scores[0]), float(scores[-1]))
    rest = (after - before) - (replayed[1] - replayed[0])
    noise = Noise(methods, len(tried), max(widths) if tried or not methods else None)
    return Split(before, after, replayed, shares, rest, merged, noise)


def _merged(found: list[Factor], replays: Replays) -> tuple[list[Factor], list[str]]:
    """The MOST - 1 factors that move the Score most when they alone are changed, and the others as one."""
    start = accuracies(replays.sums([]).sum(axis=0))[2]
    alone = [abs(accuracies(replays.sums([one]).sum(axis=0))[2] - start) for one in found]
    order = sorted(range(len(found)), key=lambda i: (-alone[i], i))
    kept, small = sorted(order[: MOST - 1]), sorted(order[MOST - 1 :])
    names = [found[i].name for i in small]
    rest = Factor(f"{len(names)} others together", _parts([found[i] for i in small]))
    return [*(found[i] for i in kept), rest], names
