"""Who made what from what: the records of the present study as a graph of files."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from joblineage.store import Store, key
from joblineage.walk import depths, reached


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
        found = defaultdict(list)
        for name, record in self.records.items():
            for one in record["inputs"]:
                found[one["path"]].append(name)
        return dict(found)

    def above(self, name: str) -> list[str]:
        """Ids of the records that made the inputs of record `name`, each once, by job key."""
        made = {self.store.makers.get(one["path"]) for one in self.records[name]["inputs"]}
        return sorted((one for one in made if one in self.records), key=lambda one: key(self.records[one]))

    def below(self, name: str) -> list[str]:
        """Ids of the records that read an output of record `name`, each once, by job key."""
        read = {one for out in self.records[name]["outputs"] for one in self.readers.get(out["path"], [])}
        return sorted(read, key=lambda one: key(self.records[one]))

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
        return sorted(names, key=lambda one: (self.depths[one], key(self.records[one])))
