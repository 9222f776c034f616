"""Scores of decisions on labelled clips, with intervals over persons."""

from typing import Any

import numpy as np
import pandas as pd

from blemore.labels import CLASSES
from blemore.metrics import scores
from blemore.persons import INTERVAL, accuracies, sums_of_persons
from blemore.rows import Rows


def values_of(rows: Rows, table: pd.DataFrame) -> np.ndarray:
    """(n, 6) the class columns of a table with one row per clip, in the order of these rows."""
    return table.set_index("clip").loc[rows.clip, list(CLASSES)].to_numpy()


def sums(rows: Rows, saliences: np.ndarray) -> np.ndarray:
    """(persons, 4) as `persons.sums_of_persons`, of decisions (n, 6) in percent."""
    return sums_of_persons(saliences, rows.truth, rows.person, len(rows.persons))


def drawn_accuracies(rows: Rows, saliences: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(draws,) ACC_presence, ACC_salience and Score over persons `drawn` (draws, persons) so many times each."""
    return accuracies(drawn @ sums(rows, saliences))


def entry(rows: Rows, saliences: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """acc_presence, acc_salience, score, clips, blends, and "interval" with [low, high] of each accuracy."""
    names = ("acc_presence", "acc_salience", "score")
    each = zip(names, drawn_accuracies(rows, saliences, drawn), strict=True)
    interval = {name: np.quantile(values, INTERVAL).tolist() for name, values in each}
    return scores(saliences, rows.truth) | {"interval": interval}
