"""Benchmarks add up what the records say, README.md repeats it, and all clips have the challenge's names."""

import re
from pathlib import Path

import all_clips
import demo
import lineage
from made_records import Lineage

from blemore.datasets.blemore import PUBLISHED
from blemore.datasets.names import parse_name
from blemore.simulation.study import Settings, simulate

REPOSITORY = Path(__file__).parents[1]


def cells(text: str, part: str) -> list[str]:
    """What stands behind a part's name in the table."""
    return re.search(rf"^\| {re.escape(part)} \| (.*) \|$", text, re.M)[1].split(" | ")


def test_readme_says_what_the_last_measured_demo_took():
    measured = (REPOSITORY / "benchmarks/demo.md").read_text()
    assert demo.MARKED.findall((REPOSITORY / "README.md").read_text()) == [measured.partition("\n")[0]]


def test_folds_of_one_process_count_once_and_their_seconds_add_up(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    made = Lineage(tmp_path)
    time = {"start": made.now(), "end": made.now(), "device": "cpu", "peak_gpu_mb": 0}
    for fold, (cpu, peak) in enumerate([(40.0, 700), (10.0, 900)]):
        used = time | {"seconds": 2 * cpu, "cpu_seconds": cpu, "peak_mb": peak}
        made.job(f"train_fold/finetuned=s4d/fold={fold}", [], {f"fold{fold}": "x"}, time=used)
    made.job("fuse", ["fold0"], {"fused": "x"})
    made.run()
    text = demo.as_markdown(made.store, nothing=28.5, libraries=20.0)
    assert cells(text, "training of s4d") == ["1", "50", "100", "900", "50%"]
    assert cells(text, "fuse") == ["1", "2", "2", "100", "2%"]
    assert cells(text, "all") == ["2", "100", "102", "900", "100%"]
    assert text.startswith(
        "1.0 minutes on 2 cores, 100 CPU seconds, at most 900 MB of memory for one job (2026-01-01)\n"
    )
    assert "| libraries imported once, for all jobs | 1 | 20.0 | | | 20% |" in text


def test_every_file_of_the_records_is_hashed_beside_sha256sum(tmp_path, monkeypatch):
    made = Lineage(tmp_path)
    made.job("one", [], {"made": "twelve bytes"})
    made.job("two", ["made"], {"further": "x"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lineage, "RUNS", 1)
    ours, theirs, size = lineage.deep_against_sha256sum(made.store)
    assert min(ours, theirs) > 0
    assert size == sum(Path(name).stat().st_size for name in ("made", "further"))


def test_all_clips_have_the_challenge_s_names_and_numbers():
    study = simulate(Settings(encoders=1, new_persons=11, schedule="usual", new_schedule="exact"), all_clips.SEED)
    clips = all_clips.named(study)
    train = clips[clips["split"] == "train"]
    assert clips["split"].value_counts().to_dict() == PUBLISHED
    assert clips["clip"].is_unique
    assert clips.loc[clips["split"] == "test", "clip"].iloc[[0, -1]].tolist() == ["test_0001", "test_0594"]
    for row in train.itertuples():
        name = parse_name(row.clip)
        assert (name.person, name.emotion_1, name.mix) == (row.person, row.emotion_1, row.mix)
        assert not name.mix or (name.emotion_2, name.emotion_1_salience) == (row.emotion_2, row.emotion_1_salience)
    assert (train["person"].nunique(), clips["person"].nunique()) == (47, 58)
