"""Six numbers of a clip as people write them down (rounded, in percent, as logits) -> probabilities."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from blemore.scoring.columns import number_text, numbers

SUM_TOLERANCE = 1e-6
"""Probabilities whose sum is so near to 1 are taken as they are."""

HALF_UNITS = 6
"""Each of the six numbers can be off by half a unit of its last digit."""

MOST = 0.8
"""Share of the rows that say how a table is rounded: a few edited by hand may have more digits."""


def shares(columns: Sequence[Sequence[Any]]) -> tuple[np.ndarray, str]:
    """Probabilities of the numbers as written, and what was done to them.

    Rounded numbers, and percent, are divided by their sum where every row's sum is as near to 1 (100) as rounding explains.

    Parameters
    ----------
    columns : sequence of six sequences
        The classes' cells: numbers, or text such as "0.25", "0,25" and "25 %".

    Returns
    -------
    values : (n, 6) float64
        Probabilities, NaN where a cell is no number. Where most rows can be explained, the others stay as they are, in
        parts of 1: `tables.check_probabilities` refuses them, and them alone.
    remark : str
        What was done; "" where nothing was.
    """
    values = np.stack([numbers(column) for column in columns], axis=1)
    sums = values.sum(axis=1)
    known = np.isfinite(sums)
    if not known.any() or (values < 0).any() or is_exact(values):
        return values, ""
    decimals, significant = _digits(columns, known)
    for whole, name, digits in ((1, "", min(decimals, significant)), (100, "%", min(decimals, significant - 2))):
        slack = max(HALF_UNITS * 0.5 * 10.0**-digits * (1 + 1e-9), whole * SUM_TOLERANCE)
        explained = np.abs(np.where(known, sums, 0) - whole) <= slack
        if digits >= (1 if whole == 1 else 0) and explained.sum() > len(sums) / 2:
            low, high = (f"{total:.7g}{name}" for total in (sums[explained].min(), sums[explained].max()))
            remark = f"the six numbers of a row sum to {low} .. {high}: each row was divided by its sum"
            return values / np.where(explained, sums, whole)[:, None], remark
    return values, ""


def is_exact(values: np.ndarray) -> bool:
    """Whether every row lies in 0..1 and sums to 1.

    Parameters
    ----------
    values : (n, 6) float
        Numbers as read.

    Returns
    -------
    bool
        True where they are probabilities as they stand.
    """
    return bool((values >= 0).all() and (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def _digits(columns: Sequence[Sequence[Any]], known: np.ndarray) -> tuple[int, int]:
    """The most decimals, and significant digits, of a row's cells: a number that most of the `known` (n,) rows keep to."""
    rows = [cells for cells, is_known in zip(zip(*columns, strict=True), known, strict=True) if is_known]
    digits = np.array([[_digits_of(cell) for cell in cells] for cells in rows]).max(axis=1)  # (rows, 2)
    decimals, significant = np.quantile(digits, MOST, axis=0, method="inverted_cdf").astype(int).tolist()
    return decimals, significant


def _digits_of(cell: Any) -> tuple[int, int]:
    if isinstance(cell, np.float16):
        return np.finfo(np.float16).precision, np.finfo(np.float16).precision
    text = number_text(cell) if isinstance(cell, str) else repr(float(cell)).removesuffix(".0")
    number = Decimal(text).as_tuple()
    return -int(number.exponent), len(number.digits)
