"""Who made what from what: the present study's records joined by path, and every record that is kept by content.

The two walks are of the standard library alone: loading networkx takes 0.2 CPU s, a fifth of what `verify` needs.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from joblineage.store import Store, key


def reached(starts: Iterable[str], step: Callable[[str], Iterable[str]]) -> dict[str, int]:
    """Everything that some starts lead to, the starts among it: {name: steps from the nearest start}, the nearest first.

    Parameters
    ----------
    step : what one leads to directly.
    """
    distances = dict.fromkeys(starts, 0)
    waiting = list(distances)
    for name in waiting:
        for further in step(name):
            if further not in distances:
                distances[further] = distances[name] + 1
                waiting.append(further)
    return distances


def depths(above: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many lie in a row before each, at most; 0 before what needs nothing.

    Records that were tampered with may go round in a circle: those, and what needs them, are deeper than all others.

    Parameters
    ----------
    above : {name: what it needs}, every name as a key.
    """
    sorter = TopologicalSorter(above)
    with suppress(CycleError):
        sorter.prepare()
    levels: dict[str, int] = {}
    depth = 0
    while ready := sorter.get_ready():
        levels |= dict.fromkeys(ready, depth)
        sorter.done(*ready)
        depth += 1
    return {name: levels.get(name, depth) for name in above}


class Graph:
    """The current records of a store, joined by the paths that they read and wrote."""

    def __init__(self, store: Store):
        self.store = store

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """{id: record} of the present study."""
        return {name: self.store.records[name] for name in self.store.current.values()}

    @cached_property
    def readers(self) -> dict[str, list[str]]:
        """{path: ids of the records that read it}."""
        by_path = defaultdict(list)
        for name, record in self.records.items():
            for input_ in record["inputs"]:
                by_path[input_["path"]].append(name)
        return dict(by_path)

    def above(self, name: str) -> list[str]:
        """Ids of the records that made the inputs of record `name`, each once, by job key."""
        makers = {self.store.makers.get(input_["path"]) for input_ in self.records[name]["inputs"]}
        return sorted(
            (record for record in makers if record in self.records), key=lambda record: key(self.records[record])
        )

    def below(self, name: str) -> list[str]:
        """Ids of the records that read an output of record `name`, each once, by job key."""
        read = {reader for out in self.records[name]["outputs"] for reader in self.readers.get(out["path"], [])}
        return sorted(read, key=lambda record: key(self.records[record]))

    @cached_property
    def depths(self) -> dict[str, int]:
        """{id: how many jobs in a row lie before it}."""
        return depths({name: self.above(name) for name in self.records})

    def chain(self, path: str) -> list[str]:
        """Ids of every record that `path` came from, makers before readers.

        Raises
        ------
        KeyError : no record made `path`.
        """
        return self.ordered(reached([self.store.makers[path]], self.above))

    def after(self, name: str) -> list[str]:
        """Ids of every record that used what record `name` made, directly or not, makers before readers."""
        return self.ordered(reached([name], self.below).keys() - {name})

    def ordered(self, names: Iterable[str]) -> list[str]:
        """`names` with makers before readers, else by job key."""
        return sorted(names, key=lambda name: (self.depths[name], key(self.records[name])))


Content = tuple[str, str]
"""(path, sha256)."""


class Descent:
    """All records of a store, the replaced ones too, joined by the bytes that they read and wrote."""

    def __init__(self, store: Store):
        self.store = store
        self.current = set(store.current.values())

    @cached_property
    def made(self) -> dict[Content, str]:
        """{(path, sha256): id of the last record that wrote it}, as `sorted` has them."""
        names, records = self.sorted(self.store.records), self.store.records
        return {(output["path"], output["sha256"]): name for name in names for output in records[name]["outputs"]}

    @cached_property
    def read(self) -> dict[Content, list[str]]:
        """{(path, sha256): ids of the records that read it}, as `sorted` has them."""
        by_content = defaultdict(list)
        for name in self.sorted(self.store.records):
            for input_ in self.store.records[name]["inputs"]:
                by_content[input_["path"], input_["sha256"]].append(name)
        return dict(by_content)

    def sorted(self, names: Iterable[str]) -> list[str]:
        """`names`, older before newer, the present study's last."""
        return sorted(names, key=lambda name: (name in self.current, self.store.ranks[name]))

    def maker(self, path: str, sha256: str) -> str | None:
        """Id of the record that wrote those bytes; None for a raw file, or one that was changed after its job."""
        return self.made.get((path, sha256))

    def above(self, record: Mapping[str, Any]) -> list[str]:
        """Ids of the records that made the inputs of `record`, each once, by job key."""
        makers = {self.maker(input_["path"], input_["sha256"]) for input_ in record["inputs"]}
        return self.by_key(name for name in makers if name)

    def readers(self, name: str) -> Iterator[str]:
        """Ids of the records that read what record `name` made; one that reads two files twice."""
        for out in self.store.records[name]["outputs"]:
            yield from self.read.get((out["path"], out["sha256"]), [])

    def by_key(self, names: Iterable[str]) -> list[str]:
        """`names` by job key, the newest of a job last."""
        return sorted(self.sorted(names), key=lambda name: key(self.store.records[name]))

    def history(self, job: str) -> list[str]:
        """Ids of the records of a job key, newest first."""
        return self.sorted(name for name, record in self.store.records.items() if key(record) == job)[::-1]
