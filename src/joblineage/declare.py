"""What a fit declares: the samples that it was fitted on, and those that it judges.

Declared where the data go in and come out, with the names that travel beside the data through the very masks that
select them: another mask says other names. A job's lineage record takes it from here, so that a checker can prove from
the records that no sample was judged by a model that had seen it, or its group. Outside of a job nobody listens, and
nothing is kept.

A model is named freely, "count/fold0" or "count/final"; a part of it behind: "count/fold0/inner1". What serves several
folds names them all: "weights/folds 0,1/simplex".
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

LABEL_FREE = ("adaptation", "clusters")
"""Kinds that look at no label: they may be fitted on the very samples that they serve (transductive)."""
IN_SAMPLE = "in sample"
"""Kind of a use on the very samples of the fit: rows that others are fitted on, or figures that are shown as optimism."""
UNKNOWN = "unknown"
"""Kind of a model of unknown training samples; `on` is empty."""
HANDED_ON = "handed on"
"""Kind of rows that come from a model which another job fitted; `on` is empty."""
UNDECLARED = "undeclared"
"""Kind that a model gets which judges without having been declared; `on` is empty."""

_said: list[dict[str, Any]] | None = None
_judged: dict[str, set[str]] = {}
_within: list[str] = []
_taken: dict[str, str] = {}


def fitted(model: object, kind: str, on: Iterable[str] | None, judges: Iterable[str] | None = ()) -> None:
    """Declare a fit.

    Parameters
    ----------
    model : object
        Its name within the study, or what `str` makes one of.
    kind : str
        What was fitted: "network", "early stopping", "scaler", "selection", "head", "weights", "decoder", ..., or one
        of the kinds above, which have a meaning of their own.
    on : iterable of str or None
        Samples whose labels or statistics went in; None where the data have no names: nothing is declared then.
    judges : iterable of str or None
        Samples whose outputs it makes, besides those that `judged` adds.

    Examples
    --------
    >>> from joblineage.declare import begin, fitted, forget, take
    >>> begin()
    >>> fitted("count/fold0", "weights", on=["a", "b"], judges=["c"])
    >>> take(" ".join)  # in a job's record the lists are kept by their sha256
    {'models': [{'model': 'count/fold0', 'kind': 'weights', 'on': 'a b', 'judges': 'c'}]}
    >>> forget()
    """
    if _said is not None and on is not None:
        _said.append({"model": _named(model), "kind": kind, "on": sorted(set(on))})
        judged(model, judges)


def judged(model: object, samples: Iterable[str] | None) -> None:
    """Declare a use: outputs of samples are made by a model that was, or will be, declared.

    Parameters
    ----------
    model : object
        Its name within the study, or what `str` makes one of.
    samples : iterable of str or None
        The samples; None where the data have no names: nothing is declared then.
    """
    if _said is not None and samples is not None:
        _judged.setdefault(_named(model), set()).update(samples)


@contextmanager
def within(name: str) -> Iterator[None]:
    """Declare what is inside as another study than the main one.

    Parameters
    ----------
    name : str
        Stands before the models' names.

    Yields
    ------
    None
        The block works as elsewhere.
    """
    _within.append(name)
    try:
        yield
    finally:
        _within.pop()


def _named(model: object) -> str:
    return " ".join([*_within, str(model)])


def took(path: object, sha256: str) -> None:
    """Declare a file of a cache that went into the result: what an earlier process left, which no rule lists.

    Parameters
    ----------
    path : object
        Path of the file.
    sha256 : str
        The sha256 of its bytes, 64 hex digits.
    """
    if _said is not None:
        _taken[str(path)] = sha256


def taken(keep: Callable[[Any], str]) -> str | None:
    """The files that were taken from caches.

    Parameters
    ----------
    keep : callable
        Keeps the list [{path, sha256}] and gives its name.

    Returns
    -------
    str or None
        That name; None where nothing was taken.
    """
    return keep([{"path": path, "sha256": sha256} for path, sha256 in sorted(_taken.items())]) if _taken else None


def take(keep: Callable[[Any], str]) -> dict[str, Any]:
    """Give what was declared since `begin`; each fit once.

    Parameters
    ----------
    keep : callable
        Keeps a list of samples and gives the name that stands for it; called once for each list.

    Returns
    -------
    dict of str to list
        {"models": [{"model", "kind", "on", "judges"}]}.
    """
    said = _said or []
    silent = sorted(set(_judged) - {fit["model"] for fit in said})
    kept = cache(lambda samples: keep(list(samples)))
    models: dict[tuple[str, ...], dict[str, Any]] = {}  # declared twice counts once
    for fit in said + [{"model": name, "kind": UNDECLARED, "on": []} for name in silent]:
        judges = tuple(sorted(_judged.get(fit["model"], ())))
        model = fit | {"on": kept(tuple(fit["on"])), "judges": kept(judges)}
        models[tuple(model.values())] = model
    return {"models": list(models.values())}


def begin() -> None:
    """Start listening, with nothing recorded yet."""
    global _said
    forget()
    _said = []


def forget() -> None:
    """Forget all, and listen no more."""
    global _said
    _said = None
    _judged.clear()
    _taken.clear()
