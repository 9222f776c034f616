"""Which files a crate holds, and which it only knows by their hash.

What lies at its own path is byte for byte the study's, but for the three files that tell of the crate; what would tell private names stays out, code with an example among it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from joblineage.errors import DataError
from joblineage.export.view import View
from joblineage.files import matches
from joblineage.record import LOGIC, WEIGHTS
from joblineage.store import FOLDER, SIGNATURES, Store, canonical, digest
from joblineage.study import Study

MANIFEST, README = "manifest.json", "README.md"
"""A crate's own files, beside its metadata."""
COPIES = "pseudonyms/"
"""Where tables lie that are no longer the study's own bytes: with pseudonyms, where somebody keeps their salt."""
BESIDE = ("LICENSE", "dvc.lock")
"""Files that no job reads; dvc.lock leads to what DVC keeps."""
WHY = {
    "private": "raw data, and what shows them: never in a crate",
    "names": "tells private names",
    "outside": "what comes from outside is not the study's to hand on",
    "unlisted": "results that nobody has let out",
}
"""Why a file is not in a crate."""


README_TEXT = """\
# {study.title}

Run {view.run_id}, ended {view.run[time][end]}, code of commit {commits}. `ro-crate-metadata.json` describes it (Provenance Run Crate 0.5): which
job made what from what, when, by which code and parameters. What lies at its own path is the study's file, byte for byte.

Not in the crate, known by their sha256 in `manifest.json`:

{absent}

{names}

`{study.command} export --check CRATE.zip` compares every file with its sha256. To go on from here: `git clone` the study
at that commit, `unzip -n CRATE.zip` into it, `dvc pull --force`, then `snakemake {study.target}`.
"""
NO_NAME = (
    "No private name is in the crate. Pseudonyms stand for them; they keep names out of sight, no more: who has the data can "
    "tell them by their sha256, and who guesses a name can test it against the hash of a file that is left out."
)
NAMES_TOLD = "Private names are in the crate, as was asked for."


@dataclass
class Payload:
    """What goes in and what stays out.

    files : {path: bytes}. absent : {path: (sha256, size in bytes, a key of WHY)}.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    absent: dict[str, tuple[str, int, str]] = field(default_factory=dict)


def payload(view: View) -> Payload:
    """Sort the study's files into those that go in and those that stay.

    Raises
    ------
    DataError : a file is gone, or is no longer what its record says.
    """
    contents = Payload()
    for path, file in sorted(view.files.items()):
        if why := kept_back(path, file["role"], view.store.study):
            contents.absent[path] = (file["sha256"], file["size"], why)
        else:
            contents.files[path] = _read(view.store, path, file["sha256"], kept=file["role"] in LOGIC)
    for path, sha256 in view.run["study"].items():
        contents.files[path] = _read(view.store, path, sha256, kept=True)
    contents.files |= {path: data for path in BESIDE if (data := _bytes(view.store.root / path)) is not None}
    here = {digest(data) for data in contents.files.values()}
    contents.files |= {path: data for path, data in _lineage(view) if digest(data) not in here}
    for path, data in sorted(contents.files.items()):
        if view.names.salt is not None and view.names.named_in(data, path):
            contents.absent[path] = (digest(data), len(data), "names")
            del contents.files[path]
            if view.names.kept and path.endswith(".parquet"):
                contents.files[COPIES + path] = view.names.copy(data)
    contents.files[MANIFEST] = _manifest(view, contents)
    contents.files[README] = _readme(view, contents)
    return contents


def kept_back(path: str, role: str, study: Study) -> str | None:
    """Why a file stays out whatever is in it, a key of WHY; None: it may go in."""
    if matches(path, study.private):
        return "private"
    if role in LOGIC:
        return None
    if path.startswith(study.made):
        return None if matches(path, study.results) else "unlisted"
    return "outside" if role == WEIGHTS or matches(path, study.outside) else None


def _read(store: Store, path: str, sha256: str, *, kept: bool) -> bytes:
    """A file's recorded bytes, from the lineage's own copy where it keeps one."""
    data = _bytes(store.place(sha256) if kept else store.root / path)
    if data is None or digest(data) != sha256:
        said = "is gone" if data is None else "is not what its record says"
        raise DataError(path, [f"{said}: `verify` says more; nothing was exported"])
    return data


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _lineage(view: View) -> Iterator[tuple[str, bytes]]:
    """The last run, its signature, its records, and what these refer to."""
    run = f"{FOLDER}/runs/{view.run_id}"
    names = {f"{FOLDER}/records/{name}.json": name for name in (*view.run["executed"], *view.run["reused"])}
    yield f"{run}.json", _read(view.store, f"{run}.json", view.run_id, kept=False)
    if signature := _bytes(view.store.root / f"{run}{SIGNATURES}"):
        yield f"{run}{SIGNATURES}", signature
    objects: set[str] = set()  # source files aside: those lie under their own path
    for path, name in names.items():
        yield path, _read(view.store, path, name, kept=False)
        record = view.store.records[name]
        objects |= {record["environment"], record["code"]["diff"]}
        objects |= {model[side] for model in record["split"]["models"] for side in ("on", "judges")}
    for name in sorted(objects - {None}):
        yield f"{FOLDER}/objects/{name}", _read(view.store, f"{FOLDER}/objects/{name}", name, kept=True)


def _manifest(view: View, contents: Payload) -> bytes:
    """The files that are not here by their hash, as JSON; raw files without names, for these may tell private names."""
    raw = view.store.study.raw if view.names.salt is not None else None
    shown = {path: "" if raw and path.startswith(raw) else view.names.shown(path) for path in contents.absent}
    named = sorted((shown[path], *about) for path, about in contents.absent.items())
    listed = [{"path": path or None, "sha256": digest, "size": size, "why": why} for path, digest, size, why in named]
    return canonical({"schema": "joblineage-manifest/1", "why": WHY, "files": listed}) + b"\n"


def _readme(view: View, contents: Payload) -> bytes:
    """What somebody needs to know who finds the crate."""
    counted = Counter(why for _, _, why in contents.absent.values())
    absent = "\n".join(f"- {counted[why]} files: {said}" for why, said in WHY.items() if counted[why])
    commits, names = ", ".join(view.commits) or "unknown", NAMES_TOLD if view.names.salt is None else NO_NAME
    return README_TEXT.format(study=view.store.study, view=view, commits=commits, absent=absent, names=names).encode()
