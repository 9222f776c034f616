"""The same content under two names: files with the same bytes, and clips that decode to the same sound or the same faces.

Exact copies only: a clip that was cut, scaled or re-encoded with loss is another content here.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from blemore.audit.leaks.models import TEST, ClipsTable
from joblineage.verdict import Finding, Verdict

COLUMNS = {"audio": "samples", "faces": "jpeg"}
"""Kind of prepared file -> the column that holds what was decoded."""
Copies = list[tuple[str, list[str]]]
"""(what is the same, clips that share it)."""


def two_folds(clips: ClipsTable) -> Iterator[Finding]:
    """Persons whose clips lie in several folds."""
    folds: dict[str, set[int]] = defaultdict(set)
    for clip, person in clips.person.items():
        folds[person].add(clips.fold[clip])
    for person, numbers in sorted(folds.items()):
        if person != TEST and len(numbers) > 1:
            yield Finding(Verdict.LEAK, person, f"is in folds {', '.join(map(str, sorted(numbers)))}")


def alike(what: str, sums: Mapping[str, str]) -> Copies:
    """Clips that share a digest of {clip: digest}."""
    same: dict[str, list[str]] = defaultdict(list)
    for clip, digest in sums.items():
        same[digest].append(clip)
    return [(what, names) for names in same.values() if len(names) > 1]


def same_media(media: Iterable[tuple[str, Path]]) -> tuple[Copies, list[str]]:
    """Clips that decode to the same sound or faces, and the files that could not be read.

    Parameters
    ----------
    media : (kind, file) of the prepared files, kinds as in `COLUMNS`.
    """
    sums: dict[str, dict[str, str]] = defaultdict(dict)
    absent = []
    for kind, path in media:
        try:
            sums[kind] |= decoded(kind, path)
        except OSError as error:
            absent.append(f"{path.name}: not read ({error}); its clips were not compared by what they decode to")
    return [pair for kind, own in sums.items() for pair in alike(f"the same decoded {kind}", own)], absent


def copies(clips: ClipsTable, groups: Copies) -> list[Finding]:
    """Those of the usable clips that are alike, and are in different folds or splits."""
    apart: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for what, names in groups:
        group = tuple(sorted(clip for clip in names if clip in clips.usable))
        if len({clips.place(clip) for clip in group}) > 1:
            apart[group].append(what)
    return [
        Finding(
            Verdict.LEAK,
            first,
            f"{' and '.join(sorted(how))} as {', '.join(f'{other} in {clips.place(other)}' for other in others)}; "
            f"it is in {clips.place(first)}",
        )
        for (first, *others), how in sorted(apart.items())
    ]


def decoded(kind: str, path: Path) -> dict[str, str]:
    """{clip: sha256 of all that its rows hold, in their order}; a silent clip has no sound to compare."""
    sums: dict[str, hashlib._Hash] = {}
    file, column = pq.ParquetFile(path), COLUMNS[kind]
    columns = ["clip", column, *(["silent"] if kind == "audio" else [])]
    for batch in file.iter_batches(64, columns=columns):
        silent = batch["silent"].to_pylist() if kind == "audio" else [False] * len(batch)
        for clip, data, quiet in zip(batch["clip"].to_pylist(), batch[column], silent, strict=True):
            if not quiet:
                sums.setdefault(clip, hashlib.sha256()).update(data.as_buffer())
    return {clip: digest.hexdigest() for clip, digest in sums.items()}
