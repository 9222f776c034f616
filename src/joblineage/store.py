"""Where records lie: `lineage/` in the workspace, small files that are written once, whole, under the hash of their content.

lineage/records/<id>.json   what one job did (schemas/record.schema.json)
lineage/runs/<id>.json      what one run of the workflow executed and reused (schemas/run.schema.json)
lineage/objects/<sha256>    what records refer to and nobody else keeps: source files, differences, environments, lists of samples

An id is the sha256 of the file: canonical JSON (RFC 8785). So an edited file no longer bears its own name.
"""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage import shapes
from joblineage.files import parse_json, read_bytes, write_bytes
from joblineage.study import Study

FOLDER = "lineage"
SIGNATURES = ".sig.json"
"""Ending of a run's signature, which lies beside it."""
OBJECT, NAME = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{64}\.json")
"""Names of an object's file, and of a record's or a run's."""
PARTS = ("executed", "reused", "superseded")
"""Lists of record ids in a run: made by it, found, and made since the run before it but replaced since."""
MADE = ("executed", "superseded")
"""Those of them that the run has made."""
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
    level = [hashlib.sha256(b"\0" + bytes.fromhex(name)).digest() for name in ids]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)] + odd
    return level[0].hex()


def seconds(time: str) -> float:
    """A record's time as that of a file."""
    return datetime.fromisoformat(time).timestamp()


def key(record: Mapping[str, Any]) -> str:
    """Name of a record's job: its rule and wildcards, "count/part=0/text=a". One per job of a study."""
    job = record["job"]
    return "/".join([job["rule"], *(f"{name}={value}" for name, value in sorted(job["wildcards"].items()))])


