"""Who made and who read which bytes, over every record that is kept: files are told apart by path and content.

`Graph` joins the present study's records by path; this joins all of them, the replaced ones too.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from joblineage.store import Store, key

Content = tuple[str, str]
"""(path, sha256)."""


class Descent:
    """The records of a store joined by the bytes that they read and wrote."""

    def __init__(self, store: Store):
        self.store = store
        self.current = set(store.current.values())

    @cached_property
    def made(self) -> dict[Content, list[str]]:
        """{(path, sha256): ids of the records that wrote it, the present study's last, else by time}."""
        return self._joined("outputs")

    @cached_property
    def read(self) -> dict[Content, list[str]]:
        """{(path, sha256): ids of the records that read it}, in the same order."""
        return self._joined("inputs")

    def _joined(self, side: str) -> dict[Content, list[str]]:
        found = defaultdict(list)
        for name in self.sorted(self.store.records):
            for one in self.store.records[name][side]:
                found[one["path"], one["sha256"]].append(name)
        return dict(found)

    def sorted(self, names: Iterable[str]) -> list[str]:
        """`names`, older before newer, the present study's last."""
        return sorted(names, key=lambda one: (one in self.current, self.store.records[one]["time"]["end"], one))

    def maker(self, path: str, sha256: str) -> str | None:
        """Id of the record that wrote those bytes; None for a raw file, or one that was changed after its job."""
        return next(reversed(self.made.get((path, sha256), [])), None)

    def above(self, record: Mapping[str, Any]) -> list[str]:
        """Ids of the records that made the inputs of `record`, each once, by job key."""
        found = {self.maker(one["path"], one["sha256"]) for one in record["inputs"]}
        return self.by_key(name for name in found if name)

    def readers(self, name: str) -> Iterator[str]:
        """Ids of the records that read what record `name` made; one that reads two files twice."""
        for out in self.store.records[name]["outputs"]:
            yield from self.read.get((out["path"], out["sha256"]), [])

    def by_key(self, names: Iterable[str]) -> list[str]:
        """`names` by job key, the newest of a job last."""
        return sorted(self.sorted(names), key=lambda one: key(self.store.records[one]))

    def history(self, job: str) -> Iterator[str]:
        """Ids of the records of a job key, newest first."""
        names = [name for name, record in self.store.records.items() if key(record) == job]
        yield from reversed(self.sorted(names))
