"""Join clips, then clusters, as long as one person is the likelier explanation: any number of persons, of any size.

Each cluster is known by its mean. Under the model of `space.PersonSpace` a person's place is normal with variance
`spread`, and a mean of m independent clips lies around it with variance 1 / m. The evidence for joining two clusters is
the logarithm of how much likelier their means are under one person than under two. Unlike a distance it knows sizes: an
odd clip joins its person although it lies far off, two large clusters stay apart although they lie close.

Clips of a person are not independent: n of them count as n / (1 + DEPENDENCE (n - 1)), the design effect of Kish (1965).
scikit-learn's linkages know distances only; average linkage leaves odd clips alone, Ward's swallows small persons.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

DEPENDENCE = 0.1
"""Correlation of what sets a person's clips off from the person's mean: however many, they count as ten at most."""

SPARSE = 1.2
"""So many rows for each cluster that is left are too many: then those that were joined to others go."""


@dataclass(frozen=True)
class Merges:
    """The n - 1 joins of n clips, in their order; `second` becomes part of `first` (row numbers of clusters)."""

    evidence: np.ndarray  # (n - 1,) log likelihood ratio for one person, never rising: the least of the joins so far
    first: np.ndarray  # (n - 1,) int
    second: np.ndarray  # (n - 1,) int


def merges(points: np.ndarray, spread: np.ndarray) -> Merges:
    """Join the pair with the greatest evidence again and again, until one cluster is left.

    Parameters
    ----------
    points : (n, k) in a space with variance 1 within persons.
    spread : (k,) variance between persons.
    """
    row, clips = np.arange(len(points)), np.ones(len(points), int)  # of each cluster; no clips: joined to another
    totals = points.astype(float)  # (m, k) of all clips of a cluster
    sums = totals.copy()  # (m, k) of as many as are independent
    alone = _log_likelihood(sums, clips, 0.0, spread)
    evidence = _of_two_clips(totals, spread) - alone[:, None] - alone
    np.fill_diagonal(evidence, -np.inf)
    best, most = _row_maxima(evidence)
    steps = []
    for left in range(len(points), 1, -1):
        if len(row) > SPARSE * left:
            kept = np.flatnonzero(clips)
            best = (np.cumsum(clips > 0) - 1)[best[kept]]
            row, clips, totals, sums, alone, most = (of[kept] for of in (row, clips, totals, sums, alone, most))
            evidence = evidence[np.ix_(kept, kept)]
        one = int(np.argmax(most))
        one, other = sorted((one, int(best[one])))
        steps.append((most[one], row[one], row[other]))
        totals[one] += totals[other]
        clips[one], clips[other] = clips[one] + clips[other], 0
        counted = _counted(clips[one])
        sums[one] = counted / clips[one] * totals[one]
        alone[one] = _log_likelihood(sums[[one]], clips[[one]], 0.0, spread)[0]
        joined = _log_likelihood(sums[one] + sums, clips, counted, spread) - alone[one] - alone
        joined[clips == 0] = joined[one] = -np.inf
        evidence[one] = evidence[:, one] = joined
        evidence[:, other] = most[other] = -np.inf
        nearer = joined > most
        stale = ~nearer & ((best == one) | (best == other)) & (clips > 0)
        stale[one] = True
        best[nearer], most[nearer] = one, joined[nearer]
        best[stale], most[stale] = _row_maxima(evidence[stale])
    values, first, second = zip(*steps, strict=True) if steps else ((), (), ())
    falling = np.minimum.accumulate(np.array(values, float))
    return Merges(falling, np.array(first, int), np.array(second, int))


def cut(joined: Merges, threshold: float) -> np.ndarray:
    """(n,) cluster numbers 0.., in the order of their first clips, of all joins with at least that evidence."""
    owner, done = np.arange(len(joined.evidence) + 1), joined.evidence >= threshold
    for one, other in zip(joined.first[done], joined.second[done], strict=True):
        owner[owner == other] = one
    return np.unique(owner, return_inverse=True)[1]  # a cluster's number is its first clip's: `one` < `other`


def _log_likelihood(sums: np.ndarray, clips: np.ndarray, more: float, spread: np.ndarray) -> np.ndarray:
    """(m,) of sums (m, k) of clusters with so many clips (m,) and `more` independent ones, as of one person.

    Up to what joining leaves unchanged.
    """
    sizes = np.flatnonzero(np.bincount(clips))  # far fewer than clusters
    which = np.searchsorted(sizes, clips)
    grown = 1 + (_counted(sizes) + more)[:, None] * spread  # (sizes, k)
    weighted = np.take(spread / grown, which, axis=0)
    weighted *= sums
    squares = np.einsum("mk,mk->m", weighted, sums)
    return 0.5 * (squares - np.log(grown).sum(axis=1)[which])


def _of_two_clips(points: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(n, n) `_log_likelihood` of each two clips (n, k) as one cluster: one matrix product."""
    grown = 1 + 2 * spread
    weighted = points * np.sqrt(spread / grown)
    product = weighted @ weighted.T
    squares = np.diagonal(product)
    return 0.5 * (squares[:, None] + squares + 2 * product - np.log(grown).sum())


def _counted(clips: Any) -> Any:
    """How many independent clips these count as."""
    return clips / (1 + DEPENDENCE * (clips - 1))


def _row_maxima(evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    best = evidence.argmax(axis=1)
    return best, np.take_along_axis(evidence, best[:, None], axis=1)[:, 0]
