"""Snakemake inside, DVC outside: staleness is a matter of content, and each is a no-op after the other."""

import json
import os
import random
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from blemore.challenge.submission import check
from blemore.scoring.labels import CLASSES

from .conftest import Study, executed

pytestmark = pytest.mark.slow

AFTER_SUBMISSION = {"write_submission": 1, "judge": 1, "write_report": 1}
AFTER_ENCODE = {rule: 1 for rule in ("fuse", "decide", "measure_gains", "score", "compare", "plot", *AFTER_SUBMISSION)}


def test_a_run_ends_with_a_checked_submission_and_says_where(finished: Study) -> None:
    assert check(finished.folder / "results/submission/submission.zip") == []
    assert "results/submission/submission.zip" in (finished.folder.parent / "said.txt").read_text()
    assert finished.git("status", "--porcelain") == ""


def test_a_run_says_a_line_a_job_with_what_it_made_and_how_much_is_left(finished: Study) -> None:
    said = (finished.folder.parent / "said.txt").read_text()
    jobs = executed(said)
    assert len(jobs) == len({*jobs}) + 3  # two shards, trainings and tables of folds
    assert re.search(
        r"^ *\d+ of \d+  train_fold s4d: 8 files in results/encoders/s4d, \d+ s; about .* left$", said, re.M
    )
    assert len(said.splitlines()) <= len(jobs) + 20
    (log,) = (finished.folder / ".snakemake/log").iterdir()
    assert "src/blemore/learning/training/loop.py" in log.read_text()
    assert "src/blemore" not in said


def test_after_a_run_neither_runner_executes_a_job(study: Study) -> None:
    assert study.would_run() == {}
    before = study.payload()
    assert study.repro() == []
    assert study.payload() == before
    assert study.git("status", "--porcelain") == ""


def test_dvc_repro_alone_on_eight_cores_makes_the_same_bytes_and_leaves_snakemake_nothing(study: Study) -> None:
    expected = study.payload()
    profile = study.folder / "profiles/default/config.yaml"
    profile.write_text(profile.read_text().replace("cores: all", "cores: 8"))
    for folder in ("results", "data", ".snakemake", ".dvc/cache"):
        shutil.rmtree(study.folder / folder)
    (study.folder / "dvc.lock").unlink()
    assert study.repro()
    assert study.payload() == expected
    assert study.would_run() == {}


def test_shuffled_times_rerun_nothing(study: Study) -> None:
    shuffle = random.Random(0)
    now = time.time()
    for top in ("data", "results", "src", "rules", "workflow_scripts", "requirements.lock"):
        for path in [study.folder / top, *(study.folder / top).rglob("*")]:
            os.utime(path, (now - shuffle.random() * 1e6,) * 2)
    assert study.would_run() == {}
    assert study.repro() == []


def test_a_branch_with_an_edit_and_back_again_reruns_nothing(study: Study) -> None:
    study.git("checkout", "--quiet", "-b", "other")
    for name in ("src/blemore/fusion/simplex.py", "workflow_scripts/fuse.py"):
        path = study.folder / name
        path.write_text(path.read_text() + "\n# an edit\n")
    study.git("commit", "--quiet", "-am", "An edit")
    assert study.would_run()
    study.git("checkout", "--quiet", "-")
    assert study.would_run() == {}
    assert study.repro() == []


def test_a_fresh_clone_that_pulls_runs_nothing(study: Study, tmp_path: Path) -> None:
    study.remotes(tmp_path)
    study.git("commit", "--quiet", "-am", "A remote")
    study.run("dvc", "push")
    study.git("clone", "--quiet", str(study.folder), str(tmp_path / "clone"))
    other = Study(tmp_path / "clone")
    other.run("dvc", "pull")
    assert other.payload() == study.payload()
    assert other.would_run() == {}
    assert other.repro() == []


def test_everything_made_is_versioned_and_comes_back_byte_for_byte(study: Study, tmp_path: Path) -> None:
    lock = yaml.safe_load((study.folder / "dvc.lock").read_text())
    outs = [out["path"] for stage in lock["stages"].values() for out in stage["outs"]]
    expected = study.payload()
    loose = [name for name in expected if not any(name == out or name.startswith(f"{out}/") for out in outs)]
    assert loose == []
    study.remotes(tmp_path)
    study.run("dvc", "push")
    shutil.rmtree(study.folder / "results")
    shutil.rmtree(study.folder / ".dvc/cache")
    study.run("dvc", "pull")
    assert study.payload() == expected


