"""A made-up study for the encoders' tests: size and speed of a rising or sinking spot, or a tone's pitch, tell the class."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from blemore.labels import CLASSES, EMOTIONS
from blemore.tables import NO_FOLD

FRAMES = 16


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


def write_pictures(clips: pd.DataFrame, folder: Path, shards: int = 2, side: int = 64) -> list[Path]:
    """Faces (or body) files of `clips`."""
    rows = []
    for number, clip in enumerate(clips.itertuples()):
        noise = np.random.default_rng(number)
        kind = CLASSES.index(clip.emotion_1) if isinstance(clip.emotion_1, str) else number % len(CLASSES)
        start = noise.uniform(side / 2 - 4, side / 2 + 4, 2)
        for frame in range(FRAMES):
            picture = np.full((side, side, 3), 90 + 2 * (number % 7), np.uint8)
            x, y = start + np.array([0, kind - 2.5]) * (frame - FRAMES / 2) * side / 80
            cv2.circle(picture, (int(x), int(y)), side // 16 + kind, (230, 200, 180), -1)
            jpeg = cv2.imencode(".jpg", picture)[1].tobytes()
            rows.append({"clip": clip.clip, "frame": frame, "time": frame / 8, "jpeg": jpeg})
    return _write(pd.DataFrame(rows), folder, "faces", shards)


def write_sound(clips: pd.DataFrame, folder: Path, shards: int = 2, rate: int = 16000) -> list[Path]:
    """Audio files of `clips`: half a second to a second of a noisy tone."""
    rows = []
    for number, clip in enumerate(clips.itertuples()):
        noise = np.random.default_rng(number)
        kind = CLASSES.index(clip.emotion_1) if isinstance(clip.emotion_1, str) else number % len(CLASSES)
        time = np.arange(rate // 2 + 731 * (number % 5)) / rate
        samples = 0.3 * np.sin(2 * np.pi * 150 * 1.4**kind * time) + 0.05 * noise.normal(size=len(time))
        data = (samples * 32767).astype("<i2").tobytes()
        rows.append({"clip": clip.clip, "rate": rate, "samples": data, "silent": False})
    return _write(pd.DataFrame(rows), folder, "audio", shards)


def _write(table: pd.DataFrame, folder: Path, kind: str, shards: int) -> list[Path]:
    number = table["clip"].map({clip: k % shards for k, clip in enumerate(table["clip"].unique())})
    paths = [folder / f"{kind}{k}.parquet" for k in range(shards)]
    for k, path in enumerate(paths):
        table[number == k].to_parquet(path, index=False)
    return paths
