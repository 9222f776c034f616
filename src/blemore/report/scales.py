"""Where a value stands on a chart's axis, as a percentage of its width; the ticks below it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from blemore.report.numbers import rounded

STEPS = (1, 2, 2.5, 5, 10)
MOST_TICKS = 5


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`, ticks every `step`."""

    low: float
    high: float
    step: float

    def at(self, value: float) -> float:
        """Place in percent of the axis, within 0..100."""
        return round(min(100.0, max(0.0, 100 * (value - self.low) / (self.high - self.low))), 2)

    def between(self, low: float, high: float) -> float:
        """Width in percent of the axis."""
        return round(self.at(high) - self.at(low), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """(place in percent, what is written there)."""
        first, last = math.ceil(self.low / self.step - 1e-9), math.floor(self.high / self.step + 1e-9)
        digits = next(d for d in range(9) if math.isclose(self.step, round(self.step, d), rel_tol=1e-9))
        values = [k * self.step for k in range(first, last + 1)]
        return [(self.at(value), rounded(value, digits) if abs(value) > 1e-12 else "0") for value in values]


def scale(values: Iterable[float], around_zero: bool = False) -> Scale:
    """An axis that holds 0 and all values, with at most five round ticks.

    Parameters
    ----------
    values : numbers, none of them NaN; without any the axis goes to 1.
    around_zero : as far to the left of 0 as to the right.
    """
    values = [0.0, *values]
    low, high = min(values), max(values)
    if low == high:
        high = 1.0
    if around_zero:
        high = max(-low, high)
        low = -high
    span = high - low
    rough = span / MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in STEPS if factor * power >= rough * (1 - 1e-9))
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    return Scale(low, high, step)
