"""How much evidence joins two clusters, and how good the clusters are: both judged on persons that nothing was fitted on.

Persons are split into halves, again and again: the space is learned on one half, clusters are found in the other. A half
holds several persons where a fold may hold one or two, and clustering one person says nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from blemore.individuals.clustering import cut, merges
from blemore.individuals.space import PersonSpace
from blemore.seeds import digest_generator
from joblineage import declare

FEWEST_PERSONS = 4
"""Two to learn from, two to tell apart."""
THRESHOLD_SPLITS, QUALITY_SPLITS = 8, 10
TOLERANCE = 0.005
"""Thresholds whose mean adjusted Rand index is so close to the best are all as good."""


@dataclass(frozen=True)
class Fitted:
    """What tells persons apart: a space, and the least evidence (log likelihood ratio) that joins two clusters."""

    space: PersonSpace
    threshold: float

    def clusters(self, descriptors: np.ndarray) -> np.ndarray:
        """(n,) cluster numbers 0.. of descriptors (n, d), in the order of their first rows."""
        return cut(merges(self.space.transform(descriptors), self.space.spread_), self.threshold)


@dataclass(frozen=True)
class Quality:
    """Means over splits; None where there are too few persons."""

    purity: float | None
    adjusted_rand: float | None
    splits: int


def fit(descriptors: np.ndarray, person: np.ndarray, *, seed: str) -> Fitted:
    """Learn space and threshold from descriptors (n, d) of persons (n,) str.

    The model's own threshold is 0. Where held-out persons do better with another one, the nearest to 0 of the good ones
    is taken; with fewer than `FEWEST_PERSONS` persons it stays 0.
    """
    space = PersonSpace().fit(descriptors, person)
    curves = []
    for learned, judged in halves(person, THRESHOLD_SPLITS, f"{seed}/threshold"):
        half = PersonSpace().fit(descriptors[learned], person[learned])
        curves.append(agreement(half.transform(descriptors[judged]), half.spread_, person[judged]))
    return Fitted(space, best_threshold(curves) if curves else 0.0)


def quality(descriptors: np.ndarray, person: np.ndarray, *, seed: str, clips: np.ndarray | None = None) -> Quality:
    """How well persons are told apart by what was fitted, threshold included, on other persons.

    Parameters
    ----------
    descriptors : (n, d); person : (n,) str; clips : (n,) their names, for `declare`.
    """
    found = []
    for number, (learned, judged) in enumerate(halves(person, QUALITY_SPLITS, f"{seed}/quality")):
        fitted = fit(descriptors[learned], person[learned], seed=f"{seed}/quality/{number}")
        model = f"individuals/quality{number}"
        declare.fitted(model, "space", declare.of(clips, learned), declare.of(clips, judged))
        clusters = fitted.clusters(descriptors[judged])
        found.append((purity(person[judged], clusters), adjusted_rand_score(person[judged], clusters)))
    if not found:
        return Quality(None, None, 0)
    pure, rand = np.mean(found, axis=0)
    return Quality(float(pure), float(rand), len(found))


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
    """Hubert and Arabie (1985), from counts of pairs: kept up join by join, not counted anew for each."""
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
