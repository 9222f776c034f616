"""What a fit declares: the samples that it was fitted on, and those that it judges.

It is said where the data go in and come out, with the names that travel beside the data through the very masks that
select them: another mask says other names. A job's lineage record takes it from here, so that a checker can prove from
the records that no sample was judged by a model that had seen it, or its group. Outside of a job nobody listens, and
nothing is kept.

A model is named freely, "count/fold0" or "count/final"; a part of it behind: "count/fold0/inner1". What serves several
folds names them all: "weights/folds 0,1/simplex".
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

LABEL_FREE = ("offsets", "clusters")
"""Kinds that look at no label: they may be fitted on the very samples that they serve (transductive)."""
ENROLMENT = "enrolment"
"""Kind that is shown labelled samples of the group that it judges: no sample may be among both."""
IN_SAMPLE = "in sample"
"""Kind of a use on the very samples of the fit: rows that others are fitted on, or figures that are shown as optimism."""
UNKNOWN = "unknown"
"""Kind of a model of which nobody says what it was fitted on; `on` is empty."""
HANDED_ON = "handed on"
"""Kind of rows that come from a model which another job fitted; `on` is empty."""
UNDECLARED = "undeclared"
"""Kind that a model gets which judges without having been declared; `on` is empty."""

_said: list[dict[str, Any]] | None = None
_judged: dict[str, set[str]] = {}
_within: list[str] = []


def fitted(model: str, kind: str, on: Iterable[str] | None, judges: Iterable[str] | None = ()) -> None:
    """Declare a fit.

    Parameters
    ----------
    model : its name within the study.
    kind : what was fitted: "network", "early stopping", "scaler", "selection", "head", "weights", "thresholds", ..., or
        one of the kinds above, which have a meaning of their own.
    on : samples whose labels or statistics went in; None where the data bear no names: nothing is said then.
    judges : samples whose outputs it makes, besides those that `judged` adds.
    """
    if _said is None or on is None:
        return
    _said.append({"model": _named(model), "kind": kind, "on": sorted(set(on))})
    judged(model, judges)


def judged(model: str, samples: Iterable[str] | None) -> None:
    """Declare a use: outputs of `samples` are made by a model that was, or will be, declared."""
    if _said is not None and samples is not None:
        _judged.setdefault(_named(model), set()).update(samples)


@contextmanager
def within(name: str) -> Iterator[None]:
    """What is said inside is of another study than the main one: `name` stands before the models' names."""
    _within.append(name)
    try:
        yield
    finally:
        _within.pop()


def of(samples: Any, rows: Any) -> Any:
    """`samples[rows]`, names (n,) of the rows that are selected; None where the data bear no names."""
    return None if samples is None else samples[rows]


def _named(model: str) -> str:
    return " ".join([*_within, model])


def take(keep: Callable[[Any], str]) -> dict[str, Any]:
    """What was said since `begin`: {"models": [{"model", "kind", "on", "judges"}]}; lists of samples go through `keep`
    (each list once), which gives the name that stands for it."""
    names: dict[tuple[str, ...], str] = {}

    def kept(samples: list[str]) -> str:
        if tuple(samples) not in names:
            names[tuple(samples)] = keep(samples)
        return names[tuple(samples)]

    models: dict[tuple[str, ...], dict[str, Any]] = {}  # said twice is said once
    for one in _said or []:
        made = one | {"on": kept(one["on"]), "judges": kept(sorted(_judged.get(one["model"], ())))}
        models[tuple(made.values())] = made
    for name in sorted(set(_judged) - {one["model"] for one in _said or []}):
        models[name, UNDECLARED] = {
            "model": name, "kind": UNDECLARED, "on": kept([]), "judges": kept(sorted(_judged[name]))
        }  # fmt: skip
    return {"models": list(models.values())}


def begin() -> None:
    """Listen from now on, beginning anew."""
    global _said
    forget()
    _said = []


def forget() -> None:
    """Forget all, and listen no more."""
    global _said
    _said = None
    _judged.clear()
