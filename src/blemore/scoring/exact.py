"""The best thresholds of all: the Score on every cell of the (alpha, beta) plane that can differ, one band at a time.

Going from high alphas to low ones, each row that becomes a right blend changes one end of the row of correct blends over
all betas. So this row is all that is kept: memory grows with the clips, time with their square.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from blemore.scoring.metrics import combine
from blemore.scoring.surface import Attainable, Chosen, first_cells, surface
from joblineage.errors import DataError

LARGEST = 4_000_000_000
"""Cells of the largest surface that is looked through (about 250,000 clips, a few seconds)."""


class ExactSurface:
    """The Score on all cells that can differ, for thresholds in 0..1.

    Only rows whose correctness can change make an edge. Cell (i, j) stands for
    alphas[i-1] < alpha <= alphas[i] (the last one: up to 1) and betas[j] <= beta < betas[j+1].

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.
    truth : (n, 6) float, percent
        Saliences in percent.

    Attributes
    ----------
    alphas, betas : (a,), (b,) float
        Edges, ascending.
    acc_presence : (a,) float, 0..1
        ACC_presence at each alpha; beta cannot change it.
    blends : int, >= 1
        What numbers of correct blends are divided by.
    cells : int
        How many pairs of thresholds can differ.

    Raises
    ------
    DataError
        More than `LARGEST` cells.
    """

    def __init__(self, probabilities: np.ndarray, truth: np.ndarray):
        rows = Attainable(probabilities, truth)
        self.alphas, self.betas = edges_of(rows)
        self.acc_presence = surface(rows, self.alphas, self.betas[:1]).acc_presence
        self.blends = max(1, rows.is_blend.sum())
        reached, equal_from = first_cells(rows, self.alphas, self.betas)
        pairs = np.flatnonzero(rows.even_right | rows.uneven_right)
        pairs = pairs[np.argsort(-reached[pairs], kind="stable")]
        self._changes = reached[pairs], equal_from[pairs], rows.even_right[pairs]
        self._starts = _band_starts(reached[pairs], len(self.alphas))
        self.cells = len(self.alphas) * len(self.betas)
        if self.cells > LARGEST:
            size = f"{len(self.alphas):,} x {len(self.betas):,} pairs of thresholds can differ"
            raise DataError(
                "exact thresholds", [f"{size}, too many: choose on the challenge's grid (`--grid official`)"]
            )

    def bands(self) -> Iterator[tuple[slice, np.ndarray, float]]:
        """Go through neighbouring alphas that share their correct blends, from the highest alpha down.

        Yields
        ------
        band : slice
            The alphas of the band.
        correct : (b,) float
            Correct blends at each beta; changed in place, so take a copy of what is to be kept.
        best : float, 0..1
            The largest Score in the band.
        """
        correct, last = np.zeros(len(self.betas)), len(self.alphas)
        presence = np.maximum.reduceat(self.acc_presence, self._starts).tolist()

        def band(first: int) -> tuple[slice, np.ndarray, float]:
            return slice(first, last), correct, float(combine(presence.pop(), correct.max() / self.blends))

        # A right pair is a blend for the first `reached` alphas. 50/50 is right from a beta on, 70/30 below it.
        for reached, beta, even in zip(*(part.tolist() for part in self._changes), strict=True):
            if reached < last:
                yield band(reached)
                last = reached
            correct[slice(beta, None) if even else slice(beta)] += 1
        yield band(0)


def exact_optimum(probabilities: np.ndarray, truth: np.ndarray) -> Chosen:
    """The best thresholds of all, taken from the middle of the largest region that reaches the best Score.

    Cells of equal, best Score that touch form regions; the region of largest area in the (alpha, beta) plane wins
    (ties: the one with the smallest alpha, then beta), and in it the cell whose centre lies nearest to the region's
    centre of gravity. Its midpoint is given: far from the edges, where one clip more would change the choice.

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    Chosen
        The thresholds, with the accuracies on these clips.

    Raises
    ------
    DataError
        More than `LARGEST` pairs of thresholds can differ.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.exact import exact_optimum
    >>> probabilities = np.array([[0.6, 0.0, 0.0, 0.0, 0.4, 0.0], [0.0, 0.1, 0.0, 0.9, 0.0, 0.0]])
    >>> truth = np.array([[70, 0, 0, 0, 30, 0], [0, 0, 0, 100, 0, 0]])
    >>> best = exact_optimum(probabilities, truth)
    >>> best.alpha, round(best.beta, 3), best.score
    (0.25, 0.1, 1.0)
    """
    table = ExactSurface(probabilities, truth)
    row, start, end, correct = _best_runs(table)
    region = _regions(row, start, end)

    # From here on cell by cell, in the order of alpha, then beta.
    length = end - start
    a, region = np.repeat(row, length), np.repeat(region, length)
    b = np.arange(len(a)) - np.repeat(np.cumsum(length) - end, length)
    low_alpha, high_alpha, low_beta, high_beta = cell_sides(table.alphas, table.betas)
    area = (high_alpha - low_alpha)[a] * (high_beta - low_beta)[b]
    largest = np.argmax(np.bincount(region, area))
    a, b, area = a[region == largest], b[region == largest], area[region == largest]
    x, y = (low_alpha + high_alpha)[a] / 2, (low_beta + high_beta)[b] / 2
    share = area if area.sum() > 0 else None  # cells between neighbouring floats can have no area
    best = np.argmin((x - np.average(x, weights=share)) ** 2 + (y - np.average(y, weights=share)) ** 2)
    alpha, beta = middle(table.alphas, table.betas, a[best], b[best])
    accuracies = table.acc_presence[a[best]], correct[row == a[best]][0] / table.blends
    return Chosen.of(float(alpha), float(beta), *accuracies)


def _best_runs(table: ExactSurface) -> tuple[np.ndarray, ...]:
    """All cells of the best Score as runs along beta: alpha's number, first beta, beta behind the last, correct blends.

    Each (runs,), in the order of alpha, then beta.
    """
    best, cells = -1.0, list[tuple[np.ndarray, np.ndarray, float]]()
    for band, correct, highest in table.bands():
        if highest > best:
            best, cells = highest, []
        if highest == best:
            presence, most = table.acc_presence[band], correct.max()
            rows = band.start + np.flatnonzero(presence == presence.max())
            cells.append((rows, np.flatnonzero(correct == most), most))
    runs = []
    for rows, columns, most in reversed(cells):
        breaks = np.flatnonzero(np.diff(columns) > 1)
        start, end = columns[np.append(0, breaks + 1)], columns[np.append(breaks, -1)] + 1
        shape = len(rows), len(start)
        runs.append([np.broadcast_to(column, shape).ravel() for column in (rows[:, None], start, end, most)])
    return tuple(np.concatenate(parts) for parts in zip(*runs, strict=True))


def _regions(row: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(runs,) number of the first run of each run's region; runs of neighbouring rows touch where they share a column."""
    region, width = np.arange(len(row)), end.max() + 1
    first = np.searchsorted(row * width + end, (row - 1) * width + start, side="right")
    behind = np.searchsorted(row * width + start, (row - 1) * width + end, side="left")
    for run in range(len(row)):
        for above in range(first[run], behind[run]):
            one, other = sorted((region[run], region[above]))
            region[region == other] = one
    return region