def test_a_learning_rate_reruns_its_encoder_and_what_follows_stage_by_stage(study: Study) -> None:
    study.edit_params(lambda values: values["encoders"]["videomae"]["tiny"].update(learning_rate=0.05))
    assert study.would_run() == {"train_fold": 1, "gather_folds": 1, **AFTER_ENCODE}
    assert sorted(study.repro("encode")) == ["gather_folds", "train_fold"]
    assert study.would_run() == AFTER_ENCODE
    again = study.repro()
    assert len(again) == len({*again})
    assert {*AFTER_ENCODE} - {*again} <= {"judge"}  # it reads the answers alone, which may be those of before
    assert {*again} <= {*AFTER_ENCODE}
    assert study.would_run() == {}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("fusion/simplex.py", AFTER_ENCODE),
        # licences reads there what the family says of itself
        ("encoders/vitmoe.py", {"train_fold": 1, "gather_folds": 1, "licences": 1, **AFTER_ENCODE}),
        ("challenge/submission.py", AFTER_SUBMISSION),
        ("report/identities.py", {"write_report": 1}),
    ],
)
def test_editing_a_module_reruns_exactly_the_rules_that_use_it(study: Study, module: str, rules: dict) -> None:
    path = study.folder / "src/blemore" / module
    path.write_text(path.read_text() + "\n# an edit\n")
    assert study.would_run() == rules


def test_editing_a_module_that_no_rule_uses_reruns_nothing(study: Study) -> None:
    path = study.folder / "src/blemore/cli.py"
    path.write_text(path.read_text() + "\n# an edit\n")
    assert study.would_run() == {}
    assert study.repro() == []


def test_a_changed_byte_of_a_generated_clip_has_its_actor_made_again_and_no_other(study: Study) -> None:
    clip = study.folder / "data/demo/train/A901_ang_int4_ver1.mov"
    clip.write_bytes(clip.read_bytes() + b"\0")
    jobs = study.would_run()
    assert jobs["demo_actor"] == 1
    assert "demo_test" not in jobs


def test_a_changed_clip_is_prepared_again_also_when_the_metadata_changed_with_it(study: Study) -> None:
    clip = study.folder / "data/demo/train/A901_ang_int4_ver1.mov"
    clip.write_bytes(clip.read_bytes() + b"\0")
    metadata = study.folder / "data/demo/train_metadata.csv"
    metadata.write_text(metadata.read_text() + "\n")
    jobs = study.would_run()
    assert (jobs["demo_tables"], jobs["roster"], jobs["demo_actor"]) == (1, 1, 1)
    assert jobs["prepare_shard"]


def test_an_experiment_on_fusion_trains_nothing(study: Study) -> None:
    done = study.run("dvc", "exp", "run", "-S", "fusion.simplex.l2=0.5", "--name", "strong-pull")
    assert {"fuse"} <= set(executed(done.stdout + done.stderr)) <= set(AFTER_ENCODE)
    temporary = study.run("dvc", "exp", "run", "--temp", "-S", "fusion.simplex.l2=0.9", "--name", "stronger-pull")
    assert {"fuse"} <= set(executed(temporary.stdout + temporary.stderr)) <= set(AFTER_ENCODE)
    shown = study.run("dvc", "exp", "show", "--csv").stdout
    assert "strong-pull" in shown
    assert "stronger-pull" in shown


LOUDNESS = '''"""How loud a clip is: a family of encoders in one file."""

import numpy as np

from blemore.encoders.base import Embedder
from blemore.params.families import Family
from blemore.media.shards import read_samples

FAMILY = Family(kind="computed", note="computed from the sound")


def build(settings):
    return Loudness()


class Loudness(Embedder):
    def read(self, shard):
        return ((clip, np.frombuffer(samples, "<i2")) for clip, _, samples in read_samples(shard))

    def embed(self, clips):
        return np.array([[np.abs(samples.astype(float)).mean(), samples.std()] for samples in clips])
'''


