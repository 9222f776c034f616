"""The challenge's data comes in from whatever was downloaded: whole, checked, and safely repeatable."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from blemore.challenge.submission import write_zip
from blemore.datasets import blemore, importing
from blemore.datasets.commands import app
from blemore.datasets.completeness import Published, check_data
from blemore.datasets.importing import import_data
from blemore.datasets.sources import Source
from joblineage.errors import DataError, MissingDataError

CLIPS = {
    "A26_ang_int1_ver1": "0,ang,,,,0",
    "A26_neu_sit2_ver1": "0,neu,,,,0",
    "A26_mix_disg_hap_70_30_ver1": "1,disg,hap,70,30,0",
    "A412_sad_int4_ver2": "0,sad,,,,1",
    "A412_mix_fea_sad_50_50_ver1": "1,fea,sad,50,50,1",
}
TESTS = ("test_0001", "test_0002", "test_0003")
SMALL = Published(train=5, test=3, folds=(3, 2))


def content(name: str) -> bytes:
    return f"moving pictures of {name} ".encode() * 50


METADATA = "filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience,fold\n" + "".join(
    f"{clip},{row}\n" for clip, row in CLIPS.items()
)
ASKED = [f"{clip}.mov" for clip in TESTS]
TEMPLATE = json.dumps({"predictions": {key: [] for key in ASKED}})


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def pack(path: Path, entries: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def downloads(tmp_path) -> list[Path]:
    """Two zips and a folder, laid out as nobody would have guessed."""
    train = {f"BLEMORE/videos/part1/{clip}.mov": content(clip) for clip in list(CLIPS)[:3]}
    train |= {f"__MACOSX/BLEMORE/videos/part1/._{clip}.mov": b"junk" for clip in CLIPS}
    train |= {"BLEMORE/.DS_Store": b"junk", "BLEMORE/readme.txt": "hello", "BLEMORE/train_metadata.csv": METADATA}
    inner = pack(tmp_path / "inner.zip", {f"{clip}.MOV": content(clip) for clip in list(CLIPS)[3:]})
    train["BLEMORE/videos/part2.zip"] = inner.read_bytes()
    first = pack(tmp_path / "downloads/train.zip", train)
    folder = tmp_path / "downloads/test set"
    for clip in TESTS[:2]:
        write(folder / f"deep/er/{clip}.mov", content(clip))
    pack(folder / "rest.zip", {f"{TESTS[2]}.mov": content(TESTS[2]), "submission_template.json": TEMPLATE})
    write(folder / "deep/er/._test_0001.mov", b"junk")
    write(folder / "preview.mp4", b"other")
    return [first, folder]


def run(downloads, root, **options):
    return import_data(downloads, root, published=SMALL, **options)


def everything(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


WHOLE = {f"train/{clip}.mov": content(clip) for clip in CLIPS}
WHOLE |= {f"test/{clip}.mov": content(clip) for clip in TESTS}
WHOLE |= {"train_metadata.csv": METADATA.encode(), "submission_template.json": TEMPLATE.encode()}


def test_clips_from_zips_and_folders_of_any_layout_are_sorted_into_place(downloads, tmp_path):
    report = run(downloads, tmp_path / "data")
    assert everything(tmp_path / "data") == WHOLE
    assert (report.new, report.kept, report.complete) == (10, 0, True)
    assert [Path(name).name for name in report.ignored] == ["readme.txt", "preview.mp4"]
    assert report.check.folds == [3, 2]
    assert report.check.deviations == []


def test_the_imported_data_makes_a_roster(downloads, tmp_path):
    options = {"folds": 2, "folds_csv": None}
    root = tmp_path / "data"
    with pytest.raises(MissingDataError, match=r"blemore data import PATH"):
        blemore.roster(root, **options)
    run(downloads, root)
    assert blemore.how_to_get(root) is None
    assert blemore.clip_files(root, options) == sorted(name for name in WHOLE if name.endswith(".mov"))
    roster = blemore.roster(root, **options)
    assert len(roster) == 8
    with pytest.raises(DataError, match="no clip is in fold 2"):
        blemore.roster(root, folds=3, folds_csv=None)
    write(tmp_path / "folds.csv", "person,fold\nA26,1\nA412,0\n")
    other = blemore.roster(root, folds=2, folds_csv=str(tmp_path / "folds.csv"))
    assert other.loc[other["person"] == "A26", "fold"].eq(1).all()


def test_what_is_missing_is_said_part_by_part(tmp_path):
    write(tmp_path / "train/A26_ang_int1_ver1.mov", b"x")
    write(tmp_path / "train_metadata.csv", METADATA)
    advice = blemore.how_to_get(tmp_path)
    missing = advice.splitlines()[0]
    assert "test clips" in missing
    assert "submission_template.json" in missing
    assert "training clips" not in missing
    assert "zenodo.org/records/15668840" in advice


def test_a_second_import_changes_nothing(downloads, tmp_path):
    run(downloads, tmp_path / "data")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")}
    report = run(downloads, tmp_path / "data")
    assert (report.new, report.kept, report.bytes) == (0, 10, 0)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")} == before


@pytest.mark.parametrize("kind", ["error", "killed"])
def test_an_import_that_breaks_off_leaves_only_whole_files_and_goes_on_when_run_again(
    downloads, tmp_path, monkeypatch, kind
):
    root = tmp_path / "data"
    copies = []

    def break_off(source, target):
        copies.append(target)
        if len(copies) > 4:
            if kind == "killed":  # a killed process leaves its half-written file behind
                write(target.with_name(f".{target.name}.4711.tmp"), b"mov")
                write(root / ".import/half.zip", b"PK")
            raise KeyboardInterrupt
        copy_to(source, target)

    copy_to = Source.copy_to
    with monkeypatch.context() as patch:
        patch.setattr(Source, "copy_to", break_off)
        with pytest.raises(KeyboardInterrupt):
            run(downloads, root)
    partial = {name: data for name, data in everything(root).items() if not name.split("/")[-1].startswith(".")}
    assert partial
    assert partial.items() < WHOLE.items()
    report = run(downloads, root)
    assert report.kept == len({name for name in partial if not name.startswith(".import")})
    assert everything(root) == WHOLE


def test_a_file_that_differs_is_refused_unless_it_is_to_be_replaced(downloads, tmp_path):
    root = tmp_path / "data"
    write(root / "train/A26_ang_int1_ver1.mov", b"another film")
    with pytest.raises(DataError, match=r"A26_ang_int1_ver1\.mov: differs from .*train\.zip.*--replace"):
        run(downloads, root)
    assert list(everything(root)) == ["train/A26_ang_int1_ver1.mov"], "a refusal comes before any work"
    assert run(downloads, root, replace=True).replaced == 1
    assert everything(root) == WHOLE


def test_the_same_clip_twice_is_fine_but_two_different_ones_are_refused(downloads, tmp_path):
    clip = "A26_ang_int1_ver1"
    again = pack(tmp_path / "again.zip", {f"{clip}.mov": content(clip)})
    copy = write(tmp_path / "copy" / f"{clip}.mov", content(clip)).parent
    assert run([*downloads, again, copy], tmp_path / "data").complete
    other = pack(tmp_path / "other.zip", {f"{clip}.mov": content(clip).upper()})
    with pytest.raises(DataError, match=r"two different files on offer, .*train\.zip.* and .*other\.zip"):
        run([*downloads, other], tmp_path / "elsewhere")
    assert everything(tmp_path / "elsewhere") == {}


FILLED = {clip: [{"emotion": "hap", "salience": 70}, {"emotion": "ang", "salience": 30}] for clip in ASKED}


def test_the_challenges_own_template_is_taken_although_it_is_filled(downloads, tmp_path):
    filled = json.dumps({"predictions": FILLED}, indent=4)
    pack(downloads[1] / "rest.zip", {f"{TESTS[2]}.mov": content(TESTS[2]), "submission_template.json": filled})
    assert run(downloads, tmp_path / "data").complete
    assert (tmp_path / "data/submission_template.json").read_text() == filled


def test_a_submission_of_ones_own_is_refused_as_template_and_ignored_beside_it(downloads, tmp_path):
    write_zip(tmp_path / "mine/submission.zip", {"predictions": FILLED})
    report = run([*downloads, tmp_path / "mine"], tmp_path / "data")
    assert report.complete
    assert any("submission.zip: submission_template.json" in name for name in report.ignored)
    pack(downloads[1] / "rest.zip", {f"{TESTS[2]}.mov": content(TESTS[2])})
    with pytest.raises(
        DataError, match=r"is a submission that this workflow wrote, not the challenge's template: give"
    ):
        run([*downloads, tmp_path / "mine"], tmp_path / "elsewhere")
    assert everything(tmp_path / "elsewhere") == {}


def test_names_of_tables_are_known_in_any_case(downloads, tmp_path):
    write(tmp_path / "old/Train_Metadata.CSV", METADATA)
    run([tmp_path / "old"], tmp_path / "data")
    assert everything(tmp_path / "data") == {"train_metadata.csv": METADATA.encode()}


def test_a_zip_that_is_not_whole_is_refused_by_name_with_all_others(downloads, tmp_path):
    data = downloads[0].read_bytes()
    cut = write(tmp_path / "cut.zip", data[: len(data) // 2])
    with pytest.raises(DataError) as caught:
        run([cut, tmp_path / "nowhere", *downloads], tmp_path / "data")
    assert ["cut.zip" in caught.value.faults[0], "nowhere: no such" in caught.value.faults[1]] == [True, True]
    assert everything(tmp_path / "data") == {}


def test_a_damaged_clip_in_a_zip_is_told_and_all_others_are_imported(downloads, tmp_path):
    with zipfile.ZipFile(downloads[0]) as archive:
        entry = archive.getinfo("BLEMORE/videos/part1/A26_ang_int1_ver1.mov")
    data = bytearray(downloads[0].read_bytes())
    data[entry.header_offset + 30 + len(entry.filename) + 5] ^= 0xFF
    downloads[0].write_bytes(data)
    report = run(downloads, tmp_path / "data")
    assert not report.complete
    assert len(report.broken) == 1
    assert "A26_ang_int1_ver1.mov: damaged" in report.broken[0]
    assert report.check.missing == ["train/A26_ang_int1_ver1.mov"]
    assert set(WHOLE) - set(everything(tmp_path / "data")) == {"train/A26_ang_int1_ver1.mov"}


def test_a_locked_zip_is_refused_with_advice(tmp_path):
    path = pack(tmp_path / "locked.zip", {"test_0001.mov": b"secret"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the directory's flag bits
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"locked\.zip: test_0001\.mov: needs a password; unpack"):
        run([path], tmp_path / "data")


def test_a_zip_cannot_write_outside_the_data_set(downloads, tmp_path):
    clip = "A26_hap_int1_ver1"
    evil = pack(
        tmp_path / "evil.zip",
        {f"../../{clip}.mov": b"film", "/etc/test_0009.mov": b"film", "..\\..\\train_metadata.csv": METADATA},
    )
    before = set(tmp_path.rglob("*"))
    import_data([evil], tmp_path / "data")
    inside = {"data", "data/train", "data/test", "data/train_metadata.csv"}
    inside |= {f"data/train/{clip}.mov", "data/test/test_0009.mov"}
    assert {str(path.relative_to(tmp_path)) for path in set(tmp_path.rglob("*")) - before} == inside


def test_unpacked_clips_can_be_linked_and_zips_are_still_copied(downloads, tmp_path):
    report = run(downloads, tmp_path / "data", link=True)
    assert (report.linked, report.new) == (2, 10)
    source = downloads[1] / "deep/er/test_0001.mov"
    assert os.path.samefile(source, tmp_path / "data/test/test_0001.mov")
    assert run(downloads, tmp_path / "data", link=True).kept == 10
    assert everything(tmp_path / "data") == WHOLE


def test_a_folder_already_in_place_can_be_its_own_source(downloads, tmp_path):
    run(downloads, tmp_path / "data")
    assert run([tmp_path / "data"], tmp_path / "data").kept == 10


def test_too_little_room_is_refused_before_any_work(downloads, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3000))
    folder = tmp_path / "unpacked"
    for name, data in WHOLE.items():
        write(folder / name, data)
    with pytest.raises(DataError, match=r"GB are needed, 0\.00 GB are free"):
        run([folder], tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert run([folder], tmp_path / "data", link=True).complete


def test_what_is_missing_is_named_and_what_was_found_is_kept(downloads, tmp_path):
    report = run(downloads[1:], tmp_path / "data")
    assert not report.complete
    assert report.check.missing == ["train_metadata.csv", "clips in train/"]
    assert report.new == 4
    assert run(downloads[:1], tmp_path / "data").complete


def test_missing_clips_do_not_hide_what_is_wrong_besides(downloads, tmp_path):
    root = tmp_path / "data"
    run(downloads, root)
    (root / "train/A412_sad_int4_ver2.mov").unlink()
    (root / "test/test_0002.mov").unlink()
    write(root / "train_metadata.csv", METADATA.replace("0,ang,,,,0", "0,hap,,,,0"))
    check = check_data(root, SMALL)
    assert check.missing == ["test/test_0002.mov", "train/A412_sad_int4_ver2.mov"]
    assert len(check.faults) == 1
    assert "name says ang" in check.faults[0]
    assert check.deviations == []


def test_sizes_that_differ_from_the_published_record_are_told_with_numbers_but_are_no_fault(downloads, tmp_path):
    report = import_data(downloads, tmp_path / "data")
    assert report.complete
    assert report.check.deviations == [
        "5 training clips, the published record has 2456",
        "3 test clips, the published record has 594",
        "folds of 3, 2 clips, the published record has 522, 486, 468, 472, 508",
    ]


def test_a_count_with_the_missing_clips_says_so(downloads, tmp_path):
    root = tmp_path / "data"
    run(downloads, root)
    (root / "test/test_0002.mov").unlink()
    told = check_data(root, Published(train=5, test=4, folds=(3, 2))).lines()
    assert told[0] == "There are 5 training clips and 2 test clips, folds of 3, 2 clips."
    assert told[-1] == "Note: 3 test clips, the missing ones counted in, the published record has 4"


def test_many_missing_clips_are_counted_after_the_first_twenty(downloads, tmp_path):
    root = tmp_path / "data"
    run(downloads, root)
    asked = {"predictions": {f"test_{number:04}.mov": [] for number in range(1, 101)}}
    write(root / "submission_template.json", json.dumps(asked))
    line = next(line for line in check_data(root, SMALL).lines() if line.startswith("Missing"))
    assert line.startswith("Missing, 97: test/test_0004.mov, ")
    assert line.endswith("test/test_0023.mov and 77 more")


def test_paths_without_any_of_the_challenges_files_are_refused(tmp_path):
    write(tmp_path / "photos/holiday.mov", b"sea")
    with pytest.raises(DataError, match=r"none of the challenge's files found .*; saw .*holiday\.mov"):
        run([tmp_path / "photos"], tmp_path / "data")


def test_the_command_says_what_was_done_and_what_to_do_next(downloads, tmp_path):
    root = str(tmp_path / "data")
    result = CliRunner().invoke(app, ["import", *map(str, downloads), "--root", root])
    assert result.exit_code == 0
    assert "10 new" in result.output
    assert "`dataset: blemore` and `weights: pretrained` in params.yaml" in result.output
    result = CliRunner().invoke(app, ["check", "--root", root, "--json"])
    assert json.loads(result.output)["test"] == 3
    (tmp_path / "data/test/test_0002.mov").unlink()
    result = CliRunner().invoke(app, ["check", "--root", root])
    assert result.exit_code == 1
    assert "Missing, 1: test/test_0002.mov" in result.output


def test_the_command_refuses_in_one_message(tmp_path):
    result = CliRunner().invoke(app, ["import", str(tmp_path / "no.zip"), "--root", str(tmp_path / "data")])
    assert result.exit_code == 1
    assert "no.zip: no such file or folder" in str(result.exception)
    result = CliRunner().invoke(app, ["import", str(tmp_path / "no.zip"), "--json"])
    assert "no such file" in json.loads(result.output)["refused"][0]


def test_an_import_is_silent_unless_progress_is_asked_for_and_leaves_no_spare_files(downloads, tmp_path, capfd):
    run(downloads, tmp_path / "data")
    assert capfd.readouterr() == ("", "")
    assert importing.SPARE not in os.listdir(tmp_path / "data")
    run(downloads, tmp_path / "again", show_progress=True)
    assert "Importing" in capfd.readouterr().err
