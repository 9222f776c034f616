"""The record of uploads loses nothing, takes nothing that is wrong, and says what a best test score is not."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from blemore.challenge.submission import write_zip
from blemore.challenge.uploads import log
from blemore.challenge.uploads.entries import read_uploads, summary
from blemore.challenge.uploads.log import record
from blemore.cli import main
from blemore.datasets.template import TEMPLATE
from joblineage.errors import DataError
from joblineage.files import sha256, write_json

WHEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAIR = {"acc_presence": Decimal("0.391"), "acc_salience": Decimal("0.168")}


def upload(path, emotion: str = "ang", clips: int = 2):
    """A submission's zip; another emotion gives other bytes."""
    said = [{"emotion": emotion, "salience": 100.0}]
    write_zip(path, {"predictions": {f"test_{k + 1:04d}.mov": said for k in range(clips)}})
    return path


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study's folder with a zip of each variant; the working folder of the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    upload(tmp_path / "results/submission.zip")
    upload(tmp_path / "results/submission_transductive.zip", "sad")
    return tmp_path


def run(capsys, *arguments, code: int = 0) -> str:
    """Run the command in this process; its exit code must be `code`. Gives stdout and, when it failed, stderr."""
    with pytest.raises(SystemExit) as end:
        main(["submission", *map(str, arguments)])
    assert (end.value.code or 0) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out if code == 0 else captured.out + " ".join(captured.err.replace("│", " ").split())


def test_an_upload_is_logged_with_its_bytes_time_and_variant_and_the_score_can_come_later(study, capsys):
    said = run(capsys, "log", "results/submission.zip", "--when", "2026-03-01T13:00:00+01:00", "--note", "first")
    assert "logged as upload 1" in said
    entry = {
        "number": 1,
        "uploaded": "2026-03-01T12:00:00Z",
        "file": "results/submission.zip",
        "sha256": sha256("results/submission.zip"),
        "variant": "inductive",
        "returned": None,
        "note": "first",
    }
    assert read_uploads("uploads.json") == [entry]
    numbers = ["--acc-presence", "0.391", "--acc-salience", "0.168"]
    assert "upload 1 is completed, no new upload" in run(capsys, "log", "results/submission.zip", *numbers)
    returned = {"acc_presence": 0.391, "acc_salience": 0.168, "score": 0.2795}
    assert read_uploads("uploads.json") == [entry | {"returned": returned}]
    before = (study / "uploads.json").read_bytes()
    assert "nothing new" in run(capsys, "log", "results/submission.zip", *numbers, "--score", "0.279")
    assert (study / "uploads.json").read_bytes() == before


def test_without_a_time_an_upload_is_of_now(study):
    start = datetime.now(UTC).replace(microsecond=0)
    record("uploads.json", "results/submission.zip")
    assert start <= datetime.fromisoformat(read_uploads("uploads.json")[0]["uploaded"]) <= datetime.now(UTC)


def test_a_score_completes_the_entry_of_the_same_bytes_whatever_the_file_is_called_now(study):
    record("uploads.json", "results/submission.zip")
    record("uploads.json", "results/submission_transductive.zip")
    (study / "results/submission.zip").rename("renamed.zip")
    done = record("uploads.json", "renamed.zip", numbers={"score": Decimal("0.279")})
    assert (done.action, done.entry["number"]) == ("completed", 1)
    done = record("uploads.json", "renamed.zip", numbers=PAIR)
    assert (done.action, done.entry["returned"]["acc_presence"]) == ("completed", 0.391)
    assert [entry["variant"] for entry in read_uploads("uploads.json")] == ["inductive", "transductive"]


def test_the_same_bytes_once_more_are_one_more_upload_of_one_file(study):
    for _ in range(2):
        done = record("uploads.json", "results/submission.zip")
    assert (done.action, done.entry["number"], done.twins) == ("added", 2, [1])
    assert record("uploads.json", "results/submission.zip", numbers=PAIR).entry["number"] == 1
    assert record("uploads.json", "results/submission.zip", numbers=PAIR).entry["number"] == 2
    assert record("uploads.json", "results/submission.zip", numbers=PAIR).action == "known"
    counts = summary(read_uploads("uploads.json"))
    assert (counts["uploads"], counts["files"], counts["scored"]) == (2, 1, 1)