class Store:
    """Records of one workspace; each file is read once, so make a new one to see what was written since.

    Parameters
    ----------
    root : Path
        The workspace.
    study : Study
        What the library must know of it.
    """

    def __init__(self, root: Path = Path(), study: Study = ANY):
        self.root = Path(root)
        self.study = study
        self.folder = self.root / FOLDER

    def place(self, name: str) -> Path:
        """Where an object lies, or would lie.

        Parameters
        ----------
        name : str
            Its sha256.

        Returns
        -------
        Path
            The file.
        """
        return self.folder / "objects" / name

    def has(self, name: str) -> bool:
        """Whether an object is kept.

        Parameters
        ----------
        name : str
            Its sha256.

        Returns
        -------
        bool
            True where it is there.
        """
        return os.path.isfile(self.place(name))

    @cached_property
    def kept(self) -> frozenset[str]:
        """Names of all objects that are there."""
        folder = self.folder / "objects"
        entries = os.scandir(folder) if folder.is_dir() else ()
        # A link to DVC's cache counts, one to itself does not: `isfile` says no where `is_file` raises.
        return frozenset(
            entry.name for entry in entries if entry.is_file(follow_symlinks=False) or os.path.isfile(entry)
        )

    def put(self, data: bytes) -> str:
        """Keep bytes as an object.

        Parameters
        ----------
        data : bytes
            What to keep.

        Returns
        -------
        str
            Its sha256.
        """
        name = digest(data)
        if not self.has(name):
            write_bytes(self.place(name), data)
        return name

    def put_json(self, value: Any) -> str:
        """Keep a value as an object of canonical JSON.

        Parameters
        ----------
        value : object
            Anything that JSON can hold.

        Returns
        -------
        str
            Its sha256.
        """
        return self.put(canonical(value))

    def write(self, kind: str, document: Mapping[str, Any]) -> str:
        """Write a document.

        Parameters
        ----------
        kind : {"records", "runs"}
            What it is.
        document : mapping of str to object
            The document.

        Returns
        -------
        str
            Its id.
        """
        data = canonical(document)
        name = digest(data)
        path = self.folder / kind / f"{name}.json"
        if not path.exists():
            write_bytes(path, data)
        return name

    def get(self, name: str) -> bytes:
        """Read an object.

        Parameters
        ----------
        name : str
            Its sha256.

        Returns
        -------
        bytes
            What was kept.

        Raises
        ------
        FileNotFoundError
            No such object, or none that can be read.
        """
        try:
            return read_bytes(self.place(name))
        except OSError as error:
            raise FileNotFoundError(*error.args[:2], str(self.place(name))) from error

    def get_json(self, name: str) -> Any:
        """Read an object as JSON.

        Parameters
        ----------
        name : str
            Its sha256.

        Returns
        -------
        object
            The value.

        Raises
        ------
        FileNotFoundError
            No such object.
        ValueError
            It is no JSON.
        """
        return parse_json(self.get(name))

    def samples(self, name: str) -> frozenset[str]:
        """Read an object as a list of samples.

        Parameters
        ----------
        name : str
            Its sha256.

        Returns
        -------
        frozenset of str
            The samples.

        Raises
        ------
        FileNotFoundError
            No such object.
        ValueError
            It is not a list of names.
        """
        samples = self.get_json(name)
        if not isinstance(samples, list) or not all(isinstance(element, str) for element in samples):
            raise ValueError("no list of samples")
        return frozenset(samples)

    def _documents(self, kind: str) -> tuple[dict[str, Document], dict[str, str]]:
        """{id: document} of those that have the form of their schema, {file: what is wrong} of the others."""
        documents, broken, check = {}, {}, shapes.checker(kind.removesuffix("s"))
        for path in sorted((self.folder / kind).glob("*.json")):
            if not NAME.fullmatch(path.name):  # a signature, or a stranger
                continue
            try:
                document = parse_json(read_bytes(path))
                check(document)
                documents[path.stem] = document
            except OSError as error:
                broken[f"{kind}/{path.name}"] = f"cannot be read: {error.strerror}"
            except ValueError as error:
                broken[f"{kind}/{path.name}"] = str(error)
        return documents, broken

    @cached_property
    def _read(self) -> dict[str, tuple[dict[str, Document], dict[str, str]]]:
        return {kind: self._documents(kind) for kind in ("records", "runs")}

    @cached_property
    def records(self) -> dict[str, Document]:
        """{id: record} of every record that can be read."""
        return self._read["records"][0]

    def count(self) -> int:
        """Count the records there are now.

        The number only grows, so of two records of a job the later one has found more.

        Returns
        -------
        int, >= 0
            How many.
        """
        folder = self.folder / "records"
        return sum(NAME.fullmatch(name) is not None for name in os.listdir(folder)) if folder.is_dir() else 0

    @cached_property
    def runs(self) -> dict[str, Document]:
        """{id: run} of every run that can be read, each after the one that it names as the one before."""
        runs = self._read["runs"][0]
        return {name: runs[name] for name in in_order({name: run["previous"] for name, run in runs.items()})}

    @cached_property
    def broken(self) -> dict[str, str]:
        """{"records/<id>.json": what is wrong} of the records and runs that cannot be read; the others go without them."""
        return {path: what for kind in self._read.values() for path, what in kind[1].items()}

    @cached_property
    def line(self) -> list[str]:
        """Ids of the last run and of those that it follows from, newest first."""
        ids: list[str] = []
        name: str | None = next(reversed(self.runs), None)
        while name in self.runs and name not in ids:
            ids.append(name)
            name = self.runs[name]["previous"]
        return ids

    @cached_property
    def last_run(self) -> Document | None:
        """The newest run; None before the first."""
        return self.runs[self.line[0]] if self.line else None

    @cached_property
    def listed(self) -> dict[str, str]:
        """{record id: id of the last run that lists it}."""
        return {name: run for run, listed in self.runs.items() for part in PARTS for name in listed[part]}

    @cached_property
    def pending(self) -> dict[str, Document]:
        """Records that no run lists yet: of a run that is under way, or that was killed."""
        return {name: record for name, record in self.records.items() if name not in self.listed}

    @cached_property
    def ranks(self) -> dict[str, tuple]:
        """{record id: its place in the order in which records were made, as far as runs and records tell}.

        Runs name the one before them. Records that no run lists yet are newer. Among those of one run a record of the
        same job is newer that found more records when it was written. Only records of before jobs counted them have
        nothing but their clocks.
        """
        runs, last = {name: number for number, name in enumerate(self.runs)}, len(self.runs)
        made_by = {name: run for run, listed in reversed(self.runs.items()) for part in MADE for name in listed[part]}
        replaced = {name for run in self.runs.values() for name in run["superseded"]}
        return {
            name: (
                runs[made_by[name]] if name in made_by else last,
                name not in replaced,
                record.get("number", -1),
                record["time"]["end"],
                name,
            )
            for name, record in self.records.items()
        }

    def by_age(self, names: Iterable[str]) -> list[str]:
        """Sort records by age.

        Parameters
        ----------
        names : iterable of str
            Their ids.

        Returns
        -------
        list of str
            The ids, older before newer.
        """
        return sorted(names, key=self.ranks.__getitem__)

    @cached_property
    def newest(self) -> dict[str, str]:
        """{path: id of the newest record that made it}, of all records."""
        return self._makers(self.records)

    @cached_property
    def versions(self) -> set[tuple[str, str]]:
        """(path, sha256) of everything that a record says was made, now or earlier."""
        return {(out["path"], out["sha256"]) for record in self.records.values() for out in record["outputs"]}

    @cached_property
    def makers(self) -> dict[str, str]:
        """{path: id of the newest record that made it}, of the last run's records and those pending."""
        last = self.last_run
        known = [name for name in (*last["executed"], *last["reused"]) if name in self.records] if last else []
        return self._makers({*known, *self.pending})

    def _makers(self, names: Iterable[str]) -> dict[str, str]:
        return {out["path"]: name for name in self.by_age(names) for out in self.records[name]["outputs"]}

    def made_by(self, run: Document) -> dict[str, str]:
        """What the study held at the end of a run.

        Parameters
        ----------
        run : mapping
            The run.

        Returns
        -------
        dict of str to str
            {path: md5}.
        """
        names = [name for part in ("reused", "executed") for name in run[part] if name in self.records]
        return {out["path"]: out["md5"] for name in names for out in self.records[name]["outputs"]}

    @cached_property
    def current(self) -> dict[str, str]:
        """{job key: id} of the records that made what the study holds now."""
        return {key(self.records[name]): name for name in self.by_age(set(self.makers.values()))}


def in_order(before: Mapping[str, str | None]) -> list[str]:
    """Names, each after the one that it names as the one before; the end of the longest chain is last.

    Parameters
    ----------
    before : {name: the one before; None for a first one}.
    """
    after = defaultdict(list)
    for name, previous in sorted(before.items()):
        after[previous if previous in before or previous is None else ""].append(name)
    ordered: list[str] = []
    for start in (None, ""):  # what follows a lost one comes after what is whole
        level = after[start]
        while level:
            ordered += level
            level = [name for earlier in level for name in after[earlier]]
    return sorted(before.keys() - set(ordered)) + ordered  # the former go round in a circle
