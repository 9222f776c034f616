"""Who was seen by what: every fit says here on which clips it was fitted, and every use of it which clips it judges.

Said where the data go in and come out, with the names that travel beside the data through the very masks that select
them: another mask says other names. A job's lineage record takes it from here, and `blemore lineage leaks` proves from
the records that nobody was judged by a model that had seen them. Outside of a job nobody listens, and nothing is kept.

A model's name is text here: a `model_name.ModelName`, which says the step, the folds that it leaves out, and what of the step it
is, is written as "s4d/fold0", "s4d/fold0/inner1", "fusion/final/simplex" or "fusion/folds 0,1/simplex".
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

LABEL_FREE = ("offsets", "clusters")
"""Kinds that look at no label: they may be fitted on the very clips that they serve (transductive)."""
ENROLMENT = "enrolment"
"""Kind that is shown labelled clips of the person whom it judges: no clip may be among both."""
IN_SAMPLE = "in sample"
"""Kind of a use on the very clips of the fit: rows that others are fitted on, or figures that are shown as optimism."""
UNKNOWN = "unknown"
"""Kind of a model of which nobody says whom it was fitted on; `on` is empty."""
HANDED_ON = "handed on"
"""Kind of rows that come from a model which another job fitted; `on` is empty."""
UNDECLARED = "undeclared"
"""Kind that a model gets which judges without having been declared; `on` is empty."""

_said: list[dict[str, Any]] | None = None
_judged: dict[str, set[str]] = {}
_within: list[str] = []


def fitted(model: object, kind: str, on: Iterable[str] | None, judges: Iterable[str] | None = ()) -> None:
    """Declare a fit.

    Parameters
    ----------
    model : its name within the study, or what `str` makes one of.
    kind : what was fitted: "network", "early stopping", "scaler", "selection", "head", "weights", "thresholds", ..., or
        one of the kinds above, which have a meaning of their own.
    on : clips whose labels or statistics went in; None where the data bear no names: nothing is said then.
    judges : clips whose probabilities or decisions it makes, besides those that `judged` adds.
    """
    if _said is None or on is None:
        return
    _said.append({"model": _named(model), "kind": kind, "on": sorted(set(on))})
    judged(model, judges)


def judged(model: object, clips: Iterable[str] | None) -> None:
    """Declare a use: probabilities or decisions of `clips` are made by a model that was, or will be, declared."""
    if _said is not None and clips is not None:
        _judged.setdefault(_named(model), set()).update(clips)


@contextmanager
def within(name: str) -> Iterator[None]:
    """What is said inside is of another study than the main one: `name` stands before the models' names."""
    _within.append(name)
    try:
        yield
    finally:
        _within.pop()


def _named(model: object) -> str:
    return " ".join([*_within, str(model)])


def take(keep: Callable[[Any], str]) -> dict[str, Any]:
    """What was said since `begin`: {"models": [{"model", "kind", "on", "judges"}]}; lists of clips go through `keep`
    (each list once), which gives the name that stands for it."""
    names: dict[tuple[str, ...], str] = {}

    def kept(clips: list[str]) -> str:
        if tuple(clips) not in names:
            names[tuple(clips)] = keep(clips)
        return names[tuple(clips)]

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