def test_a_time_names_the_upload_that_a_call_speaks_of(study):
    for hour in (9, 10):
        record("uploads.json", "results/submission.zip", when=WHEN.replace(hour=hour))
    done = record("uploads.json", "results/submission.zip", when=WHEN.replace(hour=10), numbers=PAIR)
    assert (done.action, done.entry["number"]) == ("completed", 2)
    done = record("uploads.json", "results/submission.zip", when=WHEN.replace(hour=11), numbers=PAIR)
    assert (done.action, done.entry["number"]) == ("added", 3)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (PAIR, PAIR | {"acc_salience": Decimal("0.169")}, "acc_salience 0.169 contradicts the 0.168 that is logged"),
        (PAIR, {"score": Decimal("0.290")}, "Score 0.290 is not the mean of 0.391 and 0.168"),
        ({"score": Decimal("0.279")}, {"score": Decimal("0.280")}, "score 0.280 contradicts the 0.279"),
        ({"score": Decimal("0.500")}, PAIR, "Score 0.5 is not the mean"),
    ],
)
def test_a_second_score_that_contradicts_the_first_is_refused(study, first, second, words):
    record("uploads.json", "results/submission.zip", numbers=first)
    before = (study / "uploads.json").read_bytes()
    # A moment of its own would make it a new upload; the same bytes have one score all the same.
    for when in (None, WHEN):
        with pytest.raises(DataError, match=r"upload 1 .*same bytes") as error:
            record("uploads.json", "results/submission.zip", numbers=second, when=when)
        assert words in str(error.value)
        assert "nothing was written" in str(error.value)
    assert (study / "uploads.json").read_bytes() == before


def test_submission_zip_is_the_variant_that_no_other_file_beside_it_is_named_by(study):
    upload(Path("results/submission_inductive.zip"), "hap")
    Path("results/submission_transductive.zip").unlink()
    assert record("uploads.json", "results/submission.zip").entry["variant"] == "transductive"
    assert record("uploads.json", "results/submission_inductive.zip").entry["variant"] == "inductive"


def test_the_same_bytes_cannot_be_two_variants(study):
    record("uploads.json", "results/submission.zip")
    with pytest.raises(DataError, match="logged as inductive, not transductive"):
        record("uploads.json", "results/submission.zip", variant="transductive")


@pytest.mark.parametrize("name", ["submission.zip", "submission_inductive.zip", "my_transductive_one.zip", "try3.zip"])
def test_the_variant_is_what_the_name_tells_or_has_to_be_given(study, capsys, name):
    upload(study / name, "hap")
    if name == "try3.zip":
        assert "--variant" in run(capsys, "log", name, code=1)
        assert not (study / "uploads.json").exists()
        run(capsys, "log", name, "--variant", "transductive")
    else:
        run(capsys, "log", name)
    expected = "transductive" if name in ("my_transductive_one.zip", "try3.zip") else "inductive"
    assert read_uploads("uploads.json")[0]["variant"] == expected


def test_a_file_that_the_challenge_would_not_take_is_refused_and_nothing_is_written(study, capsys):
    good = (study / "results/submission.zip").read_bytes()
    write_json(study / "submission.json", {"predictions": {"test_0001.mov": [{"emotion": "ang", "salience": 100}]}})
    assert "takes a zip" in run(capsys, "log", "submission.json", code=1)
    (study / "submission.zip").write_bytes(b"no zip")
    assert "not a readable zip" in run(capsys, "log", "submission.zip", code=1)
    with zipfile.ZipFile("submission.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(TEMPLATE, good * 3)
    data = bytearray((study / "submission.zip").read_bytes())
    data[60:80] = bytes(20)  # inside the compressed bytes
    (study / "submission.zip").write_bytes(data)
    assert "not a readable zip" in run(capsys, "log", "submission.zip", code=1)
    write_zip("submission.zip", {"predictions": {"test_0001.mov": [{"emotion": "joy", "salience": 100}]}})
    assert 'clip test_0001.mov: unknown emotion "joy"' in run(capsys, "log", "submission.zip", code=1)
    assert "none.zip" in run(capsys, "log", "none.zip", code=1)
    write_json(study / "template.json", {"predictions": {f"test_{k:04d}.mov": [] for k in (1, 2, 3)}})
    (study / "clips.csv").write_text("clip\ntest_0001\ntest_0002\ntest_0003\n")
    for option in (("--template", "template.json"), ("--clips", "template.json"), ("--clips", "clips.csv")):
        assert "clip test_0003.mov: missing" in run(capsys, "log", "results/submission.zip", *option, code=1)
    assert not (study / "uploads.json").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--acc-presence", "39.1", "--acc-salience", "16.8"],
        ["--acc-presence", "0.391"],
        ["--acc-salience", "0.168", "--score", "0.279"],
        ["--acc-presence", "-0.1", "--acc-salience", "0.1"],
        ["--score", "nan"],
        ["--score", "much"],
        ["--acc-presence", "0.391", "--acc-salience", "0.168", "--score", "0.281"],
        ["--when", "yesterday"],
        ["--when", "2026-03-01T12:00:00"],
        ["--when", "2999-01-01T00:00:00Z"],
        ["--variant", "both"],
        ["--unknown"],
    ],
)
def test_wrong_values_end_with_two_and_write_nothing(study, capsys, options):
    run(capsys, "log", "results/submission.zip", *options, code=2)
    assert not (study / "uploads.json").exists()


