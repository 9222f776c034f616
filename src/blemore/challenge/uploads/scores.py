"""What the challenge returned for an upload: ACC_presence, ACC_salience and their mean, as typed by a person.

Numbers are `Decimal` as long as it matters how many digits were typed, and floats in the file.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

ACCURACIES = ("acc_presence", "acc_salience")

Told = dict[str, Decimal]
"""Some of acc_presence, acc_salience and score; both accuracies or none."""


def share(text: str) -> Decimal:
    """A typed number in 0..1, with its digits; ValueError where it is none."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not value.is_finite() or not 0 <= value <= 1:
        raise ValueError(f"{text!r} does not lie in 0..1 (39.1 % is written 0.391)")
    return value


def logged(returned: Mapping[str, Any] | None) -> Told:
    """The numbers that an entry of the log holds."""
    # repr is the shortest text of a float; without normalize, 0.0 would count as known to one digit only.
    return {key: Decimal(repr(value)).normalize() for key, value in (returned or {}).items() if value is not None}


def faults_of(told: Told) -> list[str]:
    """What is wrong among the numbers themselves: one accuracy alone, or a Score that is not the mean of both."""
    if (ACCURACIES[0] in told) != (ACCURACIES[1] in told):
        return ["acc_presence and acc_salience come together: one alone is no result"]
    if "score" not in told or ACCURACIES[0] not in told:
        return []
    mean = _mean(told)
    if abs(told["score"] - mean) <= _doubt(told) + _half_unit(told["score"]):
        return []
    pair = " and ".join(_text(told[key]) for key in ACCURACIES)
    return [
        f"Score {_text(told['score'])} is not the mean of {pair}, {_text(mean)}, within the rounding of these numbers"
    ]


def merge(known: Told, told: Told) -> tuple[Told, list[str]]:
    """What is known once `told` is added to `known`, and how the two contradict each other (then nothing is merged).

    Accuracies must be the same numbers. A Score is held against the accuracies where they are known (it is their mean
    and may be rounded otherwise), else it must be the same number.
    """
    same = ACCURACIES if ACCURACIES[0] in known else ("score",)
    faults = [
        f"{key} {_text(told[key])} contradicts the {_text(known[key])} that is logged"
        for key in same
        if key in known and key in told and known[key] != told[key]
    ]
    merged = told | known
    # Each Score given so far must fit the accuracies, not only the one that is kept.
    faults = faults or faults_of(merged) or faults_of(known | told)
    return merged, faults


def entry_of(told: Told) -> dict[str, float | None] | None:
    """The three numbers as the log keeps them; what is not known is None.

    The Score is the mean of the accuracies where it was not given, or given with fewer digits than they have.
    """
    if not told:
        return None
    if ACCURACIES[0] in told and ("score" not in told or _half_unit(told["score"]) > _doubt(told)):
        told = told | {"score": _mean(told)}
    return {key: float(told[key]) if key in told else None for key in (*ACCURACIES, "score")}


def _mean(told: Told) -> Decimal:
    return (told[ACCURACIES[0]] + told[ACCURACIES[1]]) / 2


def _doubt(told: Told) -> Decimal:
    """How far the mean of the unrounded accuracies can lie from that of the rounded ones."""
    return sum((_half_unit(told[key]) for key in ACCURACIES), Decimal(0)) / 2


def _half_unit(value: Decimal) -> Decimal:
    """How far the true value can lie from a rounded one: half of its last digit; a plain 0 or 1 is exact."""
    exponent = int(value.as_tuple().exponent)
    return Decimal(5).scaleb(exponent - 1) if exponent < 0 else Decimal(0)


def _text(value: Decimal) -> str:
    return format(value, "f")