def test_encoders_come_and_go_by_one_entry_each_and_leave_no_orphan(study: Study) -> None:
    """One out; one more of a known family; one of a new family; from outside features, and a table without and with a sidecar."""
    (study.folder / "src/blemore/encoders/loudness.py").write_text(LOUDNESS)
    taken = pd.read_parquet(study.folder / "results/encoders/s4d/probabilities.parquet")
    taken[["clip", *CLASSES]].to_csv(study.folder / "outside/theirs.csv", index=False)
    shutil.copy(study.folder / "outside/theirs.csv", study.folder / "outside/declared.csv")
    (study.folder / "outside/declared.json").write_text('{"0": ["A902"], "1": ["A901"]}')
    np.savez(study.folder / "outside/theirs.npz", X=taken[[*CLASSES]], filenames=taken["clip"].to_numpy(str))
    frozen = {"enabled": True, "media": "audio", "learning": "frozen"}
    given = {"enabled": True, "module": "precomputed", "learning": "given"}

    def change(values: dict) -> None:
        values["encoders"]["videomae"]["enabled"] = False
        values["encoders"]["thirteenth"] = frozen | {"module": "acoustic"}
        values["encoders"]["loudness"] = frozen | {"module": "loudness"}
        values["encoders"]["theirs"] = given | {"file": "outside/theirs.csv", "persons": None}
        values["encoders"]["features"] = given | {
            "learning": "frozen",
            "file": "outside/theirs.npz",
            "persons": "outside/declared.json",
        }
        sidecar = {"file": "outside/declared.csv", "persons": "outside/declared.json"}
        values["encoders"]["declared"] = given | sidecar

    study.edit_params(change)
    log = study.submission()
    assert "results/encoders/videomae/probabilities.parquet" in log
    assert not (study.folder / "results/encoders/videomae").exists()
    assert "without theirs (disjointness unknown)" in log
    assert study.would_run() == {}
    metrics = json.loads((study.folder / "results/metrics.json").read_text())
    names = {"s4d", "wav2vec2_prosody", "thirteenth", "loudness", "theirs", "features", "declared"}
    assert set(metrics["encoders"]) == names
    assert set(pd.read_csv(study.folder / "results/encoders.csv")["encoder"]) == names
    assert set(json.loads((study.folder / "results/licences.json").read_text())["encoders"]) == names
    assert metrics["encoders"]["theirs"]["disjointness"] == "unknown"
    assert metrics["encoders"]["declared"]["disjointness"] == "declared"
    assert metrics["encoders"]["theirs"]["acc_presence"] == metrics["encoders"]["s4d"]["acc_presence"]
    assert metrics["without_unknown"]
    (study.folder / "outside/declared.json").write_text('{"0": ["A901"], "1": []}')
    refused = study.run("dvc", "repro", check=False)
    assert refused.returncode
    assert "trained on A901, whom it judges" in refused.stdout + refused.stderr


def test_a_study_without_frozen_encoders_is_complete_for_both_runners(study: Study) -> None:
    def change(values: dict) -> None:
        for name, entry in values["encoders"].items():
            entry["enabled"] = name == "s4d"

    study.edit_params(change)
    study.submission()
    assert study.would_run() == {}
    assert study.repro() == []
    assert list((study.folder / "results/features").iterdir()) == []


def test_missing_checkpoints_are_listed_together_before_any_work_with_the_lines_that_switch_off(study: Study) -> None:
    study.edit_params(lambda values: values.update(weights="pretrained"))
    for options in ([], ["--dry-run"]):
        refused = study.run("snakemake", *options, "submission", check=False)
        text = refused.stdout + refused.stderr
        assert refused.returncode
        for name in ("s4d", "videomae", "wav2vec2_prosody"):
            assert f"encoders: {name}: enabled: false" in text
        assert "train_fold" not in text


def test_checkpoints_are_asked_for_by_the_jobs_that_read_them_alone(study: Study) -> None:
    study.edit_params(lambda values: values.update(weights="pretrained"))
    roster = "results/clips/roster.parquet"
    (study.folder / roster).unlink()
    done = study.run("snakemake", roster)
    assert executed(done.stderr) == ["roster"]
    refused = study.run("snakemake", "results/encoders/s4d/probabilities.parquet", check=False)
    assert refused.returncode
    assert "encoder s4d: no file weights/" in refused.stderr
    assert "videomae" not in refused.stderr


def test_folds_trained_together_or_apart_make_one_and_the_same_study(finished: Study, study: Study) -> None:
    apart = ("snakemake", "--config", "folds=apart", "--cores", "2")
    done = study.run(*apart, "-n", "submission")
    assert "Nothing to be done" in done.stdout + done.stderr
    for path in (study.folder / "results/encoders/s4d").glob("fold*"):
        path.unlink()
    (study.folder / "results/encoders/s4d/probabilities.parquet").unlink()
    done = study.run(*apart, "encode")
    assert executed(done.stderr).count("train_fold") == 2
    study.submission()
    assert study.payload() == finished.payload()
    assert study.would_run() == {}
    study.run("blemore", "lineage", "verify", "--deep")
    assert not list((study.folder / "cache/training").iterdir())
