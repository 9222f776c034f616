"""Accuracies as sums over persons, so that leaving persons out, or drawing them, costs one matrix product."""

from typing import Any

import numpy as np

from blemore.scoring.metrics import ACCURACIES, blends, combine, presence_correct, salience_correct, scores
from blemore.scoring.rows import Rows
from blemore.seeds import generator

INTERVAL = (0.05, 0.95)
"""Quantiles of a 90 % interval."""
DRAWS = 1000
FOLDS = 5
"""Folds that are made where there are none."""


def sums_of_persons(rows: Rows, saliences: np.ndarray) -> np.ndarray:
    """(persons, 4) right sets, clips, right blends, blends of each of the rows' persons; saliences (n, 6) in percent."""
    truth, persons = rows.truth, len(rows.persons)
    counted = presence_correct(saliences, truth), np.ones(len(truth)), salience_correct(saliences, truth), blends(truth)
    return np.stack([np.bincount(rows.person, values.astype(float), minlength=persons) for values in counted], axis=-1)


def accuracies(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ACC_presence, ACC_salience and Score, each (...,), of sums (..., 4); 0 where there is nothing to count."""
    right, clips, right_blends, all_blends = np.moveaxis(np.asarray(sums, float), -1, 0)
    presence, salience = right / np.maximum(clips, 1), right_blends / np.maximum(all_blends, 1)
    return presence, salience, np.asarray(combine(presence, salience))


def gains(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Gains in the three accuracies, of sums (persons, 4)."""
    own, other = (np.stack(accuracies(part.sum(axis=0))) for part in (before, after))
    return dict(zip(ACCURACIES, (other - own).tolist(), strict=True))


def gain_and_interval(before: np.ndarray, after: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """ "gain" in the accuracies, and "interval" [low, high] of the Score's, of sums (persons, 4) paired over persons.

    drawn : (draws, persons) how often each person counts.
    """
    scores_of_draws = [accuracies(drawn @ part)[2] for part in (before, after)]
    interval = np.quantile(scores_of_draws[1] - scores_of_draws[0], INTERVAL).tolist()
    return {"gain": gains(before, after), "interval": interval}


def draw_persons(persons: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """(draws, persons) how often each person is drawn, with replacement; the same for all that is compared."""
    chances = np.full(persons, 1 / persons)
    return generator(f"{seed}/persons").multinomial(persons, chances, size=draws).astype(float)


def entry(rows: Rows, saliences: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """acc_presence, acc_salience, score, clips, blends, and "interval" with [low, high] of each accuracy over persons.

    saliences : (n, 6) in percent; drawn : (draws, persons) how often each person counts.
    """
    each = zip(ACCURACIES, accuracies(drawn @ sums_of_persons(rows, saliences)), strict=True)
    interval = {name: np.quantile(values, INTERVAL).tolist() for name, values in each}
    return scores(saliences, rows.truth) | {"interval": interval}


def jackknife_error(values: np.ndarray) -> float:
    """Standard error of a statistic from its values (persons,) without each person."""
    return float(np.sqrt((len(values) - 1) * np.mean((values - values.mean()) ** 2)))


class SumsOfPersons:
    """Sums over each person's clips, `who` (n,) 0..persons - 1, in the order of the clips.

    clips : (persons, 1) how many clips each has, at least 1.
    """

    def __init__(self, who: np.ndarray):
        self.clips = np.maximum(np.bincount(who), 1)[:, None]
        self._order = np.argsort(who, kind="stable")
        self._persons, self._starts = np.unique(who[self._order], return_index=True)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(persons, d) of values (n, d); 0 for numbers without a clip."""
        sums = np.zeros((len(self.clips), values.shape[1]))
        if len(values):
            sums[self._persons] = np.add.reduceat(values[self._order], self._starts, axis=0)
        return sums


def folds_over_persons(person: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """(n,) folds 0.. of rows whose person is numbered in `person` (n,); all of a person's rows lie in one.

    The person with most clips comes first, to the emptiest fold; no more folds than persons.
    """
    sizes = np.bincount(person)
    filled, fold = np.zeros(min(folds, len(sizes)), int), np.zeros(len(sizes), int)
    for one in np.argsort(-sizes, kind="stable"):
        fold[one] = filled.argmin()
        filled[fold[one]] += sizes[one]
    return fold[person]