@pytest.mark.parametrize(("score", "kept"), [("0.279", 0.279), ("0.280", 0.28), ("0.28", 0.2795), ("0.2795", 0.2795)])
def test_a_score_is_the_mean_within_the_rounding_of_what_was_typed(study, score, kept):
    done = record("uploads.json", "results/submission.zip", numbers=PAIR | {"score": Decimal(score)})
    assert done.entry["returned"]["score"] == kept
    # Told the same again, in any order, there is nothing new.
    for told in (PAIR, {"score": Decimal(score)}):
        assert record("uploads.json", "results/submission.zip", numbers=told).action == "known"


def test_notes_are_added_and_never_lost(study):
    for note in ("one", "two", "one"):
        done = record("uploads.json", "results/submission.zip", when=WHEN, note=note)
    assert (done.action, done.entry["note"]) == ("known", "one; two")


def test_a_file_outside_the_study_is_logged_by_its_name_alone(study, tmp_path_factory):
    elsewhere = upload(tmp_path_factory.mktemp("elsewhere") / "submission.zip")
    assert record("uploads.json", elsewhere).entry["file"] == "submission.zip"


LOGGING = """
import sys
from blemore.challenge.uploads.log import record
for name in sys.argv[1:]:
    record("uploads.json", name, variant="inductive")
"""


# All start together and take their time between reading and writing: without a lock, entries are lost every time.
SLOWLY = """
import time
from pathlib import Path
from blemore.challenge.uploads import log
read = log.read_uploads
log.read_uploads = lambda path: (read(path), time.sleep(0.05))[0]
Path(f"ready{sys.argv[1]}").touch()
while len(list(Path().glob("ready*"))) < 3:
    time.sleep(0.01)
"""


@pytest.mark.thorough
def test_processes_that_log_at_the_same_time_lose_nothing(study):
    names = [upload(study / f"{k}.zip", clips=k + 1).name for k in range(12)]
    code = "import sys" + SLOWLY + LOGGING
    jobs = [subprocess.Popen([sys.executable, "-c", code, *names[k::3]]) for k in range(3)]
    assert [job.wait(120) for job in jobs] == [0, 0, 0]
    entries = read_uploads("uploads.json")
    assert sorted(entry["file"] for entry in entries) == sorted(names)
    assert [entry["number"] for entry in entries] == list(range(1, 13))


@pytest.mark.thorough
@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_a_process_killed_in_the_middle_of_a_write_leaves_the_log_as_it_was_and_blocks_nobody(study, at):
    record("uploads.json", "results/submission.zip", when=WHEN)
    before = (study / "uploads.json").read_bytes()
    killing = f"import os, signal\nos.{at} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
    job = subprocess.run([sys.executable, "-c", killing + LOGGING, "results/submission_transductive.zip"])
    assert job.returncode == -signal.SIGKILL
    assert (study / "uploads.json").read_bytes() == before
    assert record("uploads.json", "results/submission_transductive.zip").entry["number"] == 2


def test_a_full_disk_in_the_middle_of_a_write_leaves_the_log_as_it_was(study, monkeypatch, capsys):
    record("uploads.json", "results/submission.zip", when=WHEN)
    before = (study / "uploads.json").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left" in run(capsys, "log", "results/submission_transductive.zip", code=1)
    assert (study / "uploads.json").read_bytes() == before
    assert not list(study.glob("*.tmp"))
    assert not list(study.glob(".*.tmp"))


