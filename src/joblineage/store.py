"""Where records lie: `lineage/` in the workspace, small files that are written once, whole, under the hash of their content.

lineage/records/<id>.json   what one job did (schemas/record.schema.json)
lineage/runs/<id>.json      what one run of the workflow executed and reused (schemas/run.schema.json)
lineage/objects/<sha256>    what records refer to and nobody else keeps: source files, differences, environments, lists of samples

An id is the sha256 of the file: canonical JSON (RFC 8785). So an edited file no longer bears its own name.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage.files import write_bytes
from joblineage.study import Study

FOLDER = "lineage"
SIGNATURES = ".sig.json"
"""Ending of a run's signature, which lies beside it."""
PARTS = ("executed", "reused", "superseded")
"""Lists of record ids in a run: made by it, found, and made since the run before it but replaced since."""
Document = dict[str, Any]
ANY = Study()
"""A study of which nothing special is known."""


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON (RFC 8785): one spelling for one content."""
    import rfc8785  # only at a job's end

    return rfc8785.dumps(value)


def digest(data: bytes) -> str:
    """sha256 of `data`, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def merkle_root(ids: list[str]) -> str:
    """Root of the binary hash tree over `ids` in this order (RFC 6962: 0x00 before a leaf, 0x01 before a node)."""
    if not ids:
        return digest(b"")
    level = [hashlib.sha256(b"\0" + bytes.fromhex(one)).digest() for one in ids]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0].hex()


def key(record: Mapping[str, Any]) -> str:
    """Name of a record's job: its rule and wildcards, "count/part=0/text=a". One per job of a study."""
    job = record["job"]
    return "/".join([job["rule"], *(f"{name}={value}" for name, value in sorted(job["wildcards"].items()))])


class Store:
    """The records of one workspace. Reads each file once; make a new one to see what was written since.

    Parameters
    ----------
    root : the workspace.
    study : what the library must know of it.
    """

    def __init__(self, root: Path = Path(), study: Study = ANY):
        self.root = Path(root)
        self.study = study
        self.folder = self.root / FOLDER

    def place(self, name: str) -> Path:
        """Where the object of that sha256 lies, or would lie."""
        return self.folder / "objects" / name

    def has(self, name: str) -> bool:
        """Whether the object of that sha256 is kept."""
        return self.place(name).is_file()

    def put(self, data: bytes) -> str:
        """Keep `data` as an object; its sha256."""
        name = digest(data)
        if not self.has(name):
            write_bytes(self.place(name), data)
        return name

    def put_json(self, value: Any) -> str:
        """Keep `value` as an object of canonical JSON; its sha256."""
        return self.put(canonical(value))

    def write(self, kind: str, document: Mapping[str, Any]) -> str:
        """Write a document, kind "records" or "runs"; its id."""
        data = canonical(document)
        name = digest(data)
        path = self.folder / kind / f"{name}.json"
        if not path.exists():
            write_bytes(path, data)
        return name

    def get(self, name: str) -> bytes:
        """The object of that sha256.

        Raises
        ------
        FileNotFoundError : no such object.
        """
        return self.place(name).read_bytes()

    def get_json(self, name: str) -> Any:
        """The object of that sha256, read as JSON."""
        return json.loads(self.get(name))

    def _documents(self, kind: str) -> Iterator[tuple[str, Document]]:
        for path in sorted((self.folder / kind).glob("*.json")):
            if path.name.endswith(SIGNATURES):
                continue
            try:
                yield path.stem, json.loads(path.read_bytes())
            except ValueError:  # broken: `verify` names it, the others go without
                continue

    @cached_property
    def records(self) -> dict[str, Document]:
        """{id: record} of every readable record."""
        return dict(self._documents("records"))

    @cached_property
    def runs(self) -> dict[str, Document]:
        """{id: run}, oldest first."""
        found = dict(self._documents("runs"))
        return dict(sorted(found.items(), key=lambda pair: (pair[1]["time"]["end"], pair[0])))

    @cached_property
    def last_run(self) -> Document | None:
        """The newest run; None before the first."""
        return list(self.runs.values())[-1] if self.runs else None

    @cached_property
    def listed(self) -> dict[str, str]:
        """{record id: id of the last run that lists it}."""
        return {name: run for run, one in self.runs.items() for part in PARTS for name in one[part]}

    @cached_property
    def pending(self) -> dict[str, Document]:
        """Records that no run lists yet: of a run that is under way, or that was killed."""
        return {name: record for name, record in self.records.items() if name not in self.listed}

    @cached_property
    def newest(self) -> dict[str, str]:
        """{path: id of the newest record that made it}, of all records."""
        return self._makers(self.records)

    @cached_property
    def makers(self) -> dict[str, str]:
        """{path: id of the newest record that made it}, of the last run's records and those pending."""
        last = self.last_run
        known = [name for name in (*last["executed"], *last["reused"]) if name in self.records] if last else []
        return self._makers([*known, *self.pending])

    def _makers(self, names: Iterable[str]) -> dict[str, str]:
        by_age = sorted(names, key=lambda name: self.records[name]["time"]["end"])
        return {out["path"]: name for name in by_age for out in self.records[name]["outputs"]}

    def made_by(self, run: Document) -> dict[str, str]:
        """{path: md5} of what the study held at the end of a run."""
        names = [name for part in ("reused", "executed") for name in run[part] if name in self.records]
        return {out["path"]: out["md5"] for name in names for out in self.records[name]["outputs"]}

    @cached_property
    def current(self) -> dict[str, str]:
        """{job key: id} of the records that made what the study holds now."""
        made = sorted(set(self.makers.values()), key=lambda name: self.records[name]["time"]["end"])
        return {key(self.records[name]): name for name in made}
