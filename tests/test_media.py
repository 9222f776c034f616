"""What preparing a clip promises: one decoding, one clock for picture and sound, whatever the file is like."""

import io
from fractions import Fraction

import av
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_samples import (
    OPTIONS,
    click,
    flash,
    moving_bar,
    outputs,
    tone,
    write_clip,
)

from blemore.media.pictures import even_times
from blemore.media.piece import choose_window, motion
from blemore.media.prepare import prepare_shard
from blemore.media.shards import read_frames


def prepare(folder, clips, options=OPTIONS):
    """Prepare a shard of clips; give the five tables."""
    files = outputs(folder / "out")
    prepare_shard(clips, options, **files)
    return {kind: pd.read_parquet(path) for kind, path in files.items()}


def prepare_one(tmp_path, **clip):
    """Prepare one generated clip; give its five tables."""
    return prepare(tmp_path, {"clip": write_clip(tmp_path / clip.pop("name", "clip.mov"), **clip)})


def samples_of(tables):
    return np.frombuffer(tables["audio"]["samples"].item(), "<i2") / 32768


def test_a_probe_tells_what_the_file_holds(tmp_path):
    row = prepare_one(tmp_path, seconds=2.0, size=(96, 64), wave=tone(2.0, 44100, (0.3, 0.3)), rate=44100)
    probe = row["probe"].iloc[0]
    assert probe[["video_codec", "width", "height", "rotation"]].tolist() == ["h264", 96, 64, 0]
    assert probe["fps"] == pytest.approx(25)
    assert probe["duration"] == pytest.approx(2.0)
    assert probe[["audio_codec", "audio_rate", "audio_channels"]].tolist() == ["aac", 44100, 2]
    assert probe["bytes"] == (tmp_path / "clip.mov").stat().st_size
    assert len(probe["sha256"]) == 64
    assert probe["quarantine"] == ""


@pytest.mark.thorough
@pytest.mark.parametrize("seconds", [1.0, 30.0])
def test_clips_from_one_to_thirty_seconds_give_sixteen_samples_and_sound_of_their_length(tmp_path, seconds):
    tables = prepare_one(tmp_path, seconds=seconds, fps=10, wave=tone(seconds, 16000), rate=16000)
    assert len(tables["faces"]) == len(tables["body"]) == 16
    assert len(samples_of(tables)) == round(seconds * 16000)
    assert tables["probe"]["duration"].item() == pytest.approx(seconds)


def test_samples_are_even_in_time_when_the_frame_rate_is_not(tmp_path):
    times = np.concatenate([np.arange(0, 1, 1 / 50), np.arange(1, 3, 1 / 8), np.arange(3, 4, 1 / 30)])
    tables = prepare_one(tmp_path, times=times)
    even = (np.arange(16) + 0.5) * tables["probe"]["duration"].item() / 16
    nearest = times[np.abs(times[:, None] - even).argmin(axis=0)]
    np.testing.assert_allclose(tables["faces"]["time"], nearest, atol=2e-3)
    assert tables["probe"]["fps"].item() == pytest.approx(len(times) / tables["probe"]["duration"].item())


@pytest.mark.thorough
@given(
    gaps=st.lists(st.floats(0.005, 0.5), min_size=2, max_size=60),
    count=st.integers(1, 32),
)
def test_every_sample_is_the_frame_nearest_to_the_middle_of_its_part(gaps, count):
    times = np.concatenate([[0.0], np.cumsum(gaps[:-1])])
    duration = float(times[-1] + gaps[-1])
    chosen = even_times(times, duration, count)
    for k, time in enumerate(chosen):
        middle = (k + 0.5) * duration / count
        assert abs(time - middle) == pytest.approx(np.abs(times - middle).min())


def test_the_sampled_picture_is_the_one_shown_at_its_time(tmp_path):
    grey = {k: 20 + 8 * k for k in range(25)}
    tables = prepare_one(
        tmp_path, draw=lambda time, width, height: np.full((height, width, 3), grey[round(time * 25)], np.uint8)
    )
    pictures = read_frames([tmp_path / "out" / "body.parquet"], 32)["clip"]
    for picture, time in zip(pictures, tables["body"]["time"], strict=True):
        assert picture[16, 16].mean() == pytest.approx(grey[round(time * 25)], abs=3)


