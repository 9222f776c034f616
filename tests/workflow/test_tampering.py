"""Whoever changes one thing in a finished study is found out: the verdict, and the node that was struck first."""

import hashlib
import json
import os
import shutil
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
import yaml

from blemore.lineage.capture import dvc_md5
from blemore.lineage.replay import replay
from blemore.lineage.signing import make_keys, sign
from blemore.lineage.store import Store, canonical, digest, merkle_root
from blemore.lineage.verdict import Verdict
from blemore.lineage.verify import Report, verify

from .conftest import Study

pytestmark = pytest.mark.slow

CLIP = "data/demo/train/A901_ang_int4_ver1.mov"
KINDS = [
    CLIP,
    "data/demo/train_metadata.csv",
    "data/demo/submission_template.json",
    "data/demo/truth.json",
    "results/clips/roster.parquet",
    "results/clips/clips.parquet",
    "results/clips/quarantine.csv",
    *(f"results/media/{kind}/000.parquet" for kind in ("faces", "body", "audio", "pieces", "probe")),
    "results/features/wav2vec2_prosody.parquet",
    "results/features/wav2vec2_prosody.cost.json",
    "results/encoders/s4d/fold0.parquet",
    "results/encoders/s4d/fold0.csv",
    "results/encoders/s4d/fold0.safetensors",
    "results/encoders/s4d/fold0.cost.json",
    "results/encoders/s4d/probabilities.parquet",
    "results/encoders/wav2vec2_prosody/probabilities.parquet",
    *(
        f"results/fusion/{name}"
        for name in ("weights.json", "probabilities.parquet", "views.parquet", "methods.parquet")
    ),
    *(
        f"results/calibration/{name}"
        for name in ("thresholds.json", "decisions.parquet", "offsets.parquet", "gains.json")
    ),
    "results/individuals/clusters.parquet",
    "results/individuals/summary.json",
    "results/metrics.json",
    "results/reliability.json",
    "results/encoders.csv",
    "results/licences.json",
    "results/plots/surface.png",
    "results/plots/curves.csv",
    "results/submission/submission.json",
    "results/submission/submission.zip",
    "results/report/index.html",
    "results/report/held_back.json",
]


@pytest.fixture
def root(finished: Study, tmp_path: Path) -> Path:
    """A copy of the finished study; of DVC's cache only the lists of folders, verification needs no more."""
    return Path(shutil.copytree(finished.folder, tmp_path / "study", ignore=_heavy))


def _heavy(folder: str, names: list[str]) -> list[str]:
    in_cache = ".dvc/cache/files/md5/" in folder
    return [name for name in names if name == ".venv" or (in_cache and not name.endswith(".dir"))]


def found(root: Path, verdict: Verdict, node: str, **options) -> Report:
    """Verify to the last byte: the verdict is `verdict`, and what is named first is `node`."""
    report = verify(root, deep=True, **options)
    assert report.verdict is verdict, report.findings
    assert report.findings[0].node == node, report.findings
    return report


def flip(path: Path) -> None:
    """Flip one bit in the middle; size and mtime stay."""
    about = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def record_of(root: Path, job: str) -> Path:
    return root / "lineage/records" / f"{Store(root).current[job]}.json"


