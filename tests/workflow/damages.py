"""Thirty kinds of damage of a finished study: what a power cut, a full disk, a wrong copy or a wrong hand leaves behind.

Each is a function that is called with the study's folder. None reveals itself in times; none writes through a link.
"""

import json
import os
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from joblineage.owner import FOLDER, this_process
from joblineage.store import Store

from .attacks import with_old_times, write

Damage = Callable[[Path], None]
FOREIGN = b"<html><body>504 Gateway Time-out</body></html>\n"
"""What is sometimes found in the place of a file that was to be downloaded."""


def metadata(root: Path, path: str) -> Path:
    """Where Snakemake keeps its note on an output."""
    return root / ".snakemake/metadata" / urlsafe_b64encode(path.encode()).decode()


def record(root: Path, path: str) -> Path:
    """The record of the job that made an output."""
    return root / "lineage/records" / f"{Store(root).makers[path]}.json"


def run(root: Path) -> Path:
    """The document of the last run."""
    return root / "lineage/runs" / f"{list(Store(root).runs)[-1]}.json"


def copied_source(root: Path, path: str = "params.yaml") -> Path:
    """The copy of a file of the study that the last run keeps."""
    store = Store(root)
    return store.place(store.last_run["study"][path])


def stored(root: Path, path: str) -> Path:
    """What DVC's cache holds of an output."""
    store = Store(root)
    md5 = next(out["md5"] for out in store.records[store.makers[path]]["outputs"] if out["path"] == path)
    return root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def cut(path: Path) -> None:
    """The first half is left; the times are the old ones."""
    data = path.read_bytes()
    with_old_times(path, data[: len(data) // 2])


def emptied(path: Path) -> None:
    """The name is on the disk, the content is not: what a power cut does to a file that was not flushed."""
    with_old_times(path, b"")


def zeroed(path: Path) -> None:
    """The size is right, all bytes are zero: the same, on other file systems."""
    with_old_times(path, bytes(path.stat().st_size))


def foreign(path: Path) -> None:
    """Something else under its name."""
    write(path, FOREIGN)


def older(path: Path) -> None:
    """Another version of it, with an older time: what `cp -p`, `tar x` and `unzip` bring."""
    write(path, path.read_bytes() + b"\n")
    os.utime(path, (1.6e9, 1.6e9))


def swapped(one: Path, other: Path) -> None:
    """Each has the other's content."""
    first, second = one.read_bytes(), other.read_bytes()
    write(one, second), write(other, first)


def lost(path: Path) -> None:
    """A file or a folder is gone."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def on(where: Callable[..., Path], *named: str, damage: Callable[[Path], None]) -> Damage:
    """A damage of the file that `where` finds."""
    return lambda root: damage(where(root, *named))


def result(root: Path, path: str) -> Path:
    """A file of the study."""
    return root / path


def _older_parameters(root: Path) -> None:
    note = metadata(root, "results/fusion/weights.json")
    said = json.loads(note.read_bytes())
    write(note, json.dumps(said | {"params": ["1", "2"]}))


def of_a_killed_run(root: Path) -> None:
    """The record of a run whose process is gone."""
    path = root / FOLDER / "killed.json"
    path.parent.mkdir(exist_ok=True)
    write(path, json.dumps(asdict(replace(this_process(), start="1"))))


def _killed_by_the_power(root: Path) -> None:
    """All at once: a lock, a started job, half of its output, an unwritten note, DVC's list of locks cut."""
    lock = root / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_bytes(b"")
    of_a_killed_run(root)
    started = root / ".snakemake/incomplete" / metadata(root, "results/fusion/weights.json").name
    started.write_bytes(b"")
    cut(root / "results/fusion/weights.json")
    emptied(metadata(root, "results/fusion/weights.json"))
    write(root / ".dvc/tmp/rwlock", '{"read": {"/st')


WEIGHTS, FUSED, SHARD = "results/fusion/weights.json", "results/fusion/probabilities.parquet", "000.parquet"
DECISIONS, SUBMISSION = "results/calibration/decisions.parquet", "results/submission/submission.zip"

DAMAGES: dict[str, Damage] = {
    "a result in the middle is lost": on(result, WEIGHTS, damage=lost),
    "the submission is lost": on(result, SUBMISSION, damage=lost),
    "all that the fusion made is lost": on(result, "results/fusion", damage=lost),
    "a table is cut": on(result, DECISIONS, damage=cut),
    "a table is emptied": on(result, FUSED, damage=emptied),
    "a table is full of zeros": on(result, FUSED, damage=zeroed),
    "a table is a page of a web server": on(result, DECISIONS, damage=foreign),
    "a result is older": on(result, WEIGHTS, damage=older),
    "two results are swapped": lambda root: swapped(root / WEIGHTS, root / "results/metrics.json"),
    "the report is cut": on(result, "results/report/index.html", damage=cut),
    "a network is cut": on(result, "results/encoders/s4d/fold0.safetensors", damage=cut),
    "faces are cut": on(result, f"results/media/faces/{SHARD}", damage=cut),
    "sound is lost": on(result, f"results/media/audio/{SHARD}", damage=lost),
    "the clips' list is older": on(result, "results/clips/clips.parquet", damage=older),
    "a record is cut": on(record, WEIGHTS, damage=cut),
    "a record is lost": on(record, FUSED, damage=lost),
    "all records are lost": on(result, "lineage/records", damage=lost),
    "the run's document is emptied": on(run, damage=emptied),
    "a kept copy is cut": on(copied_source, damage=cut),
    "the whole lineage is lost": on(result, "lineage", damage=lost),
    "Snakemake's note on a result is cut": on(metadata, WEIGHTS, damage=cut),
    "Snakemake's note on a result is no text": on(metadata, FUSED, damage=zeroed),
    "Snakemake's notes are lost": on(result, ".snakemake/metadata", damage=lost),
    "Snakemake's note is of other parameters": _older_parameters,
    "DVC's copy of a result is cut": on(stored, FUSED, damage=cut),
    "DVC's copy of a lost result is cut": lambda root: (cut(stored(root, FUSED)), lost(root / FUSED)),
    "DVC's cache is lost": on(result, ".dvc/cache", damage=lost),
    "DVC's list of locks is garbage": lambda root: write(root / ".dvc/tmp/rwlock", b"\0" * 40),
    "dvc.lock is cut": on(result, "dvc.lock", damage=cut),
    "the lineage's memory of files is garbage": lambda root: write(root / "cache/lineage/status.json", b"[null, 7"),
    "the power went while a job wrote": _killed_by_the_power,
}
