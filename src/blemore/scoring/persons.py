"""Accuracies as sums over persons, so that leaving persons out, or drawing them, costs one matrix product."""

from typing import Any

import numpy as np

from blemore.scoring.metrics import ACCURACIES, blends, combine, presence_correct, salience_correct, scores
from blemore.scoring.rows import Rows
from blemore.seeds import generator

INTERVAL = (0.05, 0.95)
"""Quantiles of a 90 % interval."""
DRAWS = 1000


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
