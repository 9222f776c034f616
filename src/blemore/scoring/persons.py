"""Accuracies as sums over persons, so that leaving persons out, or drawing them, costs one matrix product."""

import numpy as np

from blemore.scoring.metrics import blends, combine, presence_correct, salience_correct
from blemore.seeds import generator

INTERVAL = (0.05, 0.95)
"""Quantiles of a 90 % interval."""
DRAWS = 1000


def sums_of_persons(saliences: np.ndarray, truth: np.ndarray, who: np.ndarray, persons: int) -> np.ndarray:
    """(persons, 4) right sets, clips, right blends, blends of each person.

    Parameters
    ----------
    saliences, truth : (n, 6) percent; who : (n,) ints 0..persons-1, who shows each clip.
    """
    counted = (
        presence_correct(saliences, truth),
        np.ones(len(truth)),
        salience_correct(saliences, truth),
        blends(truth),
    )
    return np.stack([np.bincount(who, values.astype(float), minlength=persons) for values in counted], axis=-1)


def accuracies(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ACC_presence, ACC_salience and Score, each (...,), of sums (..., 4); 0 where there is nothing to count."""
    right, clips, right_blends, all_blends = np.moveaxis(np.asarray(sums, float), -1, 0)
    presence, salience = right / np.maximum(clips, 1), right_blends / np.maximum(all_blends, 1)
    return presence, salience, np.asarray(combine(presence, salience))


def draw_persons(persons: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """(draws, persons) how often each person is drawn, with replacement; the same for all that is compared."""
    chances = np.full(persons, 1 / persons)
    return generator(f"{seed}/persons").multinomial(persons, chances, size=draws).astype(float)


def jackknife_error(values: np.ndarray) -> float:
    """Standard error of a statistic from its values (persons,) without each person."""
    return float(np.sqrt((len(values) - 1) * np.mean((values - values.mean()) ** 2)))
