"""What a withdrawal removes, and what it cannot: worked out before anything is touched.

Removed is what shows a withdrawn clip: the raw clip, and every file of media or features that a job made of it, in each
version that a record or a dvc.lock knows. Such a file holds many clips; it goes as a whole, and the next run makes it
again. Raw clips of others never go: nobody could make them again.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from blemore.audit.withdrawal.check import RAW, dependents, is_clip
from blemore.audit.withdrawal.places import Place, local_folders, places, versions
from blemore.audit.withdrawal.remains import IMPORTED, Remains, remains
from blemore.audit.withdrawal.shortened import whole
from blemore.audit.withdrawal.traces import Search
from blemore.datasets.withdrawn import Withdrawn
from blemore.gemini.store import kept_of
from joblineage.capture import File, dvc_md5, hashed
from joblineage.errors import DataError
from joblineage.files import matches
from joblineage.graph import Descent
from joblineage.store import Store

PIECES = "results/media/pieces/"
MEDIA = (
    *("results/media/", "results/features/*.parquet"),
    *("results/individuals/clusters.parquet", "results/report/*.html"),
)
"""Files that show clips, or tell who is who in them."""


@dataclass(frozen=True)
class Plan:
    """A withdrawal.

    kind, name : "person" or "clip", and which.
    clips : {sha256 of a raw clip: its name}.
    files : in the workspace: raw clips, media, copies of either wherever they lie, and what tools wrote of them.
    remains : what else names them.
    vectors : what a service made of the clips. states : of trainings that were broken off.
    objects : for each of DVC's places, the md5 of what goes there.
    derived : {name of the place: how many derived files stay there}.
    away : {remote: why it cannot be reached}. unnamed : remotes that were not named.
    again : {rule: how many jobs of the present study depend on the clips}.
    unread : versions of pieces that lie nowhere, so that what a service made of them cannot be known.
    """

    kind: str
    name: str
    clips: Mapping[str, str]
    files: list[str]
    remains: Remains
    vectors: list[Path]
    states: list[Path]
    objects: list[tuple[Place, list[str]]]
    derived: dict[str, int]
    away: dict[str, str]
    unnamed: list[str]
    again: dict[str, int]
    unread: int


def plan(root: Path, kind: str, name: str, remotes: Sequence[str] = ()) -> Plan:
    """Work out a withdrawal. Nothing is changed.

    Parameters
    ----------
    kind : "person" or "clip". name : "A412", or a clip's name without extension.
    remotes : names of DVC's remotes.

    Raises
    ------
    DataError : nobody here knows such a person or clip, and it is not on the denylist; no such remote.
    """
    store = Store(root)
    listed = [entry for entry in whole(root)[0].standing if entry.get(kind) == name]
    asked = Withdrawn(tuple(listed) or ({kind: name, "date": "", "sha256": []},))
    descent = Descent(store)
    touched = dependents(descent, asked)
    goes = _going(asked, store, touched)
    recorded = [entry for record in store.records.values() for side in ("inputs", "outputs") for entry in record[side]]
    gone = [entry for entry in recorded if goes(entry["path"], entry["sha256"])]
    media = (hashed("", str(root / path), md5=True) | {"path": path} for path in _media_below(root, asked))
    here = [entry for entry in media if goes(entry["path"], entry["sha256"])]
    stores, away, unnamed = places(root, remotes)
    known = set(versions(root, stores))
    versioned = {(path, md5) for path, md5 in known if goes(path, md5)}
    versioned |= {(entry["path"], entry["md5"]) for entry in (*gone, *here) if "md5" in entry}
    clips = {
        entry["sha256"]: PurePosixPath(entry["path"]).stem for entry in (*gone, *here) if is_clip(entry["path"], asked)
    }
    if not (clips or listed or any(is_clip(path, asked) for path, _ in versioned)):
        raise DataError(f"--{kind} {name}", ["not in data/, in no record and in no dvc.lock: is it spelt right?"])
    pieces, unread = _pieces(root, here, versioned, stores, asked)
    files = {entry["path"] for entry in here}
    copies = {
        entry["sha256"]: entry["size"] for entry in (*gone, *here) if entry["size"]
    }  # any two empty files are alike
    search = Search(kind, name, {*clips, *asked.sha256}, copies)
    traces = search(root, passed=local_folders(root), without=files)
    left = remains(traces, root, store.newest)
    outputs = [out for record in touched for out in store.records[record]["outputs"]]
    derived = {out["md5"] for out in outputs if not goes(out["path"], out["sha256"])}
    derived |= _tables(root, known, left)
    vectors = {path for mp4 in pieces for folder in (root / "cache").glob("gemini*") for path in kept_of(mp4, folder)}
    return Plan(
        kind=kind,
        name=name,
        clips=clips,
        files=sorted({*files, *traces.copies, *left.derived}),
        remains=left,
        vectors=sorted(vectors),
        states=sorted((root / "cache/training").glob("*")),
        objects=[(place, place.held(md5 for _, md5 in versioned)) for place in stores],
        derived={place.name: len(place.held(derived)) for place in stores},
        away=away,
        unnamed=unnamed,
        again=dict(
            sorted(Counter(store.records[record]["job"]["rule"] for record in touched & descent.current).items())
        ),
        unread=unread,
    )


def _going(asked: Withdrawn, store: Store, touched: set[str]) -> Callable[[str, str], bool]:
    """Whether a version of a file (path, digest) goes: a withdrawn raw clip, or media that no job made without one.

    What no record knows may hold anybody and goes too, raw clips of others excepted.
    """
    outputs = [out for name, record in store.records.items() if name not in touched for out in record["outputs"]]
    clean = {output[name] for output in outputs for name in ("sha256", "md5")}
    return lambda path, digest: is_clip(path, asked) or (matches(path, MEDIA) and digest not in clean)


def _media_below(root: Path, asked: Withdrawn) -> Iterator[str]:
    """Paths of the workspace where files that may go lie."""
    for top in (RAW, "results"):
        for path in sorted(path for path in (root / top).rglob("*") if path.is_file()):
            name = path.relative_to(root).as_posix()
            if is_clip(name, asked) or matches(name, MEDIA):
                yield name


def _tables(root: Path, known: Iterable[tuple[str, str]], left: Remains) -> set[str]:
    """md5 of every version of imported metadata but the present one, if it names nobody who withdrew."""
    paths = {path for path, _ in known if matches(path, [IMPORTED])} - set(left.tables)
    clean = {dvc_md5(root / path) for path in paths if (root / path).is_file()}
    return {md5 for path, md5 in known if matches(path, [IMPORTED])} - clean


def _pieces(
    root: Path, here: Iterable[File], versioned: Iterable[tuple[str, str]], stores: Sequence[Place], asked: Withdrawn
) -> tuple[list[bytes], int]:
    """The pieces of the clips, of every version that can be read, and how many versions cannot."""
    import pyarrow.parquet as pq

    files = {entry["md5"]: root / entry["path"] for entry in here}
    pieces, unread = [], 0
    for md5 in sorted({md5 for path, md5 in versioned if path.startswith(PIECES)}):
        data = (
            files[md5].read_bytes() if md5 in files else next(filter(None, (store.read(md5) for store in stores)), None)
        )
        if data is None:
            unread += 1
            continue
        table = pq.read_table(io.BytesIO(data), columns=["clip", "mp4"]).to_pydict()
        pieces += [mp4 for clip, mp4 in zip(table["clip"], table["mp4"], strict=True) if asked.holds(clip)]
    return pieces, unread
