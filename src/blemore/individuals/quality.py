"""What tells persons apart, learned on some; and how good the clusters of others are.

How much evidence joins two clusters is judged on halves of the persons, again and again: the space is learned on one half,
clusters are found in the other. A half holds several persons where a fold may hold one or two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from blemore.individuals.clustering import cut, merges
from blemore.individuals.space import PersonSpace
from blemore.seeds import digest_generator

FEWEST_PERSONS = 4
"""Two to learn from, two to tell apart."""
SPLITS = 8
TOLERANCE = 0.005
"""Thresholds whose mean adjusted Rand index is so close to the best are all as good."""


@dataclass(frozen=True)
class PersonClusters:
    """What tells persons apart: a space, and the least evidence (log likelihood ratio) that joins two clusters."""

    space: PersonSpace
    threshold: float

    def clusters(self, descriptors: np.ndarray) -> np.ndarray:
        """(n,) cluster numbers 0.. of descriptors (n, d), in the order of their first rows."""
        return cut(merges(self.space.transform(descriptors), self.space.spread_), self.threshold)


def fit(descriptors: np.ndarray, person: np.ndarray, *, seed: str) -> PersonClusters:
    """Learn space and threshold from descriptors (n, d) of persons (n,) str.

    The model's own threshold is 0. Where held-out persons do better with another one, the nearest to 0 of the good ones
    is taken; with fewer than `FEWEST_PERSONS` persons it stays 0.
    """
    space = PersonSpace().fit(descriptors, person)
    curves = []
    for learned, judged in halves(person, SPLITS, f"{seed}/threshold"):
        half = PersonSpace().fit(descriptors[learned], person[learned])
        curves.append(agreement(half.transform(descriptors[judged]), half.spread_, person[judged]))
    return PersonClusters(space, best_threshold(curves) if curves else 0.0)


def purity_and_index(folds: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[float | None, float | None]:
    """Means over (persons, clusters) of each fold with several persons of their purity and adjusted Rand index."""
    pairs = [
        (purity(person, clusters), adjusted_rand_score(person, clusters))
        for person, clusters in folds
        if len(np.unique(person)) > 1
    ]
    pure, rand = np.mean(pairs, axis=0).tolist() if pairs else (None, None)
    return pure, rand


def halves(person: np.ndarray, splits: int, seed: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(learned, judged), each (n,) bool: whole persons, the larger half to learn from; nothing for too few persons."""
    names = np.unique(person)
    if len(names) < FEWEST_PERSONS:
        return
    for number in range(splits):
        drawn = digest_generator(f"{seed}/{number}").permutation(names)
        learned = np.isin(person, drawn[: (len(names) + 1) // 2])
        yield learned, ~learned


def agreement(points: np.ndarray, spread: np.ndarray, person: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Evidence (s,) at which clusters change, falling, and the adjusted Rand index (s,) from there on down."""
    joined = merges(points, spread)
    names, who = np.unique(person, return_inverse=True)
    counts = np.eye(len(names))[who]  # (n, persons): clips of each person in each cluster
    sizes = np.ones(len(who))
    every = len(who) * (len(who) - 1) / 2
    same_person = float((counts.sum(axis=0) * (counts.sum(axis=0) - 1) / 2).sum())
    same_cluster = both = 0.0  # pairs of clips
    indices = [_adjusted_rand(both, same_cluster, same_person, every)]
    for one, other in zip(joined.first, joined.second, strict=True):
        both += float(counts[one] @ counts[other])
        same_cluster += float(sizes[one] * sizes[other])
        counts[one] += counts[other]
        sizes[one] += sizes[other]
        indices.append(_adjusted_rand(both, same_cluster, same_person, every))
    return np.append(np.inf, joined.evidence), np.array(indices)


def _adjusted_rand(both: float, same_cluster: float, same_person: float, every: float) -> float:
    """Hubert and Arabie (1985), from counts of pairs: kept up join by join, not recounted for each."""
    chance = same_cluster * same_person / every if every else 0.0
    most = (same_cluster + same_person) / 2
    return (both - chance) / (most - chance) if most > chance else 1.0


def best_threshold(curves: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """The nearest to 0 of the thresholds with nearly the best mean index over the curves of `agreement`."""
    candidates = np.unique(np.concatenate([[0.0], *(evidence[1:] for evidence, _ in curves)]))
    mean = np.zeros(len(candidates))
    for evidence, index in curves:
        done = np.searchsorted(-evidence, -candidates, side="right") - 1  # last change with that evidence or more
        mean += index[done] / len(curves)
    good = candidates[mean >= mean.max() - TOLERANCE]
    return float(good[np.abs(good).argmin()])


def purity(person: np.ndarray, clusters: np.ndarray) -> float:
    """Share (0..1) of clips that lie in a cluster whose commonest person is theirs."""
    return float(contingency_matrix(person, clusters).max(axis=0).sum() / len(person))