def plateau(probabilities: np.ndarray, truth: np.ndarray, margin: float) -> dict[str, Any]:
    """The thresholds that are as good as the best: cells whose Score lies at most `margin` below it.

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.
    truth : (n, 6) float, percent
        Saliences in percent.
    margin : float, >= 0
        Distance in Score; usually the standard error of the best Score.

    Returns
    -------
    dict of str to object
        {"alpha": [lowest, highest], "beta": [lowest, highest], "area": share of the unit square}.
    """
    table = ExactSurface(probabilities, truth)
    lowest = max(highest for _, _, highest in table.bands()) - margin
    low_alpha, high_alpha, low_beta, high_beta = cell_sides(table.alphas, table.betas)
    a, b = np.zeros(len(low_alpha), bool), np.zeros(len(low_beta), bool)
    height = np.zeros(len(low_beta))  # of the plateau at each beta
    for band, correct, highest in table.bands():
        if highest < lowest:
            continue
        for k in reversed(range(band.start, band.stop)):
            inside = np.asarray(combine(table.acc_presence[k], correct / table.blends)) >= lowest
            a[k] = inside.any()
            b |= inside
            height += (high_alpha[k] - low_alpha[k]) * inside
    return {
        "alpha": [float(low_alpha[a].min()), float(high_alpha[a].max())],
        "beta": [float(low_beta[b].min()), float(high_beta[b].max())],
        "area": float(height @ (high_beta - low_beta)),
    }


def edges_of(rows: Attainable) -> tuple[np.ndarray, np.ndarray]:
    """The edges of all cells that can differ, as `ExactSurface` means them.

    Parameters
    ----------
    rows : Attainable
        What can be right in each row.

    Returns
    -------
    alphas : (a,) float
        Edges of alpha, ascending.
    betas : (b,) float
        Edges of beta, ascending.
    """
    changes = rows.can_blend & (rows.pair_right | rows.single_right)
    edges = np.unique(rows.second_largest[changes])
    beyond = np.nextafter(edges[-1], np.inf) if len(edges) else 0.0
    alphas = np.append(edges, max(1.0, beyond))
    return alphas, np.unique(np.append(0.0, rows.difference[rows.even_right | rows.uneven_right]))


def _band_starts(reached: np.ndarray, alphas: int) -> np.ndarray:
    """First alpha of each band, the alphas between two that right pairs reach: the salience changes at those alone."""
    starts = np.unique(np.append(0, reached))
    return starts[starts < alphas]


def cell_sides(alphas: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The sides of the cells of an exact surface.

    Parameters
    ----------
    alphas : (a,) float, 0..1
        Presence thresholds, ascending.
    betas : (b,) float, 0..1
        Salience thresholds, ascending.

    Returns
    -------
    low_alpha, high_alpha : (a,) float, 0..1
        Where the cells of each alpha begin and end.
    low_beta, high_beta : (b,) float, 0..1
        Where the cells of each beta begin and end.
    """
    return np.append(0.0, alphas[:-1]), alphas, betas, np.append(betas[1:], max(1.0, betas[-1]))


def middle(alphas: np.ndarray, betas: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of cells; between neighbouring floats the one that belongs to the cell.

    Parameters
    ----------
    alphas : (a,) float, 0..1
        Presence thresholds, ascending.
    betas : (b,) float, 0..1
        Salience thresholds, ascending.
    a, b : int or (m,) int
        Numbers of the cells along alpha and beta.

    Returns
    -------
    alpha, beta : float or (m,) float
        The middles.
    """
    low_alpha, high_alpha, low_beta, high_beta = (
        sides[cell] for sides, cell in zip(cell_sides(alphas, betas), (a, a, b, b), strict=True)
    )
    alpha, beta = (low_alpha + high_alpha) / 2, (low_beta + high_beta) / 2
    return np.where(alpha > low_alpha, alpha, high_alpha), np.where(beta < high_beta, beta, low_beta)