def edit(path: Path, change) -> None:
    """Change a JSON document in place; its name stays."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(canonical(value))


def node_of(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def test_the_finished_study_verifies_and_no_file_is_unrecorded(root: Path) -> None:
    report = verify(root, deep=True)
    assert report.findings == []
    made = set(Store(root).makers)
    there = {
        one.relative_to(root).as_posix()
        for top in ("data/demo", "results")
        for one in (root / top).rglob("*")
        if one.is_file()
    }
    assert there == made
    assert report.checked["files"] > len(made)


@pytest.mark.parametrize("path", KINDS)
def test_one_bit_is_found_in_every_kind_of_file(root: Path, path: str) -> None:
    flip(root / path)
    report = found(root, Verdict.TAMPERED, path)
    assert len(report.findings) == 1


def test_one_bit_is_found_by_the_status_alone(root: Path) -> None:
    assert verify(root).verdict is Verdict.OK
    flip(root / "results/fusion/weights.json")  # its mtime is put back, its ctime cannot be
    report = verify(root)
    assert (report.verdict, report.findings[0].node) == (Verdict.TAMPERED, "results/fusion/weights.json")
    assert {"decide", "write_submission", "score"} & set(report.findings[0].follows)


def test_a_truncated_file_is_found(root: Path) -> None:
    path = root / "results/fusion/views.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    found(root, Verdict.TAMPERED, "results/fusion/views.parquet")


def test_an_emptied_file_is_found(root: Path) -> None:
    (root / "results/metrics.json").write_bytes(b"")
    found(root, Verdict.TAMPERED, "results/metrics.json")


def test_two_swapped_files_are_found(root: Path) -> None:
    one, other = (root / f"results/encoders/s4d/fold{fold}.parquet" for fold in (0, 1))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    report = found(root, Verdict.TAMPERED, "results/encoders/s4d/fold0.parquet")
    assert report.findings[1].node == "results/encoders/s4d/fold1.parquet"


def test_a_renamed_file_is_found(root: Path) -> None:
    (root / CLIP).rename((root / CLIP).with_name("A901_ang_int4_ver2.mov"))
    report = found(root, Verdict.MISSING, CLIP)
    assert report.findings[1].verdict is Verdict.UNRECORDED


@pytest.mark.parametrize(
    "path",
    [CLIP, "results/media/faces/000.parquet", "results/fusion/weights.json", "results/submission/submission.zip"],
)
def test_a_deleted_file_is_found(root: Path, path: str) -> None:
    (root / path).unlink()
    found(root, Verdict.MISSING, path)


def test_a_file_that_nobody_made_is_found(root: Path) -> None:
    (root / "results/submission/better.zip").write_bytes(b"mine")
    found(root, Verdict.UNRECORDED, "results/submission/better.zip")


def test_an_edited_record_is_found(root: Path) -> None:
    path = record_of(root, "train_fold/finetuned=s4d/fold=0")
    edit(path, lambda one: one["params"]["values"]["encoder"].update(learning_rate=0.5))
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_record_with_an_edited_time_is_found(root: Path) -> None:
    path = record_of(root, "score")
    edit(path, lambda one: one["time"].update(seconds=0.01))
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_record_under_a_new_name_is_found(root: Path) -> None:
    path = record_of(root, "fuse")
    edit(path, lambda one: one["seeds"].update(seed=1))
    path.rename(path.with_name(f"{digest(path.read_bytes())}.json"))
    assert verify(root, deep=True).verdict is not Verdict.OK
    assert node_of(root, path) in {one.node for one in verify(root, deep=True).findings}


def test_a_deleted_record_is_found(root: Path) -> None:
    path = record_of(root, "decide")
    path.unlink()
    report = verify(root, deep=True)
    assert report.verdict is Verdict.MISSING or report.verdict is Verdict.TAMPERED
    assert node_of(root, path) in {one.node for one in report.findings}


def test_a_record_copied_from_another_run_is_found(root: Path) -> None:
    path = record_of(root, "fuse")
    other = json.loads(path.read_bytes())
    other["time"]["end"] = other["time"]["start"]
    other["outputs"][0]["sha256"] = "0" * 64
    copied = root / "lineage/records" / f"{digest(canonical(other))}.json"
    copied.write_bytes(canonical(other))
    found(root, Verdict.TAMPERED, node_of(root, copied))


def test_a_newer_record_copied_from_another_study_is_found(root: Path) -> None:
    other = json.loads(record_of(root, "fuse").read_bytes())
    other["time"] |= {"start": "2999-01-01T00:00:00.000000Z", "end": "2999-01-01T00:00:01.000000Z"}
    other["outputs"][0]["sha256"] = "0" * 64
    (root / "lineage/records" / f"{digest(canonical(other))}.json").write_bytes(canonical(other))
    report = verify(root, deep=True)
    assert report.verdict is Verdict.TAMPERED
    assert other["outputs"][0]["path"] in {one.node for one in report.findings}


def test_a_reordered_run_is_found(root: Path) -> None:
    (path,) = (root / "lineage/runs").glob("*.json")
    edit(path, lambda run: run["executed"].reverse())
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_run_whose_root_is_forged_is_found_under_its_own_hash_too(root: Path) -> None:
    (path,) = (root / "lineage/runs").glob("*.json")
    edit(path, lambda run: run["executed"].reverse())
    renamed = path.rename(path.with_name(f"{digest(path.read_bytes())}.json"))
    report = verify(root, deep=True)
    assert report.verdict is Verdict.TAMPERED
    assert node_of(root, renamed) in {one.node for one in report.findings}


def test_a_deleted_run_is_found_by_what_dvc_versioned(root: Path) -> None:
    (path,) = (root / "lineage/runs").glob("*.json")
    path.unlink()
    found(root, Verdict.MISSING, node_of(root, path))


def test_a_strange_file_among_the_records_is_found(root: Path) -> None:
    (root / "lineage/records/notes.txt").write_text("trust me")
    assert "lineage/records/notes.txt" in {one.node for one in verify(root, deep=True).findings}


@pytest.mark.parametrize("job", ["fuse", "write_submission"])
def test_a_falsified_environment_is_found(root: Path, job: str) -> None:
    name = json.loads(record_of(root, job).read_bytes())["environment"]
    path = root / "lineage/objects" / name
    edit(path, lambda about: about["packages"].update(numpy="1.0.0"))
    found(root, Verdict.TAMPERED, node_of(root, path))


def test_a_copy_of_source_code_that_was_edited_is_found(root: Path) -> None:
    one = json.loads(record_of(root, "fuse").read_bytes())
    module = next(file for file in one["inputs"] if file["path"].endswith("fusion/run.py"))
    flip(root / "lineage/objects" / module["sha256"])
    found(root, Verdict.TAMPERED, f"lineage/objects/{module['sha256']}")


def test_a_lost_copy_of_source_code_is_found(root: Path) -> None:
    one = json.loads(record_of(root, "fuse").read_bytes())
    module = next(file for file in one["inputs"] if file["path"].endswith("fusion/run.py"))
    (root / "lineage/objects" / module["sha256"]).unlink()
    assert f"lineage/objects/{module['sha256']}" in {one.node for one in verify(root, deep=True).findings}


def test_code_edited_after_the_run_is_found_with_its_jobs(root: Path) -> None:
    path = root / "src/blemore/fusion/run.py"
    about = path.stat()
    path.write_text(path.read_text().replace("AUTO", "Auto"))
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    report = found(root, Verdict.STALE, "src/blemore/fusion/run.py")
    assert "fuse" in report.findings[0].follows
    assert "train_fold/finetuned=s4d/fold=0" not in report.findings[0].follows


def test_code_that_a_record_calls_clean_but_its_commit_does_not_have_is_found(finished: Study, root: Path) -> None:
    study = Study(root)
    path = root / "src/blemore/fusion/run.py"
    path.write_text(path.read_text() + "# edited\n")
    study.git("commit", "--quiet", "--all", "-m", "Edited")
    forged = study.git("rev-parse", "HEAD").strip()
    study.git("checkout", "--quiet", "HEAD~1", "--", "src")
    name = record_of(root, "fuse")
    edit(name, lambda one: one["code"].update(commit=forged))
    reforge(root, name)
    assert "src/blemore/fusion/run.py" in {one.node for one in verify(root, deep=True).findings}


def test_a_changed_parameter_is_found_with_its_jobs(root: Path) -> None:
    Study(root).edit_params(lambda values: values["calibration"].update(kappas=[0, 3]))
    found(root, Verdict.STALE, "decide")


LOCK_ATTACKS = {
    "an output's md5": lambda stages: stages["fuse"]["outs"][0].update(md5="0" * 32 + ".dir"),
    "a single file's md5": lambda stages: stages["evaluate"]["outs"][-1].update(md5="0" * 32),
    "the records' md5": lambda stages: stages["report"]["outs"][1].update(md5="0" * 32 + ".dir"),
    "a source's md5": lambda stages: stages["fuse"]["deps"][0].update(md5="0" * 32),
    "a parameter": lambda stages: stages["fuse"]["params"]["params.yaml"].update(seed=1),
    "a command": lambda stages: stages["fuse"].update(cmd="true"),
}


@pytest.mark.parametrize("what", LOCK_ATTACKS)
def test_a_forged_dvc_lock_is_found(root: Path, what: str) -> None:
    path = root / "dvc.lock"
    lock = yaml.safe_load(path.read_text())
    LOCK_ATTACKS[what](lock["stages"])
    path.write_text(yaml.safe_dump(lock, sort_keys=False))
    found(root, Verdict.TAMPERED, "dvc.lock")


METADATA_ATTACKS = {
    "another rule": lambda one: one.update(rule="score"),
    "an input less": lambda one: one["input"].pop(),
    "an input's hash": lambda one: one["input_checksums"].update({one["input"][0]: "sha256:" + "0" * 64}),
    "an input's hash lost": lambda one: one["input_checksums"].popitem(),
    "other parameters": lambda one: one.update(params=["1"]),
    "other times": lambda one: one.update(starttime=1.0),
    "not ended": lambda one: one.update(incomplete=True),
}


def metadata(root: Path, path: str) -> Path:
    return root / ".snakemake/metadata" / urlsafe_b64encode(path.encode()).decode()


@pytest.mark.parametrize("what", METADATA_ATTACKS)
def test_forged_metadata_of_snakemake_is_found(root: Path, what: str) -> None:
    path = metadata(root, "results/fusion/weights.json")
    value = json.loads(path.read_text())
    METADATA_ATTACKS[what](value)
    path.write_text(json.dumps(value))
    report = verify(root, deep=True)
    assert report.verdict is Verdict.TAMPERED
    assert ".snakemake/metadata of results/fusion/weights.json" in {one.node for one in report.findings}


def test_lost_metadata_of_snakemake_is_found(root: Path) -> None:
    metadata(root, "results/fusion/weights.json").unlink()
    nodes = {one.node for one in verify(root, deep=True).findings}
    assert ".snakemake/metadata of results/fusion/weights.json" in nodes


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
    (root / "lineage/runs" / f"{name}.json").write_bytes(canonical(value))
    for signature in (root / "lineage/runs").glob("*.sig.json"):
        signature.rename(signature.with_name(f"{name}.sig.json"))
    relock(root)


def relock(root: Path) -> None:
    """Make dvc.lock fit, as `dvc commit` does."""
    lock = yaml.safe_load((root / "dvc.lock").read_text())
    for part in (part for stage in lock["stages"].values() for name in ("outs", "deps") for part in stage[name]):
        if part["path"] in ("lineage", "results/report", "results/submission"):
            part["md5"] = dvc_md5(root / part["path"])
    (root / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False))


def test_a_chain_forged_as_a_whole_is_found_by_its_signature_only(root: Path, tmp_path: Path) -> None:
    private = tmp_path / "key"
    public = make_keys(private)
    sign(Store(root), private)
    assert verify(root, deep=True, key_file=public).findings == []

    page = root / "results/report/index.html"
    page.write_text(page.read_text().replace("<html", "<html data-forged"))
    path = record_of(root, "write_report")

    def rewrite(one: dict) -> None:
        data = page.read_bytes()
        one["outputs"][0] |= {"sha256": digest(data), "md5": hashlib.md5(data).hexdigest(), "size": len(data)}

    edit(path, rewrite)
    reforge(root, path)
    assert verify(root, deep=True).findings == []  # hashes prove consistency, not honesty
    report = verify(root, deep=True, key_file=public)
    assert report.verdict is Verdict.TAMPERED
    assert report.findings[0].node.endswith(".sig.json")


def test_what_the_recorded_code_does_not_make_is_found_by_replaying_it(root: Path) -> None:
    (root / "cache").mkdir(exist_ok=True)
    path = record_of(root, "write_submission")
    assert replay(root, json.loads(path.read_bytes()), False) == ([], [])

    forged = root / "results/submission/submission.zip"
    forged.write_bytes(forged.read_bytes() + b"mine")

    def rewrite(one: dict) -> None:
        data = forged.read_bytes()
        out = next(out for out in one["outputs"] if out["path"] == "results/submission/submission.zip")
        out |= {"sha256": digest(data), "md5": hashlib.md5(data).hexdigest(), "size": len(data)}

    edit(path, rewrite)
    reforge(root, path)
    assert verify(root, deep=True).findings == []
    findings, _ = replay(root, json.loads(record_of(root, "write_submission").read_bytes()), False)
    assert [(one.verdict, one.node) for one in findings] == [(Verdict.TAMPERED, "results/submission/submission.zip")]


def test_the_command_replays_the_cheapest_jobs(study: Study) -> None:
    said = study.run("blemore", "lineage", "verify", "--replay", "2").stdout
    assert "replayed: " in said
    assert said.splitlines()[-1].startswith("OK")
    assert study.git("status", "--porcelain") == ""


def test_a_run_that_is_not_signed_is_found_where_a_key_is_given(root: Path, tmp_path: Path) -> None:
    report = verify(root, key_file=make_keys(tmp_path / "key"))
    assert report.verdict is Verdict.TAMPERED


def test_another_persons_signature_is_found(root: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "mine")
    sign(Store(root), tmp_path / "mine")
    assert verify(root, key_file=make_keys(tmp_path / "other")).verdict is Verdict.TAMPERED


def test_no_alarm_after_every_time_was_changed(root: Path) -> None:
    for number, path in enumerate(sorted(one for one in root.rglob("*") if one.is_file() and ".git" not in one.parts)):
        os.utime(path, (10**9 + number, 10**9 + number))
    assert verify(root).findings == []


def test_no_alarm_in_another_environment_that_the_records_declare(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from blemore.lineage import capture

    here = capture.surroundings() | {"python": "3.99.0"}
    monkeypatch.setattr(capture, "surroundings", lambda: here)
    report = verify(root, deep=True)
    assert report.findings == []
    assert any(note.startswith("other environment") and "3.99.0" in note for note in report.notes)


def test_no_alarm_after_cloning_and_pulling(finished: Study, tmp_path: Path) -> None:
    origin = finished.copy(tmp_path / "origin")
    origin.remotes(tmp_path)
    origin.git("commit", "--quiet", "--all", "-m", "A store")
    origin.run("dvc", "push")
    clone = Study(tmp_path / "clone")
    origin.git("clone", "--quiet", str(origin.folder), str(clone.folder))
    clone.run("dvc", "pull")
    assert verify(clone.folder, deep=True).findings == []


def test_the_command_names_the_node_and_ends_with_the_verdicts_code(study: Study) -> None:
    said = study.run("blemore", "lineage", "verify", "--deep")
    assert said.stdout.splitlines()[-1].startswith("OK")
    flip(study.folder / "results/fusion/weights.json")
    said = study.run("blemore", "lineage", "verify", "results/submission/submission.zip", check=False)
    assert said.returncode == 11
    assert said.stdout.startswith("TAMPERED  results/fusion/weights.json")
    said = study.run("blemore", "lineage", "verify", "results/clips/clips.parquet", check=False)
    assert said.returncode == 0  # what is upstream of the edit is sound


def test_a_submission_is_not_written_from_a_chain_that_does_not_verify(study: Study) -> None:
    flip(study.folder / "results/fusion/probabilities.parquet")
    (study.folder / "results/submission/submission.zip").unlink()
    done = study.run("snakemake", "--cores", "2", "submission", check=False)
    assert done.returncode
    assert "TAMPERED  results/fusion/probabilities.parquet" in done.stdout + done.stderr
    assert not (study.folder / "results/submission/submission.zip").exists()


def test_a_study_is_not_versioned_from_a_chain_that_does_not_verify(study: Study) -> None:
    before = (study.folder / "dvc.lock").read_bytes()
    flip(study.folder / "results/fusion/methods.parquet")  # the submission does not hang on it
    (study.folder / "results/licences.json").unlink()
    done = study.run("snakemake", "--cores", "2", "submission", check=False)
    assert done.returncode
    assert "nothing was versioned" in done.stdout + done.stderr
    assert (study.folder / "dvc.lock").read_bytes() == before
