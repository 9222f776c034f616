"""The two walks through jobs that hang together: what is reached from some, and how many lie in a row before each.

Of the standard library alone: loading networkx takes 0.2 CPU s, a fifth of what `verify` needs for a whole study.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)


def reached(starts: Iterable[Name], step: Callable[[Name], Iterable[Name]]) -> dict[Name, int]:
    """Everything that some starts lead to, the starts among it.

    Parameters
    ----------
    step : what one leads to directly.

    Returns
    -------
    {name: steps from the nearest start}, the nearest first.
    """
    found = dict.fromkeys(starts, 0)
    waiting = list(found)
    for one in waiting:
        for further in step(one):
            if further not in found:
                found[further] = found[one] + 1
                waiting.append(further)
    return found


def depths(above: Mapping[Name, Iterable[Name]]) -> dict[Name, int]:
    """How many lie in a row before each, at most.

    Parameters
    ----------
    above : {name: what it needs}, every name as a key.

    Returns
    -------
    {name: depth, 0 for what needs nothing}. Records that were tampered with may go round in a circle: those, and what
    needs them, are deeper than all others.
    """
    sorter = TopologicalSorter(above)
    with suppress(CycleError):
        sorter.prepare()
    found: dict[Name, int] = {}
    depth = 0
    while ready := sorter.get_ready():
        found |= dict.fromkeys(ready, depth)
        sorter.done(*ready)
        depth += 1
    return {name: found.get(name, depth) for name in above}
