"""The benchmark of the whole demo adds up what the records say, and README.md repeats it."""

import re
from pathlib import Path

import demo
import lineage
from made_records import Lineage

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
