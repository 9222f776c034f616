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


def shares(columns: Sequence[Sequence[Any]]) -> tuple[np.ndarray, str]:
    """Probabilities of the numbers as written, and what was done to them.

    Rounded numbers, and percent, are divided by their sum where every row's sum is as near to 1 (100) as rounding explains.

    Parameters
    ----------
    columns : the six classes' cells: numbers, or text such as "0.25", "0,25" and "25 %".

    Returns
    -------
    (n, 6) float64, NaN where a cell is no number; and a remark, "" where nothing was done. Rows that cannot be explained
    stay as they are: `tables.check_probabilities` refuses them.
    """
    values = np.stack([numbers(column) for column in columns], axis=1)
    sums = values.sum(axis=1)
    if not len(sums) or not np.isfinite(sums).all() or (values < 0).any() or is_exact(values):
        return values, ""
    decimals, significant = _digits(columns)
    for whole, name, digits in ((1, "", min(decimals, significant)), (100, "%", min(decimals, significant - 2))):
        slack = max(HALF_UNITS * 0.5 * 10.0**-digits * (1 + 1e-9), whole * SUM_TOLERANCE)
        if digits >= (1 if whole == 1 else 0) and (np.abs(sums - whole) <= slack).all():
            low, high = (f"{total:.7g}{name}" for total in (sums.min(), sums.max()))
            remark = f"the six numbers of a row sum to {low} .. {high}: each row was divided by its sum"
            return values / sums[:, None], remark
    return values, ""


def is_exact(values: np.ndarray) -> bool:
    """Whether every row (n, 6) lies in 0..1 and sums to 1."""
    return bool((values >= 0).all() and (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all())


def _digits(columns: Sequence[Sequence[Any]]) -> tuple[int, int]:
    """The most decimals, and the most significant digits, that a cell has."""
    found = [_digits_of(cell) for column in columns for cell in column]
    return max(decimals for decimals, _ in found), max(significant for _, significant in found)


def _digits_of(cell: Any) -> tuple[int, int]:
    if isinstance(cell, np.float16):
        return np.finfo(np.float16).precision, np.finfo(np.float16).precision
    text = number_text(cell) if isinstance(cell, str) else repr(float(cell)).removesuffix(".0")
    number = Decimal(text).as_tuple()
    return -int(number.exponent), len(number.digits)
