"""No clip goes through the media step silently wrong: odd and damaged files come out right, are remarked or set aside."""

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from media_corruptions import REMARKED, SET_ASIDE, reported, wrongs
from media_samples import OPTIONS, outputs, talking_clip, tone, write_clip
from media_variants import FLOAT, NO_FACE, VARIANTS, Nobody, Variant, check, pattern, sound, write

from blemore.media import decode, prepare
from blemore.media.containers import BadClip
from blemore.media.prepare import prepare_clip, prepare_shard

KINDS_OF_FAULT = {
    "plain": "mp4, H.264, AAC",
    "HD without a tag": "BT.709 without a tag, 720 lines",
    "HLG": "HLG",
    "begins at 5 s": "times begin at 5 s",
    "2 fps": "2 fps",
    "voice in the centre of 5.1": "5.1, the voice in the centre",
    "antiphase": "antiphase",
    "first sound track silent": "two sound tracks, the second default",
    "second video track default": "two video tracks, the second default",
    "cover as first track": "a cover first",
    "damaged in the middle": "pictures damaged",
    "a text that names another file": "a text that names a clip",
    "time jumps": "a jump of 3,000 s",
    "size changes": "another shape",
    "mirrored": "mirrored",
    "sound for a third": "sound for a third",
    "more channels than can be read": "16 channels, each in a plane of its own",
    "a sampling rate of a damaged header": "a rate that no recording has",
    "sound after the pictures": "sound begins after the pictures",
}
"""Kinds of clip that once went through wrongly, or ended the process."""

SAMPLE = (
    "ts, H.264, AAC", "a playlist", "transposed", "PQ", "one side", "NaN", "a clock that drifts",
    "a jump back", "another size of the same shape", "cut fragmented mp4",
)  # fmt: skip
"""Ten of the other variants; the campaign `media` has all."""


