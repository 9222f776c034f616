"""More of the exact surface: the plateau around its best thresholds, and the best thresholds under many weightings."""

from typing import Any

import numpy as np

from blemore.scoring.exact import ExactSurface, band_starts, cell_sides, edges_of, middle
from blemore.scoring.metrics import combine
from blemore.scoring.surface import Attainable, first_cells


def plateau(probabilities: np.ndarray, truth: np.ndarray, margin: float) -> dict[str, Any]:
    """The thresholds that cannot be told from the best: cells whose Score lies at most `margin` below it.

    Parameters
    ----------
    probabilities : (n, 6) float64; truth : (n, 6) saliences in percent.
    margin : >= 0, in Score; usually the standard error of the best Score.

    Returns
    -------
    {"alpha": [lowest, highest], "beta": [lowest, highest], "area": share of the unit square}
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


def weighted_optima(probabilities: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The exact optimum under each of many weightings of the same clips (bootstrap draws, persons).

    The cells are found once; a weighting then costs one histogram and two cumulative sums.

    Parameters
    ----------
    probabilities : (n, 6) float64; truth : (n, 6) saliences in percent.
    weights : (weightings, n) how much each clip counts, >= 0.

    Returns
    -------
    (2, weightings) alpha and beta, the middle of the first best cell (smallest alpha, then beta).
    """
    rows = Attainable(probabilities, truth)
    alphas, betas = edges_of(rows)
    reached, equal_from = first_cells(rows, alphas, betas)
    pairs = np.flatnonzero(rows.pair_right)
    starts = band_starts(reached[pairs], len(alphas))
    bands = np.searchsorted(starts, reached[pairs], side="left")  # a pair is a blend in this many bands
    shape = (len(starts) + 1, len(betas) + 1)
    cell = bands * shape[1] + equal_from[pairs]
    turns = rows.even_right[pairs].astype(float) - rows.uneven_right[pairs]  # 50/50 right, 70/30 wrong from there on
    gains = rows.pair_right.astype(float) - rows.single_right

    best = np.zeros((2, len(weights)))
    for k, weight in enumerate(np.asarray(weights, float)):
        clips, all_blends = weight.sum(), weight[rows.is_blend].sum()
        per_clip, per_blend = (0.5 / total if total > 0 else 0.0 for total in (clips, all_blends))
        presence = np.bincount(reached, weight * gains * per_clip, minlength=len(alphas) + 1)[::-1].cumsum()[::-1][1:]
        cells = np.bincount(cell, weight[pairs] * turns * per_blend, minlength=shape[0] * shape[1])
        cells = cells.astype(float, copy=False).reshape(shape)  # without any pair bincount gives integers
        # What counts for all betas is laid into the first column, so that it is summed with the rest.
        cells[:, 0] += np.bincount(bands, weight[pairs] * rows.uneven_right[pairs] * per_blend, minlength=shape[0])
        np.cumsum(cells[::-1], axis=0, out=cells[::-1])
        cells = cells[1:, :-1]
        cells[:, 0] += np.maximum.reduceat(presence, starts)
        np.cumsum(cells, axis=1, out=cells)
        # The first of equals in the order of alpha, then beta, up to the rounding of the sums.
        band, b = divmod(int(np.argmax(cells)), cells.shape[1])
        inside = slice(starts[band], starts[band + 1] if band + 1 < len(starts) else None)
        a = starts[band] + int(np.argmax(presence[inside]))
        # Clips without weight must not even split a cell: the middle is that of the cell which the others make.
        edges, lows = edges_of(rows, weight > 0)
        at = np.searchsorted(edges, alphas[a], side="left"), np.searchsorted(lows, betas[b], side="right") - 1
        best[:, k] = middle(edges, lows, *map(np.asarray, at))
    return best
