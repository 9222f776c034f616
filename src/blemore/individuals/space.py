"""A space in which clips of one person lie close together, learned from persons whose identity is known."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA

SMALL_SPREAD = 0.1
"""Added to a number's spread within persons, as a share of the median spread: a nearly constant one is no miracle."""
SMALLEST_BETWEEN = 0.05
"""Least variance between persons along any direction, as a share of the mean: few persons never show all there is."""


class PersonSpace(TransformerMixin, BaseEstimator):
    """Scale by the spread within persons, keep the main directions, whiten within persons, turn to the axes between them.

    The two-covariance model of speaker recognition (Ioffe 2006, "Probabilistic linear discriminant analysis"; Bruemmer
    and de Villiers 2010), with both covariances shrunk towards a multiple of the identity: persons are few.

    Parameters
    ----------
    dimensions : most directions kept.
    shrink_within, shrink_between : 0..1.

    Attributes
    ----------
    spread_ : (k,) variance between persons along each axis; within persons it is about 1.
    """

    def __init__(self, *, dimensions: int = 100, shrink_within: float = 0.1, shrink_between: float = 0.3):
        self.dimensions = dimensions
        self.shrink_within = shrink_within
        self.shrink_between = shrink_between

    def fit(self, descriptors: np.ndarray, person: np.ndarray) -> "PersonSpace":
        """Learn from descriptors (n, d) of persons (n,), two at least, with more clips than persons."""
        names, who = np.unique(person, return_inverse=True)
        clips, free = np.bincount(who), len(who) - len(names)
        if len(names) < 2 or free < 1:
            raise ValueError(f"expected two persons or more, one with two clips; found {len(names)} with {len(who)}")
        means = _means(descriptors, who)
        spread = np.sqrt(((descriptors - means[who]) ** 2).sum(axis=0) / free)
        typical = float(np.median(spread[spread > 0])) if (spread > 0).any() else 1.0
        self.mean_ = means.mean(axis=0)
        self.scale_ = spread + SMALL_SPREAD * typical
        scaled = (descriptors - self.mean_) / self.scale_
        most = min(self.dimensions, *scaled.shape)
        self.pca_ = PCA(most, svd_solver="covariance_eigh").fit(scaled)
        kept = self.pca_.transform(scaled)  # (n, k)

        means = _means(kept, who)
        off = kept - means[who]
        values, axes = np.linalg.eigh(_shrunk(off.T @ off / free, self.shrink_within))
        whiten = axes / np.sqrt(values)
        # The means of few clips differ by chance too: within persons the variance is 1 now, of a mean 1 / clips.
        apart = (means - means.mean(axis=0)) @ whiten
        between = apart.T @ apart / (len(names) - 1) - np.mean(1 / clips) * np.eye(most)
        values, axes = np.linalg.eigh(_shrunk(between, self.shrink_between))
        self.spread_ = np.maximum(values, SMALLEST_BETWEEN * max(float(values.mean()), 1e-3))
        self.turn_ = whiten @ axes
        return self

    def transform(self, descriptors: np.ndarray) -> np.ndarray:
        """(n, d) -> (n, k), centred on 0; variance within persons about 1 (less where they hardly vary), between them `spread_`."""
        return self.pca_.transform((descriptors - self.mean_) / self.scale_) @ self.turn_


def _means(values: np.ndarray, who: np.ndarray) -> np.ndarray:
    """(persons, k) mean of the rows (n, k) of each person."""
    return np.stack([values[who == number].mean(axis=0) for number in range(who.max() + 1)])


def _shrunk(covariance: np.ndarray, share: float) -> np.ndarray:
    """The covariance (k, k) and a multiple of the identity with its (never vanishing) mean variance, mixed."""
    mean = max(float(np.trace(covariance)) / len(covariance), 1e-6)
    return (1 - share) * covariance + share * mean * np.eye(len(covariance))
