"""Draw the README's picture of the generated actors: every actor neutral, in five emotions and in two blends.

python tools/actor_sheet.py data/demo docs/pictures/actors.jpg
"""

import sys
from pathlib import Path

import av
import cv2
import numpy as np

SHOWN = (
    "neu_sit1",
    "ang_int4",
    "disg_int4",
    "fea_int4",
    "hap_int4",
    "sad_int4",
    "mix_ang_hap_50_50",
    "mix_fea_sad_70_30",
)
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
    rows = [np.hstack([picture(root / "train" / f"{actor}_{name}_ver1.mov") for name in SHOWN]) for actor in actors]
    head = np.full((24, TILE * len(SHOWN), 3), 255, np.uint8)
    for column, name in enumerate(SHOWN):
        cv2.putText(head, name, (column * TILE + 4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return np.vstack([head, *rows])


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), cv2.cvtColor(sheet(source), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(f"made {target} ({target.stat().st_size // 1000} kB)")
