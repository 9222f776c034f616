"""Exports of a real study: judged by the tools of others, searched for persons, and the way back from a crate."""

import hashlib
import io
import json
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from .conftest import REPOSITORY, Study

pytestmark = pytest.mark.slow

TOOLS = REPOSITORY / ".venv/crates/bin"
CONTEXTS = REPOSITORY.parent / "shared/rocrate_contexts"
UNMET = "process-run-crate-0.5_5.1"
"""Wants "http..." as id of every workflow: no crate that holds its workflow can have it (crs4/rocrate-validator#51)."""
OWN = ("ro-crate-metadata.json", "manifest.json", "README.md")
"""Files that tell of a crate; all others are the study's."""
BACK = ("fusion", "calibration", "submission")
"""Folders of results from fusion to submission."""


@pytest.fixture(scope="module")
def exported(finished: Study, tmp_path_factory) -> SimpleNamespace:
    """Every export of the finished study, outside it."""
    out = tmp_path_factory.mktemp("exported")
    names = {"ro-crate": "crate.zip", "slsa": "slsa.json"}
    options = [word for option, name in names.items() for word in (f"--{option}", str(out / name))]
    said = finished.run("blemore", "lineage", "export", *options).stdout
    return SimpleNamespace(folder=out, crate=out / "crate.zip", said=said, files=unzipped(out / "crate.zip"))


def unzipped(crate: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(crate) as file:
        return {name: file.read(name) for name in file.namelist()}


def tool(*command: str) -> str:
    assert TOOLS.is_dir(), "`make .venv/crates/ready` makes the environment of the tools that judge crates"
    done = subprocess.run([str(TOOLS / command[0]), *command[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_official_validator_finds_nothing_required_or_recommended_missing(exported, tmp_path):
    cache = []
    if CONTEXTS.is_dir():
        tool("python", str(Path(__file__).with_name("context_cache.py")), str(tmp_path / "cache"), str(CONTEXTS))
        cache = ["--offline", "--cache-path", str(tmp_path / "cache")]
    judged = [str(exported.crate), "--profile-identifier", "provenance-run-crate-0.5"]
    level = ["--requirement-severity", "recommended", "--skip-checks", UNMET, "--no-paging"]
    said = tool("rocrate-validator", "--disable-color", "validate", *cache, *level, *judged)
    assert "is a valid provenance-run-crate-0.5" in re.sub(r"\s+", " ", said)


def test_runcrate_reports_every_job(exported, finished):
    said = tool("runcrate", "report", str(exported.crate))
    records = list((finished.folder / "lineage/records").glob("*.json"))
    assert len(re.findall(r"^action: #record-", said, re.M)) == len(records)
    assert len(re.findall(r"^action: #run-", said, re.M)) == 1
    assert "results/submission/submission.zip <- #out/" in said


def test_every_payload_is_compared_with_its_hash(exported, finished, tmp_path):
    said = finished.run("blemore", "lineage", "export", "--check", str(exported.crate)).stdout
    assert f"{len(exported.files) - 1} files, each is what the metadata says" in said
    path, attacked = "results/submission/submission.json", tmp_path / "attacked.zip"
    with zipfile.ZipFile(attacked, "w") as file:
        for name, data in exported.files.items():
            file.writestr(name, data.replace(b"0", b"1", 1) if name == path else data)
    done = finished.run("blemore", "lineage", "export", "--check", str(attacked), check=False)
    assert done.returncode == 1
    assert f"- {path}: has sha256" in done.stderr


def test_no_person_is_told_in_any_export(exported, finished):
    metadata = pd.read_csv(finished.folder / "data/demo/train_metadata.csv")
    codes = sorted({name.partition("_")[0] for name in metadata["filename"]})
    assert len(codes) == 2
    texts = {path.name: path.read_text() for path in exported.folder.iterdir() if path != exported.crate}
    texts["the names of a crate's files"] = " ".join(exported.files)
    for name, data in exported.files.items():
        if name.endswith(".parquet"):
            texts[name] = pd.read_parquet(io.BytesIO(data)).to_csv()
        elif name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                texts[name] = " ".join(f"{one} {file.read(one)}" for one in file.namelist())
        else:
            texts[name] = data.decode(errors="replace")
    assert not [(name, code) for name, text in texts.items() for code in codes if code in text]


def test_the_command_says_what_is_where_and_what_is_not_in_it(exported):
    assert str(exported.crate) in exported.said
    assert "raw data, and what shows them: never in a crate" in exported.said
    assert "private names: none is in it; pseudonyms stand for 2, their salt is not kept" in exported.said
    assert not [name for name in exported.files if name.startswith(("data/", "results/media/"))]
    assert "results/individuals/clusters.parquet" not in exported.files


def test_a_study_that_does_not_verify_is_not_exported(study, tmp_path):
    path = study.folder / "results/submission/submission.json"
    path.write_bytes(path.read_bytes() + b" ")
    done = study.run("blemore", "lineage", "export", "--ro-crate", str(tmp_path / "crate.zip"), check=False)
    assert done.returncode == 1
    assert "not exported: TAMPERED results/submission/submission.json" in done.stderr
    assert not (tmp_path / "crate.zip").exists()


def test_from_the_crate_and_dvc_fusion_to_submission_come_back_byte_for_byte(study, exported, tmp_path):
    store_in_dvc(study, tmp_path)
    subprocess.run(["git", "clone", "--quiet", str(study.folder), str(tmp_path / "clone")], check=True)
    clone = Study(tmp_path / "clone")
    for name, data in exported.files.items():
        if name not in OWN:
            (clone.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (clone.folder / name).write_bytes(data)
    assert clone.git("status", "--porcelain") == ""  # what the crate holds of the code is the commit's
    clone.run("dvc", "pull", "--force")

    gone = [path for folder in BACK for path in (clone.folder / "results" / folder).rglob("*") if path.is_file()]
    for folder in BACK:
        shutil.rmtree(clone.folder / "results" / folder)
    clone.run("snakemake", "--cores", "2", "fuse", "calibrate", "submit")
    listed = json.loads(exported.files["manifest.json"])["files"]
    said = {one["path"]: one["sha256"] for one in listed}
    for one in json.loads(exported.files["ro-crate-metadata.json"])["@graph"]:
        if "sha256" in one:
            said[one["name"]] = one["sha256"]
    names = sorted(path.relative_to(clone.folder).as_posix() for path in gone if path.exists())
    made = {name: hashlib.sha256((clone.folder / name).read_bytes()).hexdigest() for name in names}
    assert {Path(name).parts[1] for name in names} == set(BACK)
    assert {name: said[name] for name in names} == made


def store_in_dvc(study: Study, folder: Path) -> None:
    """Push the study's data to remotes in local folders: one by default, and one of each name in dvc.yaml."""
    stages = yaml.safe_load((study.folder / "dvc.yaml").read_text())["stages"].values()
    outs = [options for stage in stages for out in stage["outs"] if isinstance(out, dict) for options in out.values()]
    study.run("dvc", "remote", "add", "--force", "--default", "store", str(folder / "store"))
    for name in sorted({options["remote"] for options in outs if "remote" in options}):
        study.run("dvc", "remote", "add", "--force", name, str(folder / name))
    study.git("commit", "--quiet", "-am", "Remotes")
    study.run("dvc", "push")