@pytest.mark.thorough
@pytest.mark.parametrize(("rotation", "corner"), [(90, "left_bottom"), (180, "right_bottom"), (-90, "right_top")])
def test_rotated_clips_are_set_upright(tmp_path, rotation, corner):
    def red_corner(time, width, height):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[: height // 2, : width // 2] = (250, 0, 0)  # top left, as stored
        return picture

    tables = prepare_one(tmp_path, size=(96, 64), rotation=rotation, draw=red_corner)
    shown = (64, 96) if rotation in (90, -90) else (96, 64)
    assert tables["probe"][["width", "height"]].iloc[0].tolist() == list(shown)
    assert tables["probe"]["rotation"].item() == -rotation % 360
    with av.open(io.BytesIO(tables["pieces"]["mp4"].item())) as container:
        piece = next(container.decode(video=0)).to_ndarray(format="rgb24")
    body = read_frames([tmp_path / "out" / "body.parquet"], 224)["clip"][0]
    for picture in (piece, body):
        height, width = picture.shape[:2]
        y, x = height // 4, width // 4
        places = {"left_top": (y, x), "right_top": (y, -x), "left_bottom": (-y, x), "right_bottom": (-y, -x)}
        red = {name: int(picture[place][0]) for name, place in places.items()}
        assert max(red, key=red.get) == corner
        assert red[corner] > 200
    assert piece.shape[:2] == shown[::-1]


def test_odd_sizes_work_and_the_piece_is_even(tmp_path):
    tables = prepare_one(tmp_path, size=(97, 65))
    assert tables["probe"][["width", "height"]].iloc[0].tolist() == [97, 65]
    with av.open(io.BytesIO(tables["pieces"]["mp4"].item())) as container:
        assert container.streams.video[0].width % 2 == container.streams.video[0].height % 2 == 0


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "pcm_s24le", "pcm_u8"])
def test_stereo_is_mixed_to_the_mean_of_its_channels_on_the_clips_clock(tmp_path, codec):
    wave = tone(1.0, 48000, (0.6, 0.2))
    samples = samples_of(prepare_one(tmp_path, wave=wave, audio_codec=codec))
    expected = tone(1.0, 16000, (0.4,))[0]
    inside = slice(800, -800)  # codecs fade at the very ends
    assert np.abs(samples[inside] - expected[inside]).max() < 0.02


def test_a_clip_without_sound_is_silent_for_its_whole_length(tmp_path):
    tables = prepare_one(tmp_path, seconds=1.2)
    assert tables["audio"]["silent"].item()
    assert tables["probe"]["audio_codec"].isna().item()
    assert len(samples_of(tables)) == round(1.2 * 16000)
    assert not samples_of(tables).any()
    with av.open(io.BytesIO(tables["pieces"]["mp4"].item())) as container:
        assert not container.streams.audio


def test_sound_that_starts_late_or_has_a_gap_stays_in_its_place(tmp_path):
    late = samples_of(prepare_one(tmp_path, seconds=2, wave=tone(1.0, 48000), wave_start=0.5, audio_codec="pcm_s16le"))
    loud = np.abs(late).reshape(-1, 160).max(axis=1) > 0.1  # per 10 ms
    assert [round(np.flatnonzero(loud)[k] / 100, 1) for k in (0, -1)] == [0.5, 1.5]
    gap = samples_of(
        prepare_one(
            tmp_path, name="gap.mkv", seconds=2, wave=tone(2.0, 48000), wave_gap=(0.8, 1.2), audio_codec="pcm_s16le"
        )
    )
    loud = np.abs(gap).reshape(-1, 160).max(axis=1) > 0.1
    assert not loud[84:118].any()
    assert loud[:78].all()
    assert loud[123:].all()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["clip.mov", "clip.mkv", "clip.avi"])
