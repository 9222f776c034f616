"""Draw README's pictures from a finished demo: the actors, and the encoders with the numbers that are drawn beside them.

python tools/pictures.py [STUDY]
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from blemore.evaluate.drawing import save_png
from blemore.evaluate.figures import draw_encoders
from joblineage.files import read_json, write_json

PICTURES = Path(__file__).parents[1] / "docs/pictures"
NUMBERS = ("acc_presence", "acc_salience", "score", "persons", "interval", "origin", "disjointness")
"""What is kept of an encoder's, and of the fusion's, entry in results/metrics.json."""
SHOWN = (
    "neu_sit1",
    "ang_int4",
    "disg_int4",
    "fea_int4",
    "hap_int4",
    "sad_int4",
    "mix_ang_hap",
    "mix_fea_sad",
)
"""How names of clips begin, behind the actor's; the ratio of a blend changes from actor to actor."""
ACTORS = 8
"""The first so many who show all of it."""
MOMENT = 0.55
"""Where in the clip, as a share of its length, the display is near its height."""
TILE = 150
"""Width and height of one picture, px."""
INK = (40, 40, 40)


def picture(path: Path) -> np.ndarray:
    """The frame at `MOMENT`, (TILE, TILE, 3) uint8 RGB."""
    with av.open(str(path)) as container:
        frames = [frame for frame in container.decode(video=0)]
    frame = frames[int(MOMENT * len(frames))].to_ndarray(format="rgb24")
    return cv2.resize(frame, (TILE, TILE), interpolation=cv2.INTER_AREA)


def sheet(root: Path) -> np.ndarray:
    """One row an actor, one column a display, headed by the displays' names."""
    actors = sorted({path.name.split("_")[0] for path in (root / "train").glob("*.mov")})
    clips = [[sorted((root / "train").glob(f"{actor}_{name}*")) for name in SHOWN] for actor in actors]
    whole = [row for row in clips if all(row)][:ACTORS]
    rows = [np.hstack([picture(cell[0]) for cell in row]) for row in whole]
    head = np.full((24, TILE * len(SHOWN), 3), 255, np.uint8)
    for column, name in enumerate(SHOWN):
        cv2.putText(head, name, (column * TILE + 4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return np.vstack([head, *rows])


def drawn(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What `draw_encoders` reads of results/metrics.json."""

    def kept(entry: Mapping[str, Any]) -> dict[str, Any]:
        return {key: entry[key] for key in NUMBERS if key in entry}

    entries = {
        group: {name: kept(entry) for name, entry in metrics[group].items()} for group in ("encoders", "variants")
    }
    return {"note": metrics["note"], "trivial": kept(metrics["trivial"]), **entries}


def draw(numbers: Mapping[str, Any], path: Path) -> None:
    """The picture of the encoders, as the workflow draws it for results/plots."""
    save_png(path, draw_encoders(numbers), numbers["note"])


if __name__ == "__main__":
    study = Path(*sys.argv[1:])
    metrics = read_json(study / "results/metrics.json")
    if metrics["dataset"] != "demo":
        sys.exit("README shows generated actors only: this study is of other clips")
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    cv2.imwrite(str(PICTURES / "actors.jpg"), cv2.cvtColor(sheet(study / "data/demo"), cv2.COLOR_RGB2BGR), quality)
    write_json(PICTURES / "encoders.json", drawn(metrics))
    draw(read_json(PICTURES / "encoders.json"), PICTURES / "encoders.png")
