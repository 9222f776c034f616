"""What a prepared shard promises: decoded once, the same bytes always, read back by clip."""

import subprocess
import sys

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_samples import OPTIONS, outputs, talking_clip, tone, write_clip

from blemore.media import containers, decode
from blemore.media.prepare import prepare_shard
from blemore.media.shards import decode_frames, read_frames, read_pieces, read_samples, shard_of
from joblineage.errors import DataError, MissingDataError


def prepare(folder, clips, options=OPTIONS):
    """Prepare a shard of clips; give the five tables."""
    files = outputs(folder / "out")
    prepare_shard(clips, options, **files)
    return {kind: pd.read_parquet(path) for kind, path in files.items()}


@pytest.mark.thorough
def test_each_clip_is_decoded_once(tmp_path, monkeypatch):
    path = talking_clip(tmp_path / "clip.mov")
    opened, pictures = [], []
    real = decode.decoded

    def counting(clip, allowed):
        opened.append(clip)
        for time, frame in real(clip, allowed):
            pictures.append(isinstance(frame, av.VideoFrame))
            yield time, frame

    opens = []
    real_open = av.open
    monkeypatch.setattr(containers.av, "open", lambda *a, **k: opens.append(a) or real_open(*a, **k))
    monkeypatch.setattr("blemore.media.prepare.decoded", counting)
    prepare(tmp_path, {"clip": path})
    assert len(opened) == 1
    assert sum(pictures) == 55
    assert sum(a[0] == f"file:{path}" for a in opens) == 1


@pytest.mark.thorough
def test_the_bytes_are_the_same_in_every_process_and_order(tmp_path):
    clips = {"b": talking_clip(tmp_path / "b.mov"), "a": write_clip(tmp_path / "a.mov", wave=tone(1.0, 48000))}
    prepare(tmp_path, clips)
    again = outputs(tmp_path / "again")
    program = (
        "import sys; sys.path[:0] = ['tests']\n"
        "from pathlib import Path\n"
        "from media_samples import OPTIONS, outputs\n"
        "from blemore.media.prepare import prepare_shard\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "clips = {'a': folder / 'a.mov', 'b': folder / 'b.mov'}\n"
        "prepare_shard(clips, OPTIONS, **outputs(folder / 'again'))\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
    for kind, path in outputs(tmp_path / "out").items():
        assert path.read_bytes() == again[kind].read_bytes(), kind
    assert pd.read_parquet(again["faces"])["clip"].is_monotonic_increasing


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["faces", "body", "audio", "pieces", "probe"])
def test_a_kind_prepared_alone_has_the_bytes_that_it_has_beside_the_others(tmp_path, kind):
    (tmp_path / "bad.mov").touch()
    clips = {"bad": tmp_path / "bad.mov", "clip": talking_clip(tmp_path / "clip.mov", seconds=0.8, side=128)}
    prepare(tmp_path, clips)
    prepare_shard(clips, OPTIONS, **{kind: tmp_path / "alone.parquet"})
    assert (tmp_path / "alone.parquet").read_bytes() == outputs(tmp_path / "out")[kind].read_bytes()


@given(st.sets(st.text(min_size=1, max_size=12), min_size=1, max_size=30), st.text(min_size=1), st.integers(1, 16))
def test_adding_a_clip_touches_one_shard(names, new, shards):
    def contents(clips):
        return {k: sorted(c for c in clips if shard_of(c, shards) == k) for k in range(shards)}

    before, after = contents(names), contents(names | {new})
    assert sum(before[k] != after[k] for k in range(shards)) == (new not in names)
    assert all(0 <= shard_of(name, shards) < shards for name in names)


def test_an_empty_shard_gives_empty_tables_with_all_columns(tmp_path):
    tables = prepare(tmp_path, {})
    assert all(len(table) == 0 for table in tables.values())
    assert "jpeg" in tables["faces"]
    assert "quarantine" in tables["probe"]
    assert read_frames([tmp_path / "out" / "faces.parquet"], 160) == {}


def test_readers_give_frames_sound_and_pieces_by_clip(tmp_path):
    clips = {"a": write_clip(tmp_path / "a.mov", wave=tone(1.0, 48000)), "b": write_clip(tmp_path / "b.mov")}
    prepare(tmp_path, clips)
    files = outputs(tmp_path / "out")
    frames = read_frames([files["faces"]], 64)
    assert {clip: (part.shape, part.dtype) for clip, part in frames.items()} == {
        clip: ((16, 64, 64, 3), np.dtype(np.uint8)) for clip in clips
    }
    sound = {clip: (rate, np.frombuffer(data, "<i2")) for clip, rate, data in read_samples(files["audio"])}
    assert {clip: rate for clip, (rate, _) in sound.items()} == dict.fromkeys(clips, 16000)
    assert 0.3 < np.abs(sound["a"][1]).max() / 32768 <= 1
    assert sorted(dict(read_pieces(files["pieces"]))) == ["a", "b"]


@pytest.mark.thorough
def test_face_and_body_may_be_sampled_differently(tmp_path):
    options = OPTIONS | {"body": OPTIONS["body"] | {"frames": 5}}
    tables = prepare(tmp_path, {"clip": talking_clip(tmp_path / "clip.mov", seconds=1.0)}, options)
    assert (len(tables["faces"]), len(tables["body"])) == (16, 5)


def test_a_missing_file_is_an_error_and_not_a_bad_clip(tmp_path):
    with pytest.raises(MissingDataError, match="gone"):
        prepare(tmp_path, {"gone": tmp_path / "gone.mov", "gone2": tmp_path / "gone2.mov"})


def test_crops_are_jpeg_files_of_the_size_asked_for(tmp_path):
    row = prepare(tmp_path, {"clip": write_clip(tmp_path / "clip.mov")})["faces"].iloc[0]
    assert cv2.imdecode(np.frombuffer(row["jpeg"], np.uint8), cv2.IMREAD_COLOR).shape == (160, 160, 3)


def test_crops_twice_as_large_are_decoded_at_half_size_and_look_the_same():
    ramp = np.linspace(0, 255, 224).astype(np.uint8)
    picture = np.stack(
        [np.tile(ramp, (224, 1)), np.tile(ramp[:, None], (1, 224)), np.full((224, 224), 90, np.uint8)], 2
    )
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    whole = decode_frames([data], 224)[0]
    small = decode_frames([data, data], 96)
    assert np.array_equal(small[0], small[1])
    expected = cv2.resize(whole, (96, 96), interpolation=cv2.INTER_AREA)
    assert np.abs(small[0].astype(int) - expected).mean() < 1


def test_a_prepared_picture_that_cannot_be_read_is_said_so():
    with pytest.raises(DataError, match="prepare the clips again"):
        decode_frames([b"no JPEG"], 32)
