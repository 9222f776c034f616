"""The Score as a function of both thresholds: on the kit's 20 x 20 grid, and exactly, on every cell that differs.

Alpha acts only on a row's second largest probability, beta only on the difference of the two largest. So all counts of
correct decisions, for any alphas and betas, are one two-dimensional histogram and its cumulative sums.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from blemore.decoding import decode, top_two
from blemore.metrics import blends, combine

OFFICIAL_GRID = np.linspace(0.05, 0.95, 20)
"""The kit's alphas and betas."""


@dataclass(frozen=True)
class Chosen:
    """Thresholds with the accuracies that they reach on the clips they were chosen on."""

    alpha: float
    beta: float
    acc_presence: float
    acc_salience: float
    score: float

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """(n, 6) saliences in percent, decided with these thresholds."""
        return decode(probabilities, self.alpha, self.beta)


@dataclass(frozen=True)
class Surface:
    """Correct decisions for every pair of thresholds.

    alphas : (a,) ascending; betas : (b,) ascending.
    presence : (a,) correct sets (beta cannot change them); salience : (a, b) correct blends.
    clips, blends : what to divide by. Counts, or sums of weights where the clips were weighted.
    """

    alphas: np.ndarray
    betas: np.ndarray
    presence: np.ndarray
    salience: np.ndarray
    clips: float
    blends: float

    def acc_presence(self) -> np.ndarray:
        """(a,) ACC_presence in 0..1."""
        return self.presence / self.clips if self.clips > 0 else np.zeros(len(self.alphas))

    def acc_salience(self) -> np.ndarray:
        """(a, b) ACC_salience in 0..1; 0 without blends."""
        return self.salience / self.blends if self.blends > 0 else np.zeros(self.salience.shape)

    def score(self) -> np.ndarray:
        """(a, b) Score in 0..1."""
        return np.asarray(combine(self.acc_presence()[:, None], self.acc_salience()))


def surface(
    probabilities: np.ndarray,
    truth: np.ndarray,
    alphas: np.ndarray = OFFICIAL_GRID,
    betas: np.ndarray = OFFICIAL_GRID,
    weights: np.ndarray | None = None,
) -> Surface:
    """Count the correct decisions for all pairs of the given thresholds; equal to decoding once for each pair.

    Parameters
    ----------
    probabilities : (n, 6) float64; truth : (n, 6) saliences in percent.
    alphas, betas : ascending thresholds.
    weights : (n,) how much each clip counts, >= 0 (optional).
    """
    rows = Rows(probabilities, truth)
    weights = np.ones(len(rows.second_largest)) if weights is None else np.asarray(weights, float)
    shape = (len(alphas) + 1, len(betas) + 1)
    reached, equal_from = first_cells(rows, alphas, betas)

    def blended(signed: np.ndarray) -> np.ndarray:  # (a,) sum over the rows that are blends at each alpha
        return np.bincount(reached, signed, minlength=shape[0])[::-1].cumsum()[::-1][1:]

    if_blend, if_single = weights * rows.pair_right, weights * rows.single_right
    presence = blended(if_blend - if_single) + if_single.sum()

    # Cells of (a + 1) x (b + 1): 50/50 truths become right at `equal_from`, 70/30 truths become wrong there.
    cells = np.zeros(shape)
    np.add.at(cells, (reached, equal_from), weights * rows.even_right - weights * rows.uneven_right)
    np.cumsum(cells[::-1], axis=0, out=cells[::-1])
    np.cumsum(cells, axis=1, out=cells)
    salience = cells[1:, :-1]
    salience += blended(weights * rows.uneven_right)[:, None]
    return Surface(alphas, betas, presence, salience, float(weights.sum()), float(weights[rows.is_blend].sum()))


def official_grid(probabilities: np.ndarray, truth: np.ndarray) -> Chosen:
    """The kit's choice (`grid_search_thresholds`): the largest Score; ties go to the smallest alpha, then beta.

    Parameters
    ----------
    probabilities : (n, 6) float64; truth : (n, 6) saliences in percent.
    """
    table = surface(probabilities, truth)
    # The first maximum in row order: rows are alphas, so the smallest alpha wins, then the smallest beta.
    a, b = np.unravel_index(np.argmax(table.score()), table.salience.shape)
    return _chosen(table, int(a), int(b), float(OFFICIAL_GRID[a]), float(OFFICIAL_GRID[b]))


