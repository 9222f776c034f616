"""A copy of a finished study to be attacked, and the attacks' tools.

The copy's files are links to the original's. So whatever changes a file does it by `write`, which breaks the link first.
"""

import json
import os
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import yaml

from blemore.study import STUDY
from joblineage.capture import dvc_md5
from joblineage.store import Store, canonical, digest, merkle_root
from joblineage.verdict import Verdict
from joblineage.verify import Report, verify

WRITTEN_IN_PLACE = (".git", ".snakemake", "logs")
"""Folders of tools that append to their files, or write over them: copied."""


def linked(study: Path, folder: Path) -> Path:
    """A copy of the study; of DVC's cache only the lists of folders, verification needs no more."""
    folder.mkdir(parents=True)
    for path in study.iterdir():
        if path.name in WRITTEN_IN_PLACE:
            shutil.copytree(path, folder / path.name)
        elif path.is_dir():
            shutil.copytree(path, folder / path.name, copy_function=os.link, ignore=_heavy)
        else:
            os.link(path, folder / path.name)
    return folder


def _heavy(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if ".dvc/cache/files/md5/" in folder and not name.endswith(".dir")]


def write(path: Path, data: bytes | str) -> None:
    """Other bytes in a file, or a new one; never in what it was linked to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def found(root: Path, verdict: Verdict, node: str, **options) -> Report:
    """Verify to the last byte: the verdict is `verdict`, and what is named first is `node`."""
    report = verify(Store(root, STUDY), deep=True, **options)
    assert report.verdict is verdict, report.findings
    assert report.findings[0].node == node, report.findings
    return report


ELSEWHERE = "elsewhere"
"""Folder of a copy in which an attacker keeps what links lead to."""


class Attack(NamedTuple):
    """What it does, and what has to be said of which node."""

    do: Callable[[Path], object]
    verdict: Verdict
    node: str


def named(report: Report) -> set[tuple[Verdict, str]]:
    return {(one.verdict, one.node) for one in report.findings}


def attacked(study: Path, folder: Path, attacks: dict[str, Attack], **options) -> Report:
    """What one verification says after all of them."""
    root = linked(study, folder / "study")
    (root / ELSEWHERE).mkdir()
    for attack in attacks.values():
        attack.do(root)
    return verify(Store(root, STUDY), deep=True, **options)


def flip(path: Path) -> None:
    """Flip one bit in the middle; size and mtime stay."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    with_old_times(path, data)


def with_old_times(path: Path, data: bytes) -> None:
    """Other bytes in a file, as if they had been there before."""
    about = path.stat()
    write(path, data)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def edit(path: Path, change) -> None:
    """Change a JSON document in place; its name stays."""
    value = json.loads(path.read_bytes())
    change(value)
    write(path, canonical(value))


def record_of(root: Path, job: str) -> Path:
    return root / "lineage/records" / f"{Store(root).current[job]}.json"


def node_of(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def metadata(root: Path, path: str) -> Path:
    return root / ".snakemake/metadata" / urlsafe_b64encode(path.encode()).decode()


def reforge(root: Path, path: Path) -> None:
    """Make everything fit an edited record again: its name, the run, dvc.lock."""
    old, new = path.stem, digest(path.read_bytes())
    path.rename(path.with_name(f"{new}.json"))
    (run,) = (root / "lineage/runs").glob("*[0-9a-f].json")
    value = json.loads(run.read_bytes())
    value["executed"] = sorted(new if one == old else one for one in value["executed"])
    value["root"] = merkle_root([*value["executed"], *value["reused"]])
    run.unlink()
    name = digest(canonical(value))
    write(root / "lineage/runs" / f"{name}.json", canonical(value))
    for signature in (root / "lineage/runs").glob("*.sig.json"):
        signature.rename(signature.with_name(f"{name}.sig.json"))
    relock(root)


def relock(root: Path) -> None:
    """Make dvc.lock fit, as `dvc commit` does."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    for part in (part for stage in lock["stages"].values() for name in ("outs", "deps") for part in stage[name]):
        if part["path"] in ("lineage", "results/report", "results/submission"):
            sizes = [one.stat().st_size for one in (root / part["path"]).rglob("*") if one.is_file()]
            part |= {"md5": dvc_md5(root / part["path"]), "size": sum(sizes), "nfiles": len(sizes)}
    write(root / "dvc.lock", yaml.safe_dump(lock, sort_keys=False))
