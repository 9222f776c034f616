"""What shows persons lies in a remote of its own; without it a clone verifies and goes on from fusion, by either runner."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from blemore.challenge.submission import check

from .conftest import REPOSITORY, Study, with_stores
from .test_studies import as_blemore

pytestmark = pytest.mark.slow

FROM_FUSION = ["compare", "decide", "fuse", "measure_gains", "plot", "score", "write_report", "write_submission"]
PRIVATE = ("data", "results/media", "results/individuals/clusters.parquet")


def sums(*tops: Path) -> set[str]:
    """sha256 of every file."""
    files = (file for top in tops for file in ([top] if top.is_file() else top.rglob("*")) if file.is_file())
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def lists(remote: Path) -> set[str]:
    """sha256 of DVC's lists of folders."""
    return {hashlib.sha256(file.read_bytes()).hexdigest() for file in remote.rglob("*.dir")}


def test_each_file_goes_to_its_own_remote(guarded: Study) -> None:
    folder = guarded.folder
    private = sums(*(folder / name for name in PRIVATE))
    kept = sums(folder.parent / "private")
    assert kept - lists(folder.parent / "private") == private
    asked_for = sums(folder / "data/demo/submission_template.json")  # names of test clips, which a submission tells too
    assert private & sums(folder.parent / "shared") == asked_for
    assert sums(folder / "results/features", folder / "results/encoders", folder / "lineage") <= sums(
        folder.parent / "shared"
    )


def test_what_is_private_stays_in_the_workspace_until_its_remote_is_named(guarded: Study, tmp_path: Path) -> None:
    study = guarded.copy(tmp_path / "study")
    study.remotes(tmp_path)
    study.run("dvc", "remote", "modify", "private", "url", str(study.folder / ".dvc/private"))  # as it stands in git
    assert (REPOSITORY / ".dvc/config").read_text().endswith("['remote \"private\"']\n    url = private\n")
    study.run("dvc", "push")
    private = sums(*(study.folder / name for name in PRIVATE))
    kept = sums(study.folder / ".dvc/private")
    assert kept - lists(study.folder / ".dvc/private") == private
    assert len(private & sums(tmp_path / "shared")) == 1  # the names of test clips
    assert study.git("status", "--porcelain").split() == ["M", ".dvc/config"]


@pytest.fixture
def outsider(guarded: Study, tmp_path: Path) -> Study:
    """A clone that may use the default remote only."""
    study = with_stores(guarded, tmp_path)
    shutil.rmtree(tmp_path / "private")
    study.git("clone", "--quiet", str(study.folder), str(tmp_path / "clone"))
    clone = Study(tmp_path / "clone")
    clone.run("dvc", "pull", "--remote", "shared", "--allow-missing")
    assert not (clone.folder / "data").exists() or not any((clone.folder / "data").rglob("*.*"))
    assert not (clone.folder / "results/media").exists()
    return clone


@pytest.mark.parametrize("runner", ["snakemake", "dvc"])
def test_a_clone_without_it_verifies_and_goes_on_from_fusion(outsider: Study, runner: str) -> None:
    said = outsider.run("blemore", "lineage", "verify", "--deep").stdout
    assert said.splitlines()[-1].startswith("OK")
    assert "are not here (they lie in the private store)" in said

    def change(values: dict) -> None:
        values["private"] = "absent"
        values["fusion"]["method"] = "simplex"  # "auto" may choose another, or this one with another strength
        values["fusion"]["simplex"]["l2"] = 0.5

    outsider.edit_params(change)
    before = (outsider.folder / "results/fusion/probabilities.parquet").read_bytes()
    if runner == "snakemake":
        assert sorted(outsider.would_run()) == FROM_FUSION
        assert "DVC did not version" not in outsider.submission()
    else:
        assert sorted(outsider.repro("--downstream", "fuse")) == FROM_FUSION
    assert (outsider.folder / "results/fusion/probabilities.parquet").read_bytes() != before
    assert check(outsider.folder / "results/submission/submission.zip") == []
    assert not list((outsider.folder / "data").rglob("*.mov"))
    assert not (outsider.folder / "results/media").exists()
    assert not (outsider.folder / "results/submission/submission_transductive.zip").exists()
    assert outsider.run("blemore", "lineage", "verify", "--deep").stdout.splitlines()[-1].startswith("OK")
    assert outsider.would_run() == {}
    assert outsider.repro("--downstream", "fuse") == []
    outsider.run("dvc", "push", "--remote", "shared")
    assert outsider.git("status", "--porcelain").split() == ["M", "dvc.lock", "M", "params.yaml"]


def test_with_blemore_what_needs_absent_clips_is_refused(guarded: Study, tmp_path: Path) -> None:
    study = guarded.copy(tmp_path / "study")
    as_blemore(study)
    study.submission()
    for name in ("data/blemore", "results/media", "results/individuals/clusters.parquet"):
        path = study.folder / name
        path.unlink() if path.is_file() else shutil.rmtree(path)
    study.edit_params(lambda values: values.update(private="absent"))
    assert "prepare_shard" not in study.would_run()
    study.submission()
    said = json.loads(study.run("blemore", "lineage", "verify", "--json").stdout)
    assert said["verdict"] == "OK"
    study.edit_params(lambda values: values["media"]["samples"]["body"].update(frames=8))
    refused = study.run("snakemake", "submission", check=False)
    assert refused.returncode
    assert "docs/private.md" in refused.stdout + refused.stderr
