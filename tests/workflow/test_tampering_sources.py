"""Edited sources are STALE and nothing of them is executed; rewritten records are found where the rest was made to fit them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from blemore.study import STUDY
from joblineage.store import Store, canonical, digest
from joblineage.verdict import Verdict
from joblineage.verify import Report, verify

from .attacks import Attack, attacked, edit, found, linked, named, record_of, reforge, write
from .conftest import Study

pytestmark = pytest.mark.slow

U, T, M, S = Verdict.UNRECORDED, Verdict.TAMPERED, Verdict.MISSING, Verdict.STALE


def as_yaml(change: Callable[[dict], object]) -> Callable[[Path], None]:
    def do(path: Path) -> None:
        value = yaml.safe_load(path.read_text("utf-8"))
        change(value)
        write(path, yaml.safe_dump(value))

    return do


def a_line_more(path: Path) -> None:
    write(path, path.read_bytes() + b"\n# mine\n")


SOURCES = {
    "Snakefile": a_line_more,
    "rules/fuse.smk": a_line_more,
    "dvc.yaml": as_yaml(lambda value: value["stages"]["fuse"].update(cmd="true")),
    "profiles/default/config.yaml": as_yaml(lambda value: value.update({"rerun-triggers": "mtime"})),
    "schemas/volatile_files.yaml": as_yaml(lambda value: value["volatile"].append("*.zip")),
    "envs/blemore.yaml": as_yaml(lambda value: value["dependencies"].append("mine")),
    "withdrawn.json": lambda path: write(path, path.read_bytes() + b" "),
    "params.yaml": as_yaml(lambda value: value.update(seed=3)),
    "rules/more.smk": lambda path: write(path, b"shell.executable('sh')"),
    "uploads.json": lambda path: write(path, path.read_bytes() + b" "),
    "workflow_scripts/fuse.py": a_line_more,
    "src/blemore/fusion/run.py": a_line_more,
    "requirements.lock": a_line_more,
}
"""What decides how the study is made, each edited: STALE, as an honest edit is."""


@pytest.fixture(scope="module")
def edited(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Report:
    attacks = {path: Attack(lambda root, path=path: SOURCES[path](root / path), S, path) for path in SOURCES}
    attacks["how DVC is set up"] = Attack(lambda root: a_line_more(root / ".dvc/config"), S, ".dvc/config")
    attacks["a lost schema"] = Attack(lambda root: (root / "schemas/params.schema.yaml").unlink(), M, "schemas")
    attacks["a comment"] = Attack(lambda root: a_line_more(root / "profiles/gpu/config.yaml"), S, "profiles/gpu")
    return attacked(finished.folder, tmp_path_factory.mktemp("sources"), attacks)


@pytest.mark.parametrize("path", SOURCES)
def test_an_edit_of_what_decides_the_jobs_is_found_without_executing_it(edited: Report, path: str) -> None:
    assert (S, path) in named(edited)


def test_what_an_edit_cannot_change_is_noted_and_what_is_lost_is_found(edited: Report) -> None:
    assert (M, "schemas/params.schema.yaml") in named(edited)
    assert any(".dvc/config is not the one of commit" in note for note in edited.notes)
    assert any("no job is concerned: profiles/gpu/config.yaml" in note for note in edited.notes)
    assert all("TAMPERED" not in one.verdict for one in edited.findings)


def with_hash(change: Callable[[dict], object]) -> Callable[[dict], None]:
    def do(one: dict) -> None:
        change(one["params"]["values"])
        one["params"]["sha256"] = digest(canonical(one["params"]["values"]))

    return do


OF_SNAKEMAKE = ".snakemake/metadata of "
RECORDS = {
    "fuse": ("an input less", lambda one: one["inputs"].pop(), T, OF_SNAKEMAKE + "results/fusion/weights.json"),
    "licences": (
        "an input more",
        lambda one: one["inputs"].append(one["inputs"][0] | {"path": "outside/mine.csv"}),
        T,
        OF_SNAKEMAKE + "results/licences.json",
    ),
    "score": (
        "an input's bytes",
        lambda one: one["inputs"][0].update(sha256="0" * 64),
        T,
        "score",
    ),
    "compare": (
        "another rule",
        lambda one: one["job"].update(rule="mine"),
        T,
        OF_SNAKEMAKE + "results/encoders.csv",
    ),
    "decide": (
        "other parameters, with their hash",
        with_hash(lambda values: values.update(seed=1)),
        T,
        OF_SNAKEMAKE + "results/calibration/decisions.parquet",
    ),
    "clips": (
        "another output's bytes",
        lambda one: one["outputs"][0].update(sha256="0" * 64),
        T,
        "results/clips/clips.parquet",
    ),
    "find_individuals": (
        "an output less",
        lambda one: one.update(outputs=[out for out in one["outputs"] if "summary" not in out["path"]]),
        U,
        "results/individuals/summary.json",
    ),
    "measure_gains": (
        "an output more",
        lambda one: one["outputs"].append(one["outputs"][0] | {"path": "results/more.json"}),
        Verdict.INCOMPLETE,
        "results/more.json",
    ),
    "judge": (
        "a difference from the commit that is not kept",
        lambda one: one["code"].update(dirty=["src/blemore/scoring/metrics.py"], diff=None),
        T,
        "lineage/records/{judge}.json",
    ),
    "roster": (
        "a source in place of the environment",
        lambda one: one.update(environment=next(file["sha256"] for file in one["inputs"] if file["role"] == "code")),
        T,
        "lineage/records/{roster}.json",
    ),
    "demo_tables": (
        "a list of samples that is gone",
        lambda one: one["split"]["models"].append(LIST_GONE),
        M,
        f"lineage/objects/{'1' * 64}",
    ),
}
"""{job: what is rewritten in its record, how, the verdict and the node}; run and dvc.lock are made to fit."""
LIST_GONE = {"model": "s4d/fold0", "kind": "network", "on": "1" * 64, "judges": "1" * 64}


@pytest.fixture(scope="module")
def forged(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, dict[str, str]]:
    root = linked(finished.folder, tmp_path_factory.mktemp("records") / "study")
    names = {}
    for job, (_, change, *_) in RECORDS.items():
        path = record_of(root, job)
        edit(path, change)
        names[job] = digest(path.read_bytes())
        reforge(root, path)
    return verify(Store(root, STUDY), deep=True), names


@pytest.mark.parametrize("job", RECORDS)
def test_a_rewritten_record_is_found_where_its_run_and_dvc_lock_fit_it(forged, job: str) -> None:
    report, names = forged
    _, _, verdict, node = RECORDS[job]
    assert (verdict, node.format(**names)) in named(report)


def test_dvcs_name_of_other_bytes_in_a_record_is_found(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    path = record_of(root, "plot")
    edit(path, lambda one: one["outputs"][0].update(md5="0" * 32))
    reforge(root, path)
    found(root, Verdict.TAMPERED, "dvc.lock")


def test_removed_declarations_of_a_fit_are_found(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    path = record_of(root, "train_fold/finetuned=s4d/fold=0")
    edit(path, lambda one: one["split"]["models"].clear())
    reforge(root, path)
    report = verify(Store(root, STUDY), deep=True)
    assert report.verdict is Verdict.LEAK
    assert any("s4d" in one.node for one in report.findings)


def test_a_replaced_object_of_git_does_not_stand_for_the_committed_one(finished: Study, tmp_path: Path) -> None:
    root = linked(finished.folder, tmp_path / "study")
    study = Study(root)
    path = root / "src/blemore/fusion/run.py"
    old = study.git("rev-parse", "HEAD:src/blemore/fusion/run.py").strip()
    write(path, path.read_bytes() + b"# mine")
    study.git("replace", old, study.git("hash-object", "-w", "src/blemore/fusion/run.py").strip())
    write(root / "src/blemore/fusion/run.py", (finished.folder / "src/blemore/fusion/run.py").read_bytes())
    assert verify(Store(root, STUDY), deep=True).findings == []  # what was committed is read, not what replaces it


def test_a_verifier_of_ones_own_executes_nothing_of_the_study(finished: Study, tmp_path: Path) -> None:
    root, ran = linked(finished.folder, tmp_path / "study"), tmp_path / "ran"
    study, code = Study(root, cold=True), f"open({str(ran)!r}, 'w')\n"
    program = tmp_path / "program"
    write(program, f"#!/bin/sh\ntouch '{ran}'\n")
    program.chmod(0o755)
    for path in ("Snakefile", "rules/common.smk", "src/blemore/cli.py", "src/joblineage/verify.py"):
        write(root / path, code)
    for path in ("yaml.py", "json.py", "sitecustomize.py", "src/sitecustomize.py", "blemore/__init__.py"):
        write(root / path, code)
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "gpg.program"):
        study.git("config", name, str(program))
    for name, value in (("url", str(root)), ("promisor", "true"), ("uploadpack", str(program))):
        study.git("config", f"remote.origin.{name}", value)
    study.git("config", "extensions.partialClone", "origin")  # what is lost would be fetched
    blob = study.git("rev-parse", "HEAD:src/blemore/fusion/run.py").strip()
    write(root / ".git/hooks/post-index-change", program.read_bytes())
    shutil.rmtree(root / ".git/objects/pack", ignore_errors=True)
    (root / ".git/objects" / blob[:2] / blob[2:]).unlink(missing_ok=True)
    ran.unlink(missing_ok=True)
    said = json.loads(study.run("blemore", "lineage", "verify", "--json", check=False).stdout)
    assert not ran.exists()
    assert {(S, "Snakefile"), (S, "rules/common.smk")} <= {(one["verdict"], one["node"]) for one in said["findings"]}
    assert T not in {one["verdict"] for one in said["findings"]}  # what git has not here is no forgery
    assert any("is not in this clone" in note for note in said["notes"])
