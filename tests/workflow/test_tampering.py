"""Whoever changes one file of a finished study is found out: the verdict, and the node that was struck first.

Attacks on the records, and on what other tools say, are in test_tampering_records.py.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest

from blemore.study import STUDY
from joblineage.graph import Graph
from joblineage.store import Store
from joblineage.verdict import Verdict
from joblineage.verify import Report, verify
from joblineage.workspace import note

from .attacks import flip, found, linked, metadata, with_old_times, write
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
    *(f"results/media/{kind}/000.parquet" for kind in ("faces", "body", "audio", "probe")),
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
    *(f"results/calibration/{name}" for name in ("models.json", "decisions.parquet", "offsets.parquet", "gain.json")),
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


def sums(study: Study) -> dict[str, str]:
    """sha256 of every file."""
    paths = (path for path in study.folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@pytest.fixture(scope="module")
def before(finished: Study) -> dict[str, str]:
    """The finished study before the attacks on its copies."""
    return sums(finished)


@pytest.fixture
def root(before, finished: Study, tmp_path: Path) -> Path:
    """A copy to be attacked by the functions of attacks.py."""
    return linked(finished.folder, tmp_path / "study")


@pytest.fixture(scope="module")
def flipped(before, finished: Study, tmp_path_factory) -> Report:
    """What one verification says of a study with one bit flipped in a file of every kind."""
    root = linked(finished.folder, tmp_path_factory.mktemp("flipped") / "study")
    for path in KINDS:
        flip(root / path)
    return verify(Store(root, STUDY), deep=True)


def test_the_finished_study_verifies_and_no_file_is_unrecorded(root: Path) -> None:
    report = verify(Store(root, STUDY), deep=True)
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
def test_one_bit_is_found_in_every_kind_of_file(flipped: Report, path: str) -> None:
    assert [one.verdict for one in flipped.findings if one.node == path] == [Verdict.TAMPERED]


def test_of_many_flipped_bits_nothing_else_is_named_and_what_was_struck_first_is_named_first(
    flipped: Report, finished: Study
) -> None:
    named = [one.node for one in flipped.findings]
    assert sorted(named) == sorted(KINDS)
    graph = Graph(Store(finished.folder))
    made = [graph.store.makers[path] for path in named]
    for number, maker in enumerate(made):
        assert not set(graph.chain(named[number])) - {maker} & set(made[number + 1 :])


def test_one_bit_is_found_in_a_piece(guarded: Study, tmp_path: Path) -> None:
    root = linked(guarded.folder, tmp_path / "study")
    flip(root / "results/media/pieces/000.parquet")
    assert len(found(root, Verdict.TAMPERED, "results/media/pieces/000.parquet").findings) == 1


def test_one_bit_is_found_by_the_status_alone(root: Path) -> None:
    path = root / "results/fusion/weights.json"
    write(path, path.read_bytes())
    assert verify(Store(root, STUDY)).verdict is Verdict.OK
    about, data = path.stat(), path.read_bytes()
    path.write_bytes(data[:-1] + b" ")  # no link any more: the inode stays too
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))  # its ctime cannot be put back
    assert (path.stat().st_ino, path.stat().st_size) == (about.st_ino, about.st_size)
    report = verify(Store(root, STUDY))
    assert (report.verdict, report.findings[0].node) == (Verdict.TAMPERED, "results/fusion/weights.json")
    assert {"decide", "write_submission", "score"} & set(report.findings[0].follows)


def test_a_truncated_file_is_found(root: Path) -> None:
    path = root / "results/fusion/views.parquet"
    write(path, path.read_bytes()[:-1])
    found(root, Verdict.TAMPERED, "results/fusion/views.parquet")


def test_an_emptied_file_is_found(root: Path) -> None:
    write(root / "results/metrics.json", b"")  # as after a power cut
    found(root, Verdict.MISSING, "results/metrics.json")


def test_two_swapped_files_are_found(root: Path) -> None:
    one, other = (root / f"results/encoders/s4d/fold{fold}.parquet" for fold in (0, 1))
    first, second = one.read_bytes(), other.read_bytes()
    write(one, second)
    write(other, first)
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
    write(root / "results/submission/better.zip", b"mine")
    found(root, Verdict.UNRECORDED, "results/submission/better.zip")


def test_code_edited_after_the_run_is_found_with_its_jobs(root: Path) -> None:
    path = root / "src/blemore/fusion/run.py"
    with_old_times(path, path.read_bytes().replace(b"AUTO", b"Auto"))
    report = found(root, Verdict.STALE, "src/blemore/fusion/run.py")
    assert "fuse" in report.findings[0].follows
    assert "train_fold/finetuned=s4d/fold=0" not in report.findings[0].follows


def test_a_changed_parameter_is_found_with_its_jobs(root: Path) -> None:
    write(root / "params.yaml", (root / "params.yaml").read_bytes())
    Study(root).edit_params(lambda values: values["calibration"]["personal"].update(kappas=[3]))
    found(root, Verdict.STALE, "decide", plan=True)


METADATA_ATTACKS = {
    "another rule": lambda one: one.update(rule="score"),
    "an input less": lambda one: one["input"].pop(),
    "an input's hash": lambda one: one["input_checksums"].update({one["input"][0]: "sha256:" + "0" * 64}),
    "an input's hash lost": lambda one: one["input_checksums"].popitem(),
    "other parameters": lambda one: one.update(params=["1"]),
    "not ended": lambda one: one.update(incomplete=True),
}


@pytest.mark.parametrize("what", METADATA_ATTACKS)
def test_forged_metadata_of_snakemake_is_found(root: Path, what: str) -> None:
    path = metadata(root, "results/fusion/weights.json")
    value = json.loads(path.read_text())
    METADATA_ATTACKS[what](value)
    write(path, json.dumps(value))
    report = verify(Store(root, STUDY), deep=True)
    assert report.verdict is Verdict.TAMPERED
    assert ".snakemake/metadata of results/fusion/weights.json" in {one.node for one in report.findings}


def test_lost_metadata_of_snakemake_is_found(root: Path) -> None:
    metadata(root, "results/fusion/weights.json").unlink()
    nodes = {one.node for one in verify(Store(root, STUDY), deep=True).findings}
    assert ".snakemake/metadata of results/fusion/weights.json" in nodes


def test_no_alarm_after_every_time_was_changed(study: Study) -> None:
    root = study.folder
    for number, path in enumerate(sorted(one for one in root.rglob("*") if one.is_file() and ".git" not in one.parts)):
        os.utime(path, (10**9 + number, 10**9 + number))
    assert verify(Store(root, STUDY)).findings == []


def test_no_alarm_after_a_time_in_snakemake_s_metadata_was_changed(root: Path) -> None:
    path = metadata(root, "results/fusion/weights.json")
    write(path, json.dumps(json.loads(path.read_text()) | {"starttime": 1.0}))
    report = verify(Store(root, STUDY), deep=True)
    assert report.findings == []
    assert any(note.startswith("Snakemake noted other times than") for note in report.notes)


def test_no_alarm_in_another_environment_that_the_records_declare(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from joblineage import capture

    here = capture.surroundings() | {"python": "3.99.0"}
    monkeypatch.setattr(capture, "surroundings", lambda: here)
    report = verify(Store(root, STUDY), deep=True)
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
    assert verify(Store(clone.folder, STUDY), deep=True).findings == []


def test_the_command_names_the_node_and_ends_with_the_verdicts_code(study: Study) -> None:
    said = study.run("blemore", "lineage", "verify", "--deep")
    assert said.stdout.splitlines()[-1].startswith("OK")
    flip(study.folder / "results/fusion/weights.json")
    said = study.run("blemore", "lineage", "verify", "results/submission/submission.zip", check=False)
    assert said.returncode == 11
    assert said.stdout.startswith("TAMPERED  results/fusion/weights.json")
    said = study.run("blemore", "lineage", "verify", "results/clips/clips.parquet", check=False)
    assert said.returncode == 0  # what is upstream of the edit is sound


def forge_note(study: Study, output: str) -> None:
    """Have Snakemake's note on an output name another rule: no run makes that good by itself."""
    path = study.folder / note(output)
    write(path, json.dumps(json.loads(path.read_bytes()) | {"rule": "mine"}))


def test_a_submission_is_not_written_from_a_chain_that_does_not_verify(study: Study) -> None:
    forge_note(study, "results/fusion/probabilities.parquet")
    (study.folder / "results/submission/submission.zip").unlink()
    done = study.run("snakemake", "--cores", "2", "submission", check=False)
    assert done.returncode
    assert "TAMPERED  .snakemake/metadata of results/fusion/probabilities.parquet" in done.stdout + done.stderr
    assert not (study.folder / "results/submission/submission.zip").exists()


def test_a_study_is_not_versioned_from_a_chain_that_does_not_verify(study: Study) -> None:
    before = (study.folder / "dvc.lock").read_bytes()
    forge_note(study, "results/fusion/methods.parquet")  # the submission does not depend on it
    (study.folder / "results/licences.json").unlink()
    done = study.run("snakemake", "--cores", "2", "submission", check=False)
    assert done.returncode
    assert "nothing was versioned" in done.stdout + done.stderr
    assert (study.folder / "dvc.lock").read_bytes() == before


def test_no_attack_has_changed_the_study_itself(before, finished: Study) -> None:
    assert sums(finished) == before
