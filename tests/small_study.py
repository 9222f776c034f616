"""A made-up study for the encoders' tests: size and speed of a rising or sinking spot, or a tone's pitch, tell the class."""

import io
from collections.abc import Collection
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from blemore.media.schemas import AUDIO, BODY, FACES, PIECES, POINTS
from blemore.scoring.labels import CLASSES, EMOTIONS
from blemore.tables import NO_FOLD

FRAMES = 16
SCHEMAS = {"faces": FACES, "body": BODY, "audio": AUDIO, "pieces": PIECES}
FACE = np.array([[-0.2, -0.1], [0.2, -0.1], [0.0, 0.05], [-0.15, 0.2], [0.15, 0.2]])
"""Landmarks around the spot, as shares of the picture's side."""


def taken(reading, clips):
    """What a network takes of clips, as `reading` makes it."""
    return reading.finished(reading.stacked(clips))


def make_clips(persons: int = 4, folds: int = 2, tests: int = 4) -> pd.DataFrame:
    """Per person the six singles and two blends; the persons dealt to the folds in turn; `tests` test clips."""
    rows = []
    for k in range(persons):
        shown = [(name, None) for name in CLASSES] + [(EMOTIONS[k % 4], EMOTIONS[k % 4 + 1]), ("ang", "sad")]
        for number, (first, second) in enumerate(shown):
            rows.append({
                "clip": f"A90{k}_{number}", "split": "train", "person": f"A90{k}", "fold": k % folds,
                "mix": int(second is not None), "emotion_1": first, "emotion_2": second,
                "emotion_1_salience": 70.0 if second else 100.0, "emotion_2_salience": 30.0 if second else None,
            })  # fmt: skip
    rows += [{"clip": f"test_{k:04d}", "split": "test", "fold": NO_FOLD} for k in range(1, tests + 1)]
    clips = pd.DataFrame(rows)
    clips["file"] = clips["split"] + "/" + clips["clip"] + ".mov"
    clips["quarantine"] = ""
    return clips


def write_pictures(
    clips: pd.DataFrame,
    folder: Path,
    shards: int = 2,
    side: int = 64,
    kind: str = "faces",
    faceless: Collection[str] = (),
) -> list[Path]:
    """Faces (or body) files of `clips`; the landmarks move with the spot. `faceless` clips have no face."""
    rows = []
    for number, clip in enumerate(clips.itertuples()):
        noise = np.random.default_rng(number)
        shown = _shown(clip, number)
        start = noise.uniform(side / 2 - 4, side / 2 + 4, 2)
        seen = np.nan if clip.clip in faceless else 1.0
        for frame in range(FRAMES):
            picture = np.full((side, side, 3), 90 + 2 * (number % 7), np.uint8)
            x, y = start + np.array([0, shown - 2.5]) * (frame - FRAMES / 2) * side / 80
            cv2.circle(picture, (int(x), int(y)), side // 16 + shown, (230, 200, 180), -1)
            row = {
                "clip": clip.clip,
                "frame": frame,
                "time": frame / 8,
                "jpeg": cv2.imencode(".jpg", picture)[1].tobytes(),
            }
            row |= {"x": x - side / 4, "y": y - side / 3, "width": side / 2, "height": side / 1.5}
            if kind == "faces":
                points = (np.array([x, y]) + FACE * side + noise.normal(scale=side / 200, size=(5, 2))).ravel() * seen
                row |= dict(zip([name for name, _ in POINTS], points, strict=True))
                row |= {"detected": bool(seen == 1 and frame % 4 == 0), "tracked": bool(seen == 1 and frame % 4 > 0)}
            rows.append(row)
    return _write(pd.DataFrame(rows), folder, kind, shards)


def write_sound(
    clips: pd.DataFrame, folder: Path, shards: int = 2, rate: int = 16000, silent: Collection[str] = ()
) -> list[Path]:
    """Audio files of `clips`: half a second to a second of a noisy tone; `silent` clips have none."""
    rows = []
    for number, clip in enumerate(clips.itertuples()):
        noise = np.random.default_rng(number)
        time = np.arange(rate // 2 + 731 * (number % 5)) / rate
        samples = 0.3 * np.sin(2 * np.pi * 150 * 1.4 ** _shown(clip, number) * time) + 0.05 * noise.normal(
            size=len(time)
        )
        quiet = clip.clip in silent
        data = (samples * (0 if quiet else 32767)).astype("<i2").tobytes()
        rows.append({"clip": clip.clip, "rate": rate, "samples": data, "silent": quiet})
    return _write(pd.DataFrame(rows), folder, "audio", shards)


def write_pieces(clips: pd.DataFrame, folder: Path, shards: int = 2, side: int = 32) -> list[Path]:
    """Pieces files of `clips`: half a second of H.264, a grey picture that grows brighter as fast as its class tells."""
    rows = []
    for number, clip in enumerate(clips.itertuples()):
        target = io.BytesIO()
        with av.open(target, "w", format="mp4") as file:
            stream = file.add_stream("libx264", rate=16)
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
            for frame in range(8):
                grey = np.full((side, side, 3), 40 + number + 4 * frame * _shown(clip, number), np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
            file.mux(stream.encode(None))
        rows.append({"clip": clip.clip, "start": 0.0, "reason": "whole", "mp4": target.getvalue()})
    return _write(pd.DataFrame(rows), folder, "pieces", shards)


def _shown(clip: tuple, number: int) -> int:
    """Index of the clip's first emotion; test clips show all in turn."""
    return CLASSES.index(clip.emotion_1) if isinstance(clip.emotion_1, str) else number % len(CLASSES)


def _write(table: pd.DataFrame, folder: Path, kind: str, shards: int) -> list[Path]:
    number = table["clip"].map({clip: k % shards for k, clip in enumerate(table["clip"].unique())})
    paths = [folder / f"{kind}{k}.parquet" for k in range(shards)]
    for k, path in enumerate(paths):
        rows = pa.Table.from_pandas(table[number == k], schema=SCHEMAS[kind], preserve_index=False)
        pq.write_table(rows.replace_schema_metadata(), path)
    return paths
