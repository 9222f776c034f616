"""What bad files meet: a reason in the table, while every other clip goes on; too many stop the study."""

import json

import numpy as np
import pandas as pd
import pytest
from media_samples import OPTIONS, outputs, talking_clip, tone, write_clip

from blemore.media.clips import gather, write_quarantine, write_remarks
from blemore.media.preflight import check_disk, estimate
from blemore.media.prepare import prepare_shard
from blemore.tables import CLIPS_COLUMNS, ROSTER_COLUMNS, read_clips, usable, write_clips
from joblineage.errors import DataError

FRONT = {"movflags": "+faststart"}
"""The table of contents before the data: a cut copy can be opened and only its end is missing."""


def zero_bytes(path):
    path.write_bytes(b"")


def not_a_video(path):
    path.write_text("clip,fold\nA901_ang_int1_ver1,0\n" * 400)


def noise(path):
    path.write_bytes(np.random.default_rng(0).bytes(30000))


def cut_without_contents(path):
    data = write_clip(path, seconds=3.0).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def cut_with_contents(path):
    write_clip(path, seconds=4.0, wave=tone(4.0, 48000), options=FRONT)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def cut_matroska(path):
    other = path.with_suffix(".mkv")
    data = write_clip(other, seconds=4.0, wave=tone(4.0, 48000)).read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])


