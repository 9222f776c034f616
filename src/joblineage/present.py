"""What is no longer as the records say, file by file: one list for `verify`, for repair and for what Snakemake runs again.

Only content counts. Files that have not changed since the last look are known by their status (`checks.content.sums`).
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from joblineage.checks.content import Sums, sums
from joblineage.files import LITTER, parse_yaml, read_bytes
from joblineage.store import Document, Store, digest, key
from joblineage.study import Study
from joblineage.verdict import Finding, Verdict


class Kind(StrEnum):
    """In what way a file is not as a record says."""

    CHANGED = "changed input"
    """A job read other bytes: of a file from outside, or of one that a job has made again since."""
    GONE = "lost input"
    """A job read it, no job makes it, and it is not here."""
    UNSTEADY = "input that changed while the job ran"
    LOST = "lost output"
    OTHER = "other output"
    """Not the bytes that its job made: cut, edited, older, swapped."""
    FOREIGN = "foreign file"
    """Lies among what jobs make, and no record made it."""


@dataclass(frozen=True)
class Difference:
    """One file that is not as a record says.

    Parameters
    ----------
    path : below the study's folder.
    record : id of the record that read or made the file; None of a foreign file.
    file : the file in that record: role, path, sha256, size; of an output also md5, DVC's name of the bytes. Empty of
        a foreign file.
    found : sha256 of what is here; None where there is no such file, or it was not looked at (`FOREIGN`).
    maker : of an input, id of the record that made the file; None where no job did.
    """

    kind: Kind
    path: str
    record: str | None = None
    file: Mapping[str, Any] = field(default_factory=dict)
    found: str | None = None
    maker: str | None = None


@dataclass(frozen=True)
class Present:
    """The files of some records, as they are now.

    Parameters
    ----------
    differences : what is not as recorded, makers before readers as far as their times go.
    absent : paths of outputs that are not here because they lie in the private store: no loss.
    files : how many were compared.
    read : bytes that had to be read for it.
    sums : sha256 of every file that the records name; None of one that is not here.
    notes : what kept from looking at some, or from remembering it.
    """

    differences: list[Difference]
    absent: list[str]
    files: int
    read: int
    sums: Sums = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def compare(store: Store, names: Iterable[str] | None = None, *, deep: bool = False) -> Present:
    """Compare what records say of files with the files.

    Parameters
    ----------
    names : ids of current records; None: all of them, and files that no record made too.
    deep : read every byte instead of trusting the files' status.
    """
    chain = set(store.current.values() if names is None else names)
    records = [(name, store.records[name]) for name in store.by_age(chain)]
    paths = {file["path"] for _, record in records for side in ("inputs", "outputs") for file in record[side]}
    hashes, read, notes = sums(store.root, paths, deep=deep)
    away = not_here(store.root, store.study) if None in hashes.values() else []
    differences = [
        difference
        for name, record in records
        for difference in (*_inputs(store, name, record, hashes, chain), *_outputs(store, name, record, hashes))
    ]
    lost = {Kind.LOST, Kind.GONE}
    private = {
        difference.path for difference in differences if difference.kind in lost and _below(difference.path, away)
    }
    kept = [difference for difference in differences if difference.kind not in lost or difference.path not in private]
    absent = sorted(
        {difference.path for difference in differences if difference.kind is Kind.LOST and difference.path in private}
    )
    others = foreign(store) if names is None else []
    if ends := [
        difference.path
        for difference in differences
        if difference.kind is Kind.CHANGED and _line_ends(store, difference)
    ]:
        how = "`git config core.autocrlf false`, then `git rm -rq --cached . && git reset -q --hard` brings them back"
        notes.append(f"{len({*ends})} files differ from those of the records in line ends alone ({ends[0]}): {how}")
    return Present(kept + others, absent, len(hashes) - len(absent), read, hashes, notes)


def _outputs(store: Store, name: str, document: Document, hashes: Sums) -> Iterator[Difference]:
    for file in document["outputs"]:
        path = file["path"]
        if store.makers.get(path) == name and hashes.get(path, file["sha256"]) != file["sha256"]:
            yield Difference(Kind.OTHER if hashes[path] else Kind.LOST, path, name, file, hashes[path])


def _inputs(store: Store, name: str, document: Document, hashes: Sums, chain: set[str]) -> Iterator[Difference]:
    """A file that a record of the chain made is compared with what that one says: the file itself counts among its outputs."""
    unsteady = {file["path"]: file["sha256"] for file in document["changed_inputs"]}
    for file in document["inputs"]:
        path, maker = file["path"], store.makers.get(file["path"])
        now = _made(store.records[maker], path) if maker in chain else hashes.get(path, file["sha256"])
        if path in unsteady:
            yield Difference(Kind.UNSTEADY, path, name, file, unsteady[path], maker)
        elif now != file["sha256"]:
            yield Difference(Kind.CHANGED if now else Kind.GONE, path, name, file, now, maker)


def _line_ends(store: Store, difference: Difference) -> bool:
    """Whether a file from outside would be what its job read, had its lines other ends."""
    try:
        data = read_bytes(store.root / difference.path) if difference.maker is None else b""
    except OSError:
        return False
    return b"\r\n" in data and digest(data.replace(b"\r\n", b"\n")) == difference.file["sha256"]


def _made(record: Document, path: str) -> str:
    return next(file["sha256"] for file in record["outputs"] if file["path"] == path)


def _below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def foreign(store: Store) -> list[Difference]:
    """Files in the folders that jobs fill which no record made. Of the folder of raw data only those parts count."""
    root, raw = store.root, store.study.raw
    tops = {Path(*Path(path).parts[: 2 if path.startswith(raw) else 1]) for path in store.makers}
    return [
        Difference(Kind.FOREIGN, path)
        for top in sorted(tops)
        for path in sorted(file.relative_to(root).as_posix() for file in _files(root / top))
        if path not in store.makers and not path.endswith(".tmp") and not LITTER.fullmatch(Path(path).name)
    ]


def _files(top: Path) -> Iterator[Path]:
    """All files below a folder, but for what is closed to this user."""
    paths = (Path(folder, name) for folder, _, names in os.walk(top) for name in names)
    return (path for path in paths if path.is_file())


EMPTY = hashlib.sha256().hexdigest()
SAID = {
    Kind.CHANGED: "input(s) changed since they were read",
    Kind.GONE: "input(s) are gone",
    Kind.UNSTEADY: "input(s) changed while they were read",
    Kind.LOST: "result(s) are gone",
    Kind.OTHER: "result(s) are not what was made (cut, edited or older)",
    Kind.FOREIGN: "result(s) lie here that no recorded job made",
}
"""What files are compared with before a run."""


VERDICTS = {
    Kind.CHANGED: (Verdict.STALE, "changed since {job} read it"),
    Kind.GONE: (Verdict.MISSING, "{job} read it, and it is gone"),
    Kind.LOST: (Verdict.MISSING, "{job} made it, and it is gone"),
    Kind.OTHER: (Verdict.TAMPERED, "{job} made {sha256:.12} ({size} bytes), found {found:.12}"),
    Kind.FOREIGN: (Verdict.UNRECORDED, "no record made this file"),
}
"""What `verify` says of a file."""


def findings(store: Store, differences: Iterable[Difference]) -> list[Finding]:
    """The differences as `verify` tells them: by file, where jobs do not fit together by job."""
    findings, unsteady = [], dict[str, list[str]]()
    for difference in differences:
        job = "" if difference.record is None else key(store.records[difference.record])
        if difference.kind is Kind.UNSTEADY:
            unsteady.setdefault(job, []).append(difference.path)
        elif difference.record and difference.maker and difference.kind is Kind.CHANGED:
            findings.append(_handed_on(store, difference))
        elif difference.kind is Kind.OTHER and difference.found == EMPTY:
            findings.append(
                Finding(
                    Verdict.MISSING, difference.path, f"{job} made {difference.file['size']} bytes, and it is empty"
                )
            )
        elif difference.kind is Kind.OTHER and (difference.path, difference.found) in store.versions:
            findings.append(
                Finding(Verdict.STALE, difference.path, f"is not what {job} made last, but an earlier version of it")
            )
        else:
            verdict, what = VERDICTS[difference.kind]
            said = what.format(
                job=job, found=difference.found, **{"sha256": None, "size": None} | dict(difference.file)
            )
            findings.append(Finding(verdict, difference.path, said))
    changed = (f"changed while the job ran: {', '.join(paths)}" for paths in unsteady.values())
    return findings + [Finding(Verdict.TAINTED, job, what) for job, what in zip(unsteady, changed, strict=True)]


def _handed_on(store: Store, difference: Difference) -> Finding:
    """A job read other bytes than the maker of that file made."""
    reader, maker = (key(store.records[name]) for name in (str(difference.record), str(difference.maker)))
    if (difference.path, difference.file["sha256"]) in store.versions:
        return Finding(Verdict.STALE, reader, f"made from another version of {difference.path} than {maker} made last")
    return Finding(Verdict.TAMPERED, reader, f"read bytes of {difference.path} that {maker} had never made")


def not_here(root: Path, study: Study) -> list[str]:
    """Outputs of dvc.yaml that go to the private store and are not in this workspace.

    None where only some of them are missing, unless the parameters say that they are absent: a clone without that store has none.
    """
    try:
        params = parse_yaml((root / study.settings).read_bytes())
        stages = dvc_stages(root, params)
        outs = [next(iter(out.items())) for stage in stages.values() for out in stage["outs"] if isinstance(out, dict)]
        private = [path for path, options in outs if options.get("remote") == "private"]
        away = [path for path in private if not (root / path).exists()]
        return away if away == private or study.absent(params) else []
    except (OSError, yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, StopIteration):
        return []  # of another form than Snakemake and DVC read: both say so


def dvc_stages(root: Path, params: Mapping[str, Any]) -> dict[str, Any]:
    """The stages of dvc.yaml, "${name}" filled in from the parameters' top level."""
    text = re.sub(r"\$\{(\w+)\}", lambda match: str(params[match[1]]), (root / "dvc.yaml").read_text("utf-8"))
    return dict(parse_yaml(text)["stages"])