@pytest.mark.thorough
@pytest.mark.parametrize("name", KINDS_OF_FAULT.values(), ids=KINDS_OF_FAULT)
def test_each_kind_of_odd_clip_comes_out_right_or_is_said_to_be_odd(tmp_path, name):
    check(VARIANTS[name], tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_variants_comes_out_right_or_is_said_to_be_odd(tmp_path, name):
    assert name not in KINDS_OF_FAULT.values()
    check(VARIANTS[name], tmp_path)


@pytest.mark.thorough
def test_randomly_damaged_clips_are_prepared_without_a_crash_and_what_the_decoder_reports_is_said():
    program = Path(__file__).with_name("media_corruptions.py")  # whose memory is its own; a crash names its place
    done = subprocess.run([sys.executable, "-X", "faulthandler", program, "0", "12"], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    ends = json.loads(done.stdout)
    assert sum(ends.values()) == 12
    assert ends[SET_ASIDE] > 0
    assert ends[REMARKED] > 0


def test_what_decoder_or_container_report_of_a_damaged_file_is_known_without_preparing_it(tmp_path):
    whole = write(tmp_path / "whole.mp4", options={"movflags": "+faststart"})
    assert reported(whole) == ""
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 2 // 3])
    assert re.search("a track lasts .* of 2.00 s|reading it fails", reported(tmp_path / "cut.mp4"))
    (tmp_path / "zero.mp4").write_bytes(data[: -len(data) // 3] + bytes(len(data) // 3))
    assert reported(tmp_path / "zero.mp4")


def test_sound_a_millisecond_late_is_right_and_a_hundredth_of_a_second_is_wrong():
    jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    wave = np.random.default_rng(0).integers(-9000, 9000, 16000).astype("<i2")

    def rows(late):
        return {"body": [{"jpeg": jpeg}], "audio": [{"samples": np.roll(wave, late).tobytes()}]}

    assert wrongs(rows(16), rows(0)) == []
    assert wrongs(rows(160), rows(0)) == ["100% of its sound is wrong"]


def test_there_are_at_least_sixty_variants():
    assert len(VARIANTS) >= 60


@pytest.mark.thorough
def test_a_check_that_finds_nothing_wrong_with_a_wrong_clip_would_be_worthless(tmp_path):
    with pytest.raises(AssertionError, match="not remarked"):
        check(Variant(VARIANTS["mp4, H.264, AAC"].make, remarks=("its channels",)), tmp_path)
    with pytest.raises(AssertionError, match="remarked without need"):
        check(Variant(VARIANTS["mirrored"].make, corners="1032"), tmp_path)


@pytest.mark.thorough
def test_an_exception_nobody_thought_of_names_its_clip_and_costs_that_clip_alone(tmp_path, monkeypatch, caplog):
    clips = {name: write(tmp_path / f"{name}.mp4") for name in ("a", "b", "c")}
    real = prepare.decode_media

    def failing(clip, options, kinds):
        if "b.mp4" in clip.container.name:
            raise ZeroDivisionError("division by zero")
        return real(clip, options, kinds)

    monkeypatch.setattr(prepare, "decode_media", failing)
    monkeypatch.setattr(prepare, "load_detector", lambda name: Nobody())
    files = outputs(tmp_path / "out")
    prepare_shard(clips, OPTIONS, **files)
    reasons = pd.read_parquet(files["probe"]).set_index("clip")["quarantine"]
    assert reasons.to_dict() == {"a": "", "b": "cannot be prepared: ZeroDivisionError: division by zero", "c": ""}
    assert set(pd.read_parquet(files["audio"])["clip"]) == {"a", "c"}
    assert "clip b: " in caplog.text


def test_a_fault_of_the_machine_stops_the_shard_and_names_the_clip(tmp_path, monkeypatch):
    def failing(path):
        raise OSError("Input/output error")

    monkeypatch.setattr(prepare, "sha256", failing)
    with pytest.raises(OSError, match="Input/output") as error:
        prepare_clip("a", write(tmp_path / "a.mp4"), OPTIONS, Nobody())
    assert "clip a: " in error.value.__notes__[0]


def test_more_packets_than_fit_in_memory_set_a_clip_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "LARGEST_FILE", 1000)
    probe = prepare_clip("a", write(tmp_path / "a.mp4"), OPTIONS, Nobody())["probe"][0]
    assert probe["quarantine"].startswith("more than 0.0 GB")


def test_a_picture_too_large_for_the_decoder_sets_a_clip_aside(tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "MOST_PIXELS", 100 * 100)
    probe = prepare_clip("a", write(tmp_path / "a.mp4"), OPTIONS, Nobody())["probe"][0]
    assert probe["quarantine"].startswith("pictures of 192 x 144")


@pytest.mark.thorough
def test_the_share_that_may_be_damaged_is_a_parameter(tmp_path):
    path = VARIANTS["pictures damaged"].make(tmp_path)
    probe = prepare_clip("a", path, OPTIONS | {"max_damaged_share": 1.0}, Nobody())["probe"][0]
    assert not probe["quarantine"]
    assert 0.3 < probe["good_pictures"] < 0.6
    assert "of its pictures are whole" in probe["remarks"]


def test_a_probe_says_how_much_of_pictures_and_sound_is_good(tmp_path):
    probe = prepare_clip("a", write(tmp_path / "a.mp4"), OPTIONS, Nobody())["probe"][0]
    assert (probe["good_pictures"], probe["faces"], probe["face_share"], probe["remarks"]) == (1, 0, 0, NO_FACE)
    assert probe["good_sound"] == pytest.approx(1, abs=0.02)
    probe = prepare_clip("a", write(tmp_path / "b.mp4", waves=[]), OPTIONS, Nobody())["probe"][0]
    assert probe["good_sound"] is None


def test_a_drifting_clock_leaves_no_holes_in_the_sound(tmp_path):
    wave = np.ones((1, 96000), np.float32) * 0.5
    path = write(tmp_path / "a.mkv", pace=1.01, waves=[wave], **FLOAT)
    found = prepare_clip("a", path, OPTIONS, Nobody())
    samples = np.frombuffer(found["audio"][0]["samples"], "<i2")
    assert (np.abs(samples[200:-200] - 16384) < 50).all()


def test_loud_sound_is_scaled_and_a_few_overshoots_are_not(tmp_path):
    wave = sound(1, 1)
    wave[:, 5000:5010] = 1.3  # fewer than one in a thousand
    found = prepare_clip("a", write(tmp_path / "a.mkv", waves=[wave], **FLOAT), OPTIONS, Nobody())
    assert "full scale" not in found["probe"][0]["remarks"]


@pytest.mark.thorough
def test_remarks_and_shares_reach_the_clips_table(tmp_path):
    from test_media_bad_files import roster_of

    from blemore.media.clips import gather

    clips = {
        "a": write(tmp_path / "a.mkv", waves=[sound(1, -1)], **FLOAT),
        "b": talking_clip(tmp_path / "b.mov", 0.8, 128),
    }
    files = outputs(tmp_path / "out")
    prepare_shard(clips, OPTIONS, **files)
    table = gather(roster_of(list(clips)), [files["probe"]], 0.0).set_index("clip")
    assert table.loc["a", "remarks"].startswith("its channels cancel each other")
    assert table.loc["b", "remarks"] == ""
    assert table["face_share"].to_dict() == {"a": 0.0, "b": 1.0}
    assert table["faces"].to_dict() == {"a": 0, "b": 1}


def test_a_clip_that_is_read_to_a_fault_keeps_what_came_before(tmp_path):
    with decode.open_clip(write_clip(tmp_path / "a.mov", wave=tone(1.0, 48000)), OPTIONS) as clip:
        first = clip.packets[0]

        class Broken:
            def demux(self, streams):
                yield first
                raise decode.av.FFmpegError(1094995529, "Invalid data")

        remarks: list[str] = []
        assert decode._packets(Broken(), [], remarks) == [first]
        assert remarks == ["cannot be read to its end (Invalid data)"]


def test_times_that_all_are_one_are_refused(tmp_path):
    with decode.open_clip(write_clip(tmp_path / "a.mov"), OPTIONS) as clip:
        packets = [packet for packet in clip.packets if packet.size]
        for packet in packets:
            packet.pts, packet.dts, packet.duration = 0, 0, 0
        with pytest.raises(BadClip, match="all frames have one time"):
            decode._timeline(packets, [])


def test_the_pattern_shows_its_colours():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = pattern(0.0, 192, 144)
    assert picture[0, 0].tolist() == [200, 40, 40]
    assert picture[-1, -1].tolist() == [224, 172, 140]