def exact_surface(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> Surface:
    """The Score surface on all cells that can differ, for thresholds in 0..1.

    Only rows whose correctness can change make an edge. Cell (i, j) stands for
    alphas[i-1] < alpha <= alphas[i] (the last one: up to 1) and betas[j] <= beta < betas[j+1].
    """
    counted = True if weights is None else np.asarray(weights) > 0  # what does not count must not split a cell
    return surface(probabilities, truth, *edges_of(Rows(probabilities, truth), counted), weights)


def exact_optimum(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> Chosen:
    """The best thresholds of all, taken from the middle of the largest region that reaches the best Score.

    Cells of equal, best Score that touch form regions; the region of largest area in the (alpha, beta) plane wins
    (ties: the one with the smallest alpha, then beta), and in it the cell whose centre lies nearest to the region's
    centre of gravity. Its midpoint is given: far from the edges, where one clip more would change the choice.
    """
    table = exact_surface(probabilities, truth, weights)
    scores = table.score()
    regions, _ = ndimage.label(scores == scores.max())
    low_alpha, high_alpha, low_beta, high_beta = cell_sides(table.alphas, table.betas)
    a, b = np.nonzero(regions)
    region = regions[a, b] - 1
    area = (high_alpha - low_alpha)[a] * (high_beta - low_beta)[b]
    largest = np.argmax(np.bincount(region, area))
    a, b, area = a[region == largest], b[region == largest], area[region == largest]
    x, y = (low_alpha + high_alpha)[a] / 2, (low_beta + high_beta)[b] / 2
    share = area if area.sum() > 0 else None  # cells between neighbouring floats can have no area
    best = np.argmin((x - np.average(x, weights=share)) ** 2 + (y - np.average(y, weights=share)) ** 2)
    alpha, beta = middle(table.alphas, table.betas, a[best], b[best])
    return _chosen(table, int(a[best]), int(b[best]), float(alpha), float(beta))


class Rows:
    """What can be right in each row: (n,) arrays, computed once."""

    def __init__(self, probabilities: np.ndarray, truth: np.ndarray):
        truth = np.rint(np.asarray(truth, float))
        first, second, self.second_largest, self.difference, self.can_blend = top_two(probabilities)
        if truth.shape != np.shape(probabilities):
            raise ValueError(f"truth has shape {truth.shape}, the probabilities {np.shape(probabilities)}")
        rows = np.arange(len(truth))
        size, of_first, of_second = (truth > 0).sum(axis=1), truth[rows, first], truth[rows, second]
        self.is_blend = blends(truth)
        self.single_right = (size == 1) & (of_first > 0)
        self.pair_right = self.can_blend & (size == 2) & (of_first > 0) & (of_second > 0)
        self.even_right = self.pair_right & (of_first == 50) & (of_second == 50)
        self.uneven_right = self.pair_right & (of_first == 70) & (of_second == 30)


def edges_of(rows: Rows, counted: np.ndarray | bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Ascending alphas and betas of all cells that can differ, as `exact_surface` means them; of the rows `counted`."""
    changes = counted & rows.can_blend & (rows.pair_right | rows.single_right)
    edges = np.unique(rows.second_largest[changes])
    beyond = np.nextafter(edges[-1], np.inf) if len(edges) else 0.0
    alphas = np.append(edges, max(1.0, beyond))
    return alphas, np.unique(np.append(0.0, rows.difference[counted & (rows.even_right | rows.uneven_right)]))


def first_cells(rows: Rows, alphas: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) each: a row is a blend for the first `reached` alphas, and 50/50 from the `equal_from`-th beta on."""
    reached = np.where(rows.can_blend, np.searchsorted(alphas, rows.second_largest, side="right"), 0)
    return reached, np.searchsorted(betas, rows.difference, side="left")


def cell_sides(alphas: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Low and high alphas (a,), low and high betas (b,) of the cells of an exact surface."""
    return np.append(0.0, alphas[:-1]), alphas, betas, np.append(betas[1:], max(1.0, betas[-1]))


def middle(alphas: np.ndarray, betas: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle (alpha, beta) of cells; between neighbouring floats the one that belongs to the cell."""
    low_alpha = np.where(a > 0, alphas[a - 1], 0.0)
    high_beta = np.where(b + 1 < len(betas), betas[np.minimum(b + 1, len(betas) - 1)], max(1.0, betas[-1]))
    alpha, beta = (low_alpha + alphas[a]) / 2, (betas[b] + high_beta) / 2
    return np.where(alpha > low_alpha, alpha, alphas[a]), np.where(beta < high_beta, beta, betas[b])


def _chosen(table: Surface, a: int, b: int, alpha: float, beta: float) -> Chosen:
    presence, salience = float(table.acc_presence()[a]), float(table.acc_salience()[a, b])
    return Chosen(alpha, beta, presence, salience, float(combine(presence, salience)))
