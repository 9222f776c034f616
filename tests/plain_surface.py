"""A plain reading of the exact surface: every cell is held at once. Quadratic in memory, for few clips only."""

import numpy as np
from scipy import ndimage

from blemore.scoring.exact import cell_sides, edges_of, middle
from blemore.scoring.surface import Attainable, Chosen, ScoreSurface, surface


def exact_surface(probabilities: np.ndarray, truth: np.ndarray) -> ScoreSurface:
    """The Score surface on all cells that can differ."""
    rows = Attainable(probabilities, truth)
    return surface(rows, *edges_of(rows))


def optimum(probabilities: np.ndarray, truth: np.ndarray) -> Chosen:
    """The cell nearest to the centre of gravity of the largest region of best Score, and its middle."""
    table = exact_surface(probabilities, truth)
    scores = table.score()
    regions, _ = ndimage.label(scores == scores.max())
    low_alpha, high_alpha, low_beta, high_beta = cell_sides(table.alphas, table.betas)
    a, b = np.nonzero(regions)
    region = regions[a, b] - 1
    area = (high_alpha - low_alpha)[a] * (high_beta - low_beta)[b]
    largest = np.argmax(np.bincount(region, area))
    a, b, area = a[region == largest], b[region == largest], area[region == largest]
    x, y = (low_alpha + high_alpha)[a] / 2, (low_beta + high_beta)[b] / 2
    share = area if area.sum() > 0 else None
    best = np.argmin((x - np.average(x, weights=share)) ** 2 + (y - np.average(y, weights=share)) ** 2)
    alpha, beta = middle(table.alphas, table.betas, a[best], b[best])
    accuracies = table.acc_presence[a[best]], table.acc_salience[a[best], b[best]]
    return Chosen.of(float(alpha), float(beta), *accuracies)