def test_a_lock_that_is_held_too_long_is_told(study, monkeypatch):
    import filelock

    monkeypatch.setattr(log, "LOCK_SECONDS", 0.1)
    with filelock.FileLock(".uploads.json.lock"), pytest.raises(DataError, match="another process"):
        record("uploads.json", "results/submission.zip")


def change(**news):
    """What turns a good log of two entries into one whose second entry is changed."""
    return lambda entries: json.dumps([entries[0], entries[1] | news])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda _: "", "not valid JSON"),
        (lambda entries: json.dumps(entries)[:-20], "not valid JSON"),
        (lambda entries: f"<<<<<<< ours\n{json.dumps(entries)}", "not valid JSON"),
        (lambda _: "{}", "expected a list"),
        (lambda entries: json.dumps(entries[1:]), "upload 1: its number is 2, so an entry is missing or doubled"),
        (lambda entries: json.dumps([*entries, "x"]), "upload 3: 'x' is not of type 'object'"),
        (change(sha256="abc"), "upload 2, sha256: 'abc' does not match"),
        (change(number=True), "upload 2, number"),
        (change(who="me"), "upload 2: Additional properties are not allowed ('who' was unexpected)"),
        (change(uploaded="2026-13-01T00:00:00Z"), "upload 2, uploaded: 2026-13-01T00:00:00Z is no moment"),
        (change(returned={"score": 0.2}), "upload 2, returned: 'acc_presence' is a required property"),
        (change(returned={"acc_presence": 0.4, "acc_salience": 0.2, "score": 2}), "returned.score: 2 is greater"),
        (change(returned={"acc_presence": 0.41, "acc_salience": 0.21, "score": 0.5}), "0.5 is not the mean"),
        (change(returned={"acc_presence": 0.4, "acc_salience": None, "score": 0.2}), "come together"),
    ],
)
def test_a_damaged_log_is_told_in_full_and_stays_untouched(study, capsys, damage, words):
    record("uploads.json", "results/submission.zip", when=WHEN)
    record("uploads.json", "results/submission_transductive.zip", when=WHEN)
    (study / "uploads.json").write_text(damage(read_uploads("uploads.json")))
    before = (study / "uploads.json").read_bytes()
    upload(study / "submission.zip", "hap")
    text = run(capsys, "log", "submission.zip", code=1)
    assert words in text
    assert "nothing was written" in text
    assert words in run(capsys, "list", code=1)
    assert (study / "uploads.json").read_bytes() == before


def test_the_summary_counts_and_warns_and_the_best_is_the_first_of_equals(study):
    assert summary([]) == {"uploads": 0, "files": 0, "scored": 0, "best": None, "warning": summary([])["warning"]}
    record("uploads.json", "results/submission.zip", numbers={"score": Decimal("0.2")})
    record("uploads.json", "results/submission_transductive.zip", numbers={"score": Decimal("0.2")})
    record("uploads.json", upload(study / "third.zip", "hap"), variant="inductive")
    counts = summary(read_uploads("uploads.json"))
    assert (counts["uploads"], counts["files"], counts["scored"]) == (3, 3, 2)
    assert counts["best"]["number"] == 1
    assert "the best of 2 test scores is not an unbiased estimate" in counts["warning"]


def test_the_list_shows_every_upload_and_ends_with_the_warning(study, capsys):
    assert "0 upload(s)" in run(capsys, "list")
    run(capsys, "log", "results/submission.zip", "--score", "0.279", "--note", "[bold]first")
    run(capsys, "log", "results/submission_transductive.zip")
    text = run(capsys, "list")
    assert "2 upload(s) of 2 different file(s), 1 with a score." in text
    assert "[bold]first" in text
    assert "Best Score: 0.279, upload 1 (inductive)" in text
    assert text.rstrip().splitlines()[-1] == summary([])["warning"]
    told = json.loads(run(capsys, "list", "--json"))
    assert told == {"uploads": read_uploads("uploads.json"), "summary": summary(read_uploads("uploads.json"))}


def test_another_studys_log_stands_in_its_own_folder(study, capsys, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    said = json.loads(run(capsys, "log", "results/submission.zip", "--workspace", other, "--json"))
    assert (said["action"], said["entry"]) == ("added", read_uploads(other / "uploads.json")[0])
    assert not (study / "uploads.json").exists()