def test_a_flash_and_a_click_stay_within_one_frame(tmp_path, name):
    at = 1.8
    codecs = {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"} if name == "clip.avi" else {}
    path = write_clip(tmp_path / name, seconds=3.0, draw=flash(at), wave=click(3.0, 48000, at), **codecs)
    tables = prepare(tmp_path, {"clip": path})
    heard = np.flatnonzero(np.abs(samples_of(tables)) > 0.2)[0] / 16000
    assert abs(heard - at) < 0.01
    start, data = tables["pieces"]["start"].item(), tables["pieces"]["mp4"].item()
    assert start <= at < start + 2
    with av.open(io.BytesIO(data)) as container:
        seen = [f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 128]
        container.seek(0)
        times, sound = [], []
        for frame in container.decode(audio=0):
            times.append(frame.time)
            sound.append(frame.to_ndarray()[0])
    assert len(seen) == 1
    heard = times[0] + np.flatnonzero(np.abs(np.concatenate(sound)) > 0.2)[0] / 16000
    assert abs(heard - seen[0]) < 1 / 25
    assert seen[0] == pytest.approx(at - start, abs=1 / 50)


def test_the_piece_is_where_most_moves_or_sounds(tmp_path):
    def late_motion(time, width, height):
        return moving_bar(time, width, height) if time >= 2.5 else moving_bar(0, width, height)

    piece = prepare_one(tmp_path, seconds=5.0, draw=late_motion)["pieces"].iloc[0]
    assert piece["start"] >= 2.4
    assert piece["reason"] == "motion"
    still = dict(seconds=5.0, draw=lambda time, width, height: moving_bar(0, width, height))
    piece = prepare_one(tmp_path, name="voice.mov", wave=click(5.0, 48000, 3.0, 1.5), **still)["pieces"].iloc[0]
    assert 2.4 <= piece["start"] <= 3.0
    assert piece["reason"] == "voice"


def test_a_clip_shorter_than_a_piece_is_taken_whole(tmp_path):
    piece = prepare_one(tmp_path, seconds=1.4, wave=tone(1.4, 48000))["pieces"].iloc[0]
    assert (piece["start"], piece["reason"]) == (0.0, "whole")
    with av.open(io.BytesIO(piece["mp4"])) as container:
        assert sum(1 for _ in container.decode(video=0)) == 35


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 1)), min_size=1, max_size=60), st.integers(1, 40))
def test_the_chosen_window_lies_inside_the_clip_and_no_other_is_better(values, length):
    moving, loud = (np.array(column) for column in zip(*values, strict=True))
    start, reason = choose_window(moving, loud, length)
    assert 0 <= start <= max(0, len(moving) - length)
    assert (reason == "whole") == (len(moving) <= length)
    total = sum(part / part.sum() if part.sum() > 0 else part * 0 for part in (moving, loud))
    scores = [total[k : k + length].sum() for k in range(max(1, len(total) - length + 1))]
    assert scores[start] >= max(scores) - 1e-6


@pytest.mark.thorough
def test_pieces_obey_height_and_rate_and_carry_no_time_of_making(tmp_path):
    path = write_clip(tmp_path / "clip.mov", seconds=3.0, size=(320, 640), fps=50, wave=tone(3.0, 48000))
    options = OPTIONS | {"piece": {"seconds": 2.0, "height": 120, "fps": 10}}
    data = prepare(tmp_path, {"clip": path}, options)["pieces"]["mp4"].item()
    with av.open(io.BytesIO(data)) as container:
        video = container.streams.video[0]
        assert (video.width, video.height, video.average_rate) == (60, 120, Fraction(10))
        assert container.streams.audio[0].codec_context.name == "aac"
        assert "creation_time" not in container.metadata
        assert sum(1 for _ in container.decode(video)) == 20


def test_the_noise_of_an_encoder_is_no_motion():
    rng = np.random.default_rng(0)
    still = np.full((90, 160), 120, np.uint8)
    pictures = [still + rng.integers(-1, 2, still.shape).astype(np.uint8) for _ in range(5)]
    frames = [av.VideoFrame.from_ndarray(picture, format="gray") for picture in pictures]
    assert not motion(frames).any()
    frames[3] = av.VideoFrame.from_ndarray(
        np.roll(still + np.arange(160, dtype=np.uint8) // 2, 8, axis=1), format="gray"
    )
    assert motion(frames)[3] > 0
