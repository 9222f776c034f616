"""The same content under two names: files with the same bytes, and clips that decode to the same sound or the same faces.

Exact copies only: a clip that was cut, scaled or encoded anew with loss is another content here.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from blemore.errors import DataError
from blemore.lineage.verdict import Finding, Verdict

COLUMNS = {"audio": "samples", "faces": "jpeg"}
"""Kind of prepared file -> the column that holds what was decoded."""


def two_folds(clips: pd.DataFrame) -> Iterator[Finding]:
    """Persons whose clips lie in several folds."""
    train = clips[clips["split"] == "train"]
    for person, folds in train.groupby("person")["fold"].unique().items():
        if len(folds) > 1:
            yield Finding(Verdict.LEAK, str(person), f"stands in folds {', '.join(map(str, sorted(folds)))}")


def copies(clips: pd.DataFrame, media: Iterable[tuple[str, Path]]) -> tuple[list[Finding], list[str]]:
    """Clips of different folds or splits with one content.

    Parameters
    ----------
    clips : clips table; those that were set aside do not count.
    media : (kind, file) of the prepared files, kinds as in `COLUMNS`.

    Returns
    -------
    The findings, and the files that could not be read.
    """
    usable = clips[clips["quarantine"] == ""]
    where = {
        clip: (split, int(fold))
        for clip, split, fold in zip(usable["clip"], usable["split"], usable["fold"], strict=True)
    }
    same: dict[tuple[str, str], list[str]] = defaultdict(list)
    if "sha256" in usable.columns:
        for clip, sha256 in zip(usable["clip"], usable["sha256"], strict=True):
            same["the same bytes", str(sha256)].append(clip)
    absent = []
    for kind, path in media:
        try:
            for clip, digest in decoded(kind, path).items():
                if clip in where:
                    same[f"the same decoded {kind}", digest].append(clip)
        except (OSError, DataError) as error:
            absent.append(f"{path}: not read ({error}); its clips were not compared by what they decode to")
    found: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (what, _), names in same.items():
        if len({where[name] for name in names}) > 1:
            found[tuple(sorted(names))].append(what)
    return [
        Finding(Verdict.LEAK, names[0], f"{' and '.join(sorted(how))} as {_places(names[1:], where)}; it is in {_place(where[names[0]])}")
        for names, how in sorted(found.items())
    ], absent  # fmt: skip


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
    return {clip: one.hexdigest() for clip, one in sums.items()}


def _place(where: tuple[str, int]) -> str:
    return f"fold {where[1]}" if where[0] == "train" else "the test split"


def _places(names: Iterable[str], where: dict[str, tuple[str, int]]) -> str:
    return ", ".join(f"{name} in {_place(where[name])}" for name in names)
