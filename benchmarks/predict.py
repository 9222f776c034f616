"""Clips per second of `Bundle.predict`, from the raw file to the answer, over a bare forward loop on tensors in memory.

python benchmarks/predict.py BUNDLE CLIP...     (a bundle of the demo, and clips of it)

One encoder's network, s4d, is the full-size one, with random weights that are read from disk for each fold; the bundle's
other encoders, media step, fusion and decision run as they are. The bare loop is that network's forward pass alone, once
for each fold. One thread. Aim: a ratio of at least 0.8; on a busy machine that of CPU seconds is the steadier one.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
import blemore.encoders.torch_compat  # noqa: F401

import torch
from full_size import FACE, s4d
from safetensors.torch import save_file
from torch import Tensor

from blemore.encoders.network import Network
from blemore.encoders.pictures import Pictures
from blemore.predict import encoders
from blemore.predict.bundle import Bundle
from blemore.predict.contents import Contents

NAME = "s4d"
BATCH = 16
"""Clips of a batch of the bare loop."""


class FullSize(Network):
    """S4D-ViTMoE as it is at full size."""

    depth = 12

    def __init__(self) -> None:
        super().__init__()
        self.preprocessing = Pictures(16, FACE, time_first=False, kept=16)
        self.network = s4d()[0]

    def forward(self, batch: Tensor) -> Tensor:
        """Logits (B, 6)."""
        return self.network(batch)

    def layer_of(self, name: str) -> int:
        """It is not trained here."""
        raise NotImplementedError


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock seconds, and CPU seconds of all threads."""
    start = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("clips", type=Path, nargs="+")
    chosen = parser.parse_args()
    logging.disable()
    torch.set_num_threads(1)
    bundle = Bundle.load(chosen.bundle)
    if NAME not in bundle.about["fusion"]["encoders"]:
        raise SystemExit(f"{chosen.bundle} has no encoder {NAME}: take a bundle of the demo")
    folds = bundle.about["folds"]
    built, model = encoders.build, Contents.model
    network = FullSize().eval()
    batches = [torch.rand(len(part), 3, 16, FACE, FACE) for part in torch.arange(len(chosen.clips)).split(BATCH)]

    @torch.inference_mode()
    def bare() -> None:
        for _ in range(folds):
            for batch in batches:
                network(batch)

    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "fold.safetensors")
        save_file(network.state_dict(), weights)
        encoders.build = lambda settings, seed: FullSize() if settings["name"] == NAME else built(settings, seed)
        Contents.model = lambda self, name, part: weights if name == NAME else model(self, name, part)  # type: ignore[method-assign]
        ours, ours_cpu = seconds(lambda: bundle.predict(chosen.clips))
    loop, loop_cpu = seconds(bare)
    count = len(chosen.clips)
    heads = ("clips", "folds", "predict, clips/s", "bare forward, clips/s", "ratio", "of CPU s")
    print(f"| {' | '.join(heads)} |\n{'|---:' * len(heads)}|")
    figures = f"{count / ours:.3f} | {count / loop:.3f} | {loop / ours:.2f} | {loop_cpu / ours_cpu:.2f}"
    print(f"| {count} | {folds} | {figures} |")


if __name__ == "__main__":
    main()
