"""Runs in a study whose files are links to DVC's cache, and the way back to an older version of it."""

import shutil
from pathlib import Path

from joblineage.restoring import DvcCache

from .conftest import Study
from .mishaps import OK
from .trials import says_so

KINDS = ("symlink", "hardlink")


def relinked(study: Study, kind: str) -> None:
    """As after `dvc pull` with this kind of links."""
    study.run("dvc", "config", "--local", "cache.type", kind)
    study.run("dvc", "checkout", "--relink")


def own_cache(study: Study, finished: Study) -> None:
    """Give a copy of a study a cache that shares no object with another one."""
    shutil.rmtree(study.folder / ".dvc/cache")
    shutil.copytree(finished.folder / ".dvc/cache", study.folder / ".dvc/cache")


def no_object_is_damaged(study: Study, kind: str) -> None:
    """Two reruns through links, then back to the first version: DVC's objects stay whole, and nothing is to be made again."""
    relinked(study, kind)
    note = next(path for path in (study.folder / ".snakemake/metadata").iterdir())
    assert note.is_symlink() if kind == "symlink" else note.stat().st_nlink > 1
    says_so(study, OK)
    before = {one.path for one in DvcCache(study.folder).objects()}
    versions: list[dict[Path, bytes]] = []
    for frames in ("none", "demo_only"):  # one job each; the second meets what DVC has versioned after the first
        study.edit_params(lambda values, frames=frames: values["report"].update(example_frames=frames))
        study.submission()
        assert DvcCache(study.folder).damaged({}) == []
        says_so(study, OK)
        versions.append(
            {study.folder / name: (study.folder / name).read_bytes() for name in ("params.yaml", "dvc.lock")}
        )
        relinked(study, kind)
        assert study.would_run() == {}
    for path, content in versions[0].items():
        path.write_bytes(content)
    study.run("dvc", "checkout")
    assert study.would_run() == {}
    says_so(study, OK)
    assert DvcCache(study.folder).damaged({}) == []
    assert before <= {one.path for one in DvcCache(study.folder).objects()}
