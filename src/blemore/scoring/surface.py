"""The Score as a function of both thresholds, on the kit's 20 x 20 grid or on any other thresholds.

Alpha acts only on a row's second largest probability, beta only on the difference of the two largest. So all counts of
correct decisions, for any alphas and betas, are one two-dimensional histogram and its cumulative sums.
"""

from dataclasses import dataclass

import numpy as np

from blemore.scoring.decoding import decode, top_two
from blemore.scoring.metrics import blends, combine

OFFICIAL_GRID = np.linspace(0.05, 0.95, 20)
"""The kit's alphas and betas."""


@dataclass(frozen=True)
class Chosen:
    """Thresholds with the accuracies that they reach on the clips they were chosen on.

    Parameters
    ----------
    alpha : float, 0..1
        Presence threshold.
    beta : float, 0..1
        Salience threshold.
    acc_presence : float, 0..1
        ACC_presence on those clips.
    acc_salience : float, 0..1
        ACC_salience on those clips.
    score : float, 0..1
        Their Score.
    """

    alpha: float
    beta: float
    acc_presence: float
    acc_salience: float
    score: float

    @classmethod
    def of(cls, alpha: float, beta: float, acc_presence: float, acc_salience: float) -> "Chosen":
        """Make thresholds with the Score that follows from the accuracies.

        Parameters
        ----------
        alpha : float, 0..1
            Presence threshold.
        beta : float, 0..1
            Salience threshold.
        acc_presence : float, 0..1
            ACC_presence.
        acc_salience : float, 0..1
            ACC_salience.

        Returns
        -------
        Chosen
            The thresholds.
        """
        return cls(*map(float, (alpha, beta, acc_presence, acc_salience, combine(acc_presence, acc_salience))))

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Decide what each clip shows, with these thresholds.

        Parameters
        ----------
        probabilities : (n, 6) float, 0..1
            Probabilities of the classes; each row sums to 1.

        Returns
        -------
        (n, 6) int64, percent
            Saliences; each row sums to 100.
        """
        return decode(probabilities, self.alpha, self.beta)


@dataclass(frozen=True)
class ScoreSurface:
    """The accuracies, in 0..1, for every pair of thresholds.

    Parameters
    ----------
    alphas : (a,) float, 0..1
        Ascending.
    betas : (b,) float, 0..1
        Ascending.
    acc_presence : (a,) float, 0..1
        ACC_presence at each alpha; beta cannot change it.
    acc_salience : (a, b) float, 0..1
        ACC_salience at each pair; 0 without blends.
    """

    alphas: np.ndarray
    betas: np.ndarray
    acc_presence: np.ndarray
    acc_salience: np.ndarray

    def score(self) -> np.ndarray:
        """The Score at every pair of thresholds.

        Returns
        -------
        (a, b) float, 0..1
            The Score.
        """
        return np.asarray(combine(self.acc_presence[:, None], self.acc_salience))


def surface(rows: "Attainable", alphas: np.ndarray, betas: np.ndarray) -> ScoreSurface:
    """The accuracies for all pairs of ascending thresholds; equal to decoding once for each pair.

    Parameters
    ----------
    rows : Attainable
        What can be right in each row.
    alphas : (a,) float, 0..1
        Presence thresholds, ascending.
    betas : (b,) float, 0..1
        Salience thresholds, ascending.

    Returns
    -------
    ScoreSurface
        The accuracies at every pair.
    """
    shape = (len(alphas) + 1, len(betas) + 1)
    reached, equal_from = first_cells(rows, alphas, betas)

    def blended(signed: np.ndarray) -> np.ndarray:  # (a,) sum over the rows that are blends at each alpha
        return np.bincount(reached, signed, minlength=shape[0])[::-1].cumsum()[::-1][1:]

    presence = blended(rows.pair_right.astype(float) - rows.single_right) + rows.single_right.sum()

    # Cells of (a + 1) x (b + 1): 50/50 truths become right at `equal_from`, 70/30 truths become wrong there.
    cells = np.zeros(shape)
    np.add.at(cells, (reached, equal_from), rows.even_right.astype(float) - rows.uneven_right)
    np.cumsum(cells[::-1], axis=0, out=cells[::-1])
    np.cumsum(cells, axis=1, out=cells)
    salience = cells[1:, :-1]
    salience += blended(rows.uneven_right)[:, None]
    return ScoreSurface(alphas, betas, presence / max(1, len(reached)), salience / max(1, rows.is_blend.sum()))


def official_grid(probabilities: np.ndarray, truth: np.ndarray) -> Chosen:
    """The kit's choice (`grid_search_thresholds`): the largest Score; ties go to the smallest alpha, then beta.

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.
    truth : (n, 6) float, percent
        Saliences in percent.

    Returns
    -------
    Chosen
        The thresholds, with the accuracies on these clips.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.surface import official_grid
    >>> probabilities = np.array([[0.6, 0.0, 0.0, 0.0, 0.4, 0.0], [0.0, 0.1, 0.0, 0.9, 0.0, 0.0]])
    >>> truth = np.array([[70, 0, 0, 0, 30, 0], [0, 0, 0, 100, 0, 0]])
    >>> best = official_grid(probabilities, truth)
    >>> round(best.alpha, 3), round(best.beta, 3), best.score
    (0.145, 0.05, 1.0)
    """
    table = surface(Attainable(probabilities, truth), OFFICIAL_GRID, OFFICIAL_GRID)
    # The first maximum in row order: rows are alphas, so the smallest alpha wins, then the smallest beta.
    a, b = np.unravel_index(np.argmax(table.score()), table.acc_salience.shape)
    accuracies = table.acc_presence[a], table.acc_salience[a, b]
    return Chosen.of(OFFICIAL_GRID[a], OFFICIAL_GRID[b], *accuracies)


class Attainable:
    """What can be right in each row, computed once.

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Attributes
    ----------
    second_largest, difference : (n,) float
        What alpha and beta are compared with (`top_two`).
    can_blend, is_blend : (n,) bool
        Whether the decision may be a blend, and whether the truth is one.
    single_right, pair_right, even_right, uneven_right : (n,) bool
        Whether the single, the pair, 50/50 and 70/30 are right where they are decided.
    """

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


def first_cells(rows: Attainable, alphas: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each row becomes a blend, and where the blend becomes 50/50.

    Parameters
    ----------
    rows : Attainable
        What can be right in each row.
    alphas : (a,) float, 0..1
        Presence thresholds, ascending.
    betas : (b,) float, 0..1
        Salience thresholds, ascending.

    Returns
    -------
    reached : (n,) int
        How many alphas, from the first on, make the row a blend.
    equal_from : (n,) int
        The first beta that makes it 50/50.
    """
    reached = np.where(rows.can_blend, np.searchsorted(alphas, rows.second_largest, side="right"), 0)
    return reached, np.searchsorted(betas, rows.difference, side="left")
