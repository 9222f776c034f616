"""DVC's cache stays whole where it hands out links to its objects (`cache.type` symlink or hardlink), as shared caches do."""

import shutil
from pathlib import Path

import pytest

from joblineage.restoring import DvcCache

from .conftest import Study
from .mishaps import OK
from .trials import says_so

pytestmark = pytest.mark.slow


def relinked(study: Study, kind: str) -> None:
    """As after `dvc pull` with this kind of links."""
    study.run("dvc", "config", "--local", "cache.type", kind)
    study.run("dvc", "checkout", "--relink")


@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_a_run_and_a_rerun_through_links_damage_no_object_of_the_cache(
    finished: Study, tmp_path: Path, kind: str
) -> None:
    study = finished.copy(tmp_path / "study")
    objects = study.folder / ".dvc/cache"
    shutil.rmtree(objects)
    shutil.copytree(finished.folder / ".dvc/cache", objects)  # no links to another study's
    relinked(study, kind)
    note = next(path for path in (study.folder / ".snakemake/metadata").iterdir())
    assert note.is_symlink() if kind == "symlink" else note.stat().st_nlink > 1
    says_so(study, OK)
    there = {one.path for one in DvcCache(study.folder).objects()}
    for controls in (3, 2):  # the second run meets what DVC has versioned after the first
        study.edit_params(lambda values, controls=controls: values["calibration"].update(controls=controls))
        study.submission()
        assert DvcCache(study.folder).damaged({}) == []
        says_so(study, OK)
        relinked(study, kind)
    assert study.would_run() == {}
    assert there <= {one.path for one in DvcCache(study.folder).objects()}
