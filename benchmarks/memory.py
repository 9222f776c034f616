"""What a VideoMAE fold job holds of media: private memory at the challenge's number of clips.

python benchmarks/memory.py [--clips N] [--distinct N] [--steps N]     (needs 2.4 MB of temporary space a clip)

Clips of 16 frames of 224 px, random pictures, some of them under many names. The small network sees every third pixel
of them, so that its own memory is small; the batch is that of the full size. Shown is what the process has for itself
alone (smaps_rollup: Private_Clean and Private_Dirty) beyond what it had with the network: while the clips are decoded,
in training, in prediction. The first two rows show what a step makes of its batch; what media add to it, the
rows below minus these, shall be at most 300 MB.
"""

import argparse
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import yaml

from blemore.encoders.base import build
from blemore.encoders.device import use_one_thread
from blemore.encoders.pictures import Pictures
from blemore.encoders.settings import encoder_settings
from blemore.encoders.videomae import VideoMAE
from blemore.learning.training.loop import Examples, fit, predict
from blemore.learning.training.media import Media, read_media
from blemore.learning.training.recipe import Recipe
from blemore.media.pictures import jpeg
from blemore.media.schemas import BODY

FULL_SIZE = Pictures(16, 224, kept=16)
SHARDS = 8


class FromAfar(VideoMAE):
    """The small network on full-size clips: every second frame, every third pixel of the middle."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Clips (B, 16, 3, 224, 224) -> logits (B, 6)."""
        return super().forward(x[:, ::2, :, 16:208:3, 16:208:3])


def private_bytes() -> int:
    """What this process has for itself alone."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("Private_Clean", "Private_Dirty")))


@contextmanager
def peak(name: str, base: int) -> Iterator[None]:
    """Print the most private memory beyond `base` within, looked at ten times a second."""
    readings, over = [private_bytes()], threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            readings.append(private_bytes())

    thread = threading.Thread(target=look)
    thread.start()
    yield
    over.set()
    thread.join()
    print(f"| {name} | {(max(readings) - base) / 1e6:.0f} |", flush=True)


def write_shards(folder: Path, names: list[str], distinct: int) -> None:
    """Body files of clips of these names; their pictures repeat after `distinct` clips."""
    noise = np.random.default_rng(0).integers(0, 256, (distinct, FULL_SIZE.count, 28, 28, 3), np.uint8)
    pictures = [[jpeg(frame.repeat(8, 0).repeat(8, 1), 90) for frame in clip] for clip in noise]
    for shard in range(SHARDS):
        with pq.ParquetWriter(folder / f"{shard}.parquet", BODY, compression="NONE", use_dictionary=False) as file:
            for k, name in enumerate(names[shard::SHARDS]):  # one clip after the other, as media are prepared
                rows = [{"clip": name, "jpeg": picture} for picture in pictures[k % distinct]]
                file.write_table(pa.Table.from_pylist(rows, schema=BODY))


def measure(folder: Path, names: list[str], steps: int) -> None:
    """Print the rows of the table."""
    device = use_one_thread()
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    small, full = (encoder_settings({**params, "weights": scale}, "videomae") for scale in ("tiny", "pretrained"))
    network = FromAfar(build(small, "memory").network, FULL_SIZE).to(device)
    recipe = Recipe(epochs=1, batch=full["batch"], learning_rate=1e-6)

    def train(clips: Media, state: str) -> None:
        labels = torch.full((len(clips), 6), 1 / 6)
        nobody = Examples(Media.of([]), labels[:0])
        fit(network, Examples(clips, labels), nobody, recipe, name="memory", state=folder / state, identity="")

    base = private_bytes()
    print(f"{len(names)} clips, {len(names) * 16 * 224 * 224 * 3 / 1e9:.2f} GB decoded; before: {base / 1e6:.0f} MB\n")
    print("| while | private MB more |\n|---|---:|")
    single = Media.of([np.zeros((16, 224, 224, 3), np.uint8)] * 10 * recipe.batch)
    with peak("training on one clip of the process's own", base):
        train(single, "first")
    with peak("predicting it", base):
        predict(network, single, "memory")
    with peak("decoding all clips into the shared file", base):
        media = read_media(sorted(folder.glob("*.parquet")), pd.Series(names), FULL_SIZE, shared=folder / "media")
    with peak(f"training, {steps} steps", base):
        train(media.at(np.random.default_rng(0).permutation(len(media))[: steps * recipe.batch]), "state")
    with peak("predicting as many clips", base):
        predict(network, media.at(range(min(len(media), steps * recipe.batch))), "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=3050)
    parser.add_argument("--distinct", type=int, default=16)
    parser.add_argument("--steps", type=int, default=40)
    chosen = parser.parse_args()
    logging.disable()
    names = [f"clip{k:04d}" for k in range(chosen.clips)]
    with TemporaryDirectory() as folder, redirect_stderr(StringIO()):
        writer = get_context("spawn").Process(target=write_shards, args=(Path(folder), names, chosen.distinct))
        writer.start()  # a process of its own: what it gave back would hide what is held later
        writer.join()
        measure(Path(folder), names, chosen.steps)


if __name__ == "__main__":
    main()
