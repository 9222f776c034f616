"""Does anything lie where nobody put it? Folders that jobs fill hold the files that records name, and nothing else.

A link is named whatever it leads to: jobs make files and folders, and what lies behind a link may change without a trace here.
"""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from joblineage.capture import dvc_md5
from joblineage.files import LITTER
from joblineage.store import FOLDER, SIGNATURES, Store
from joblineage.study import Checked
from joblineage.verdict import Finding, Verdict

HALF_WRITTEN = re.compile(r"\..+\.[0-9]+\.tmp")
"""Name of a file that a job was writing (`files.whole_file`)."""
DOCUMENT = re.compile(r"\.[0-9a-f]{64}(\.sig)?(\.json)?\.[0-9]+\.tmp")
"""The same of a document in lineage/."""


def strangers(store: Store) -> Checked:
    """What lies in the folders that jobs fill and that no record made, and links in place of what jobs made. Findings, and
    notes on what is half-written, and on what file browsers and editors leave.

    Of the folder of raw data only those parts count that jobs fill.
    """
    root, raw = store.root, store.study.raw
    tops = {Path(*Path(path).parts[: 2 if path.startswith(raw) else 1]) for path in store.makers}
    md5s = {out["path"]: out["md5"] for name in set(store.makers.values()) for out in store.records[name]["outputs"]}
    above = {folder for top in tops for folder in top.parents if folder != Path() and (root / folder).is_symlink()}
    findings = [_link(root, folder.as_posix()) for folder in sorted(above)]
    half, litter = [], []
    for top in sorted(tops):
        for path, mode in _walk(root, top):
            name = path.as_posix()
            if stat.S_ISLNK(mode):
                if not _of_dvc(root / path, md5s.get(name)):
                    findings.append(_link(root, name))
            elif stat.S_ISREG(mode) and HALF_WRITTEN.fullmatch(path.name):
                half.append(name)
            elif stat.S_ISREG(mode) and name not in store.makers and LITTER.fullmatch(path.name):
                litter.append(name)
            elif name not in store.makers:
                findings.append(_stranger(name, mode))
    said = {"half-written, by a run at work or one that was killed": half, "of a file browser or an editor": litter}
    return findings, [f"{len(names)} files are {what}: {names[0]}, ..." for what, names in said.items() if names]


def lineage(store: Store) -> list[Finding]:
    """Links (but to DVC's cache) and files in lineage/ that are no documents; those with names of documents are for `structure`."""
    findings = []
    for path, mode in _walk(store.root, Path(FOLDER)):
        name, signed = path.as_posix(), path.name.removesuffix(SIGNATURES)
        if stat.S_ISLNK(mode):
            place = store.root / path
            if not (place.is_file() and _of_dvc(place, dvc_md5(place))):
                findings.append(_link(store.root, name))
        elif not stat.S_ISREG(mode):
            findings.append(_stranger(name, mode))
        elif signed != path.name and (path.parent != Path(FOLDER, "runs") or signed not in store.runs):
            findings.append(Finding(Verdict.UNRECORDED, name, "the signature of a run that is not here"))
        elif path.suffix == ".tmp" and not DOCUMENT.fullmatch(path.name):
            findings.append(Finding(Verdict.UNRECORDED, name, "no such file belongs here"))
    return findings


def _walk(root: Path, top: Path) -> Iterator[tuple[Path, int]]:
    """(path below the root, mode) of everything below a folder that is no folder, sorted; a link is not followed."""
    try:
        mode = os.lstat(root / top).st_mode
        if not stat.S_ISDIR(mode):
            yield top, mode
            return
        names = sorted(os.listdir(root / top))
    except OSError:  # gone, or closed to us: its files are missed one by one
        return
    for name in names:
        yield from _walk(root, top / name)


def _link(root: Path, path: str) -> Finding:
    try:
        target = os.readlink(root / path)
    except OSError:
        target = "nothing that can be read"
    return Finding(
        Verdict.UNRECORDED, path, f"a link to {target}: jobs make files, and nobody recorded what lies there"
    )


def _of_dvc(place: Path, md5: str | None) -> bool:
    """Whether a link leads to those bytes in a cache of DVC (`cache.type = symlink`), which files them by their md5."""
    return md5 is not None and "".join(Path(os.readlink(place)).parts[-2:]) == md5


def _stranger(path: str, mode: int) -> Finding:
    """Names that look like others are spelled out too; what a terminal cannot show is."""
    if not stat.S_ISREG(mode):
        what = "no file: a pipe, a socket or a device"
    else:
        what = "no record made this file" + ("" if path.isascii() else f", spelled {path!a}")
    return Finding(Verdict.UNRECORDED, path if path.isprintable() else ascii(path)[1:-1], what)