def sound_only(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def single_picture(path):
    import cv2

    path.write_bytes(cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes())


def damaged_frames(path):
    def lively(time, width, height):
        return np.random.default_rng(round(time * 100)).integers(0, 255, (height, width, 3), dtype=np.uint8)

    data = bytearray(write_clip(path, seconds=2.0, draw=lively).read_bytes())
    start = data.index(b"mdat") + 4000
    data[start : len(data) - 6000] = bytes(len(data) - 6000 - start)
    path.write_bytes(bytes(data))


BAD = {
    zero_bytes: "zero bytes",
    not_a_video: "cannot be decoded: ",
    noise: "cannot be decoded: ",
    cut_without_contents: "cannot be decoded: ",
    cut_with_contents: "ends after ",
    cut_matroska: "ends after ",
    sound_only: "no video stream",
    single_picture: "no container of a video; ",
    damaged_frames: "cannot be decoded: only ",
}


@pytest.mark.thorough
@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_bad_file_is_set_aside_with_its_reason_and_the_others_go_on(tmp_path, make, caplog):
    good, bad = write_clip(tmp_path / "good.mov", wave=tone(1.0, 48000)), tmp_path / "bad.mov"
    make(bad)
    files = outputs(tmp_path / "out")
    with caplog.at_level("INFO"):
        prepare_shard({"a_bad": bad, "b_good": good}, OPTIONS, **files)
    probe = pd.read_parquet(files["probe"]).set_index("clip")
    assert probe.loc["a_bad", "quarantine"].startswith(BAD[make])
    assert probe.loc["a_bad", "bytes"] == bad.stat().st_size
    assert probe.loc["b_good", "quarantine"] == ""
    for kind in ("faces", "body", "audio", "pieces"):
        assert set(pd.read_parquet(files[kind])["clip"]) == {"b_good"}
    assert "set aside" in caplog.text


def test_the_reason_of_a_cut_clip_tells_both_lengths(tmp_path):
    cut_with_contents(tmp_path / "bad.mov")
    files = outputs(tmp_path)
    prepare_shard({"bad": tmp_path / "bad.mov"}, OPTIONS, **files)
    reason = pd.read_parquet(files["probe"])["quarantine"].item()
    assert reason.endswith("of 4.0 s")
    assert 1.0 < float(reason.split()[2]) < 3.6


def test_sound_that_ends_before_the_picture_is_no_fault(tmp_path):
    files = outputs(tmp_path)
    clip = write_clip(tmp_path / "clip.mov", seconds=3.0, wave=tone(1.0, 48000))
    longer = write_clip(tmp_path / "longer.mkv", seconds=1.0, wave=tone(3.0, 48000))
    prepare_shard({"clip": clip, "longer": longer}, OPTIONS, **files)
    assert (pd.read_parquet(files["probe"])["quarantine"] == "").all()
    sound = pd.read_parquet(files["audio"]).set_index("clip")["samples"]
    assert [len(sound[name]) // 2 for name in ("clip", "longer")] == [48000, 16000]


def roster_of(names):
    rows = [
        dict(zip(ROSTER_COLUMNS, (name, f"train/{name}.mov", "train", f"A{k}", k % 2, 0, "ang", None, 100.0, None),
                 strict=True))
        for k, name in enumerate(names)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def probes(tmp_path):
    """Probe files of two shards: three good clips, and as many empty ones as asked for."""

    def make(bad):
        wave = tone(0.4, 48000)
        good = {f"good{k}": write_clip(tmp_path / f"good{k}.mov", seconds=0.4, wave=wave / (k + 1)) for k in range(3)}
        zero_bytes(tmp_path / "zero.mov")
        clips = good | {f"bad{k}": tmp_path / "zero.mov" for k in range(bad)}
        paths = []
        for shard in range(2):
            files = outputs(tmp_path / str(shard))
            prepare_shard(
                {name: path for k, (name, path) in enumerate(clips.items()) if k % 2 == shard}, OPTIONS, **files
            )
            paths.append(files["probe"])
        return roster_of(list(clips)), paths

    return make


def test_one_bad_clip_is_always_allowed_and_left_out_of_what_is_used(probes, tmp_path):
    clips = gather(*probes(1), max_bad_share=0.0)
    assert tuple(clips.columns) == CLIPS_COLUMNS
    assert clips["clip"].tolist() == ["bad0", "good0", "good1", "good2"]
    assert usable(clips)["clip"].tolist() == ["good0", "good1", "good2"]
    write_clips(clips, tmp_path / "clips.parquet")
    assert read_clips(tmp_path / "clips.parquet")["quarantine"].tolist() == ["zero bytes", "", "", ""]
    write_quarantine(clips, tmp_path / "quarantine.csv")
    assert (tmp_path / "quarantine.csv").read_text() == "clip,file,quarantine\nbad0,train/bad0.mov,zero bytes\n"


def test_every_remark_is_listed_clip_by_clip_with_the_share_of_samples_that_show_a_face(probes, tmp_path):
    clips = gather(*probes(1), max_bad_share=0.0)
    nobody = "no face found: the middle of the picture is taken"
    assert clips["face_share"].isna().tolist() == [True, False, False, False]
    clips.loc[1, ["face_share", "remarks"]] = [1.0, ""]
    clips.loc[2, "remarks"] = f"no sound track; {nobody}"
    clips.loc[0, "remarks"] = "the file ends inside one of its parts: cut off?"
    write_remarks(clips, tmp_path / "remarks.json")
    assert json.loads((tmp_path / "remarks.json").read_text()) == {
        "clips": 3,
        "face_share": pytest.approx(1 / 3),
        "face_always": 1,
        "remarked": [
            {"clip": "bad0", "face_share": None, "remarks": ["the file ends inside one of its parts: cut off?"]},
            {"clip": "good1", "face_share": 0.0, "remarks": ["no sound track", nobody]},
            {"clip": "good2", "face_share": 0.0, "remarks": [nobody]},
        ],
    }
    write_remarks(clips[:1], tmp_path / "remarks.json")
    assert json.loads((tmp_path / "remarks.json").read_text())["face_share"] is None


def test_too_many_bad_clips_stop_the_study_and_all_are_listed(probes):
    roster, paths = probes(2)
    with pytest.raises(DataError, match="2 of 5") as error:
        gather(roster, paths, max_bad_share=0.02)
    assert error.value.faults == ["train/bad0.mov: zero bytes", "train/bad1.mov: zero bytes"]
    assert len(gather(roster, paths, max_bad_share=0.4)) == 5


def test_equal_bytes_under_two_names_are_refused_before_anything_is_trained_and_both_are_named(probes):
    roster, paths = probes(0)
    probe = pd.read_parquet(paths[1])
    probe["sha256"] = pd.read_parquet(paths[0])["sha256"][0]
    probe.to_parquet(paths[1])
    with pytest.raises(DataError, match=r"train/good0\.mov and train/good1\.mov have the same bytes") as error:
        gather(roster, paths, max_bad_share=0.0)
    assert len(error.value.faults) == 1


def test_roster_and_probes_must_speak_of_the_same_clips(probes):
    roster, paths = probes(0)
    with pytest.raises(DataError, match="good2: in a shard, but not in the roster"):
        gather(roster[:2], paths, 0.1)
    with pytest.raises(DataError, match="good1: in the roster, but in no shard"):
        gather(roster, paths[:1], 0.1)
    with pytest.raises(DataError, match="good0: probed more than once"):
        gather(roster, [*paths, paths[0]], 0.1)


ENCODERS = [{"learning": "finetuned", "scale": "tiny", "media": "body"}, {"learning": "frozen", "scale": "tiny"}]
PRETRAINED = [settings | {"scale": "pretrained"} for settings in ENCODERS]


@pytest.mark.thorough
def test_the_estimate_is_on_the_large_side_of_what_a_shard_takes(tmp_path):
    clips = {"a": talking_clip(tmp_path / "a.mov"), "b": talking_clip(tmp_path / "b.mov", side=320)}
    files = outputs(tmp_path / "out")
    prepare_shard(clips, OPTIONS, **files)
    sizes = estimate([path.stat().st_size for path in clips.values()], OPTIONS, ENCODERS, 5)
    for kind in ("faces", "body", "audio", "pieces"):
        taken = files[kind].stat().st_size
        assert taken / 1.3 < sizes[kind] < 5 * taken, kind


def test_the_estimate_grows_with_clips_folds_and_scale_and_counts_dvcs_copy():
    one, many = (estimate([1_000_000] * count, OPTIONS, ENCODERS, 5) for count in (10, 1000))
    assert one["raw"] == 10_000_000
    assert one["total"] == pytest.approx(2 * one["dvc_copy"] + one["decoded"], abs=2)
    for kind in ("faces", "body", "audio", "pieces", "decoded"):
        assert many[kind] == pytest.approx(100 * one[kind], rel=1e-3)
    more_folds = estimate([1], OPTIONS, ENCODERS, 10)["encoders"]
    assert more_folds > estimate([1], OPTIONS, ENCODERS, 5)["encoders"]
    assert estimate([1], OPTIONS, PRETRAINED, 5)["encoders"] > 1e9
    assert estimate([1], OPTIONS, [{"learning": "given", "scale": "tiny"}], 5)["encoders"] == 0


def test_the_file_of_decoded_clips_counts_once_for_each_encoder_that_is_trained():
    clips = [1] * 3050
    one = estimate(clips, OPTIONS, PRETRAINED, 5)["decoded"]
    assert one == 3050 * 16 * 224 * 224 * 3 == estimate(clips, OPTIONS, PRETRAINED, 10)["decoded"]
    sound = {"learning": "finetuned", "scale": "pretrained", "media": "audio"}
    assert estimate(clips, OPTIONS, [*PRETRAINED, sound], 5)["decoded"] == one + 3050 * 4 * 16000 * 2
    assert estimate(clips, OPTIONS, PRETRAINED[1:], 5)["decoded"] == 0


def test_a_study_that_will_not_fit_is_refused_with_the_sizes():
    needed = estimate([50_000_000] * 100, OPTIONS, ENCODERS, 5)
    check_disk(needed, needed["total"], "results")
    with pytest.raises(DataError, match=r"GB will be needed .*raw 5\.0.* 1\.0 GB are free"):
        check_disk(needed, 1_000_000_000, "results")
