"""Clips per second of the embedding step, media loading included, over a bare forward loop on tensors in memory.

python benchmarks/throughput.py [--clips N] [--passes N] [--batch N] [--workers N] [NAME...]     (in the folder of a study with results/media)

The full-size networks have random weights. Both sides run the same batches on the same device, in turns; best of the
rounds. Aim: a ratio of at least 0.9. The GPU is taken where there is one. The last column is the ratio of CPU seconds,
as if the loading had no core of its own: on a busy machine the steadier figure, on a GPU without meaning.
"""

import argparse
import logging
import time
from collections.abc import Callable
from pathlib import Path
import blemore.encoders.torch_compat  # noqa: F401

import timm
import torch
from full_size import BODY, FACE, NETWORKS

from blemore.encoders.ahead import alike, decoded
from blemore.encoders.base import Preprocessing
from blemore.encoders.device import to_device
from blemore.encoders.embedding import embedded
from blemore.encoders.network import NetworkEmbedder
from blemore.encoders.pictures import Pictures
from blemore.encoders.sound import Sound
from blemore.encoders.videomae import Windows

READ: dict[str, tuple[str, Preprocessing]] = {
    # name in full_size: kind of media, what the network reads of it
    "s4d": ("faces", Pictures(16, FACE, time_first=False, kept=16)),
    "wav2vec2-base": ("audio", Sound()),
    "timesformer-base": ("body", Pictures(8, BODY, kept=8)),
    "videomae-base": ("body", Pictures(16, BODY, kept=16)),
    "clip-vit-b16": ("faces", Pictures(16, 224, kept=16)),
    "wavlm-large": ("audio", Sound()),
    "hubert-large": ("audio", Sound()),
    "videomae-large": ("body", Windows(16, BODY)),
}


class Bare(NetworkEmbedder):
    """Any network; what it gives is averaged to one number per clip, so that only its forward pass counts."""

    def features(self, batch: torch.Tensor) -> torch.Tensor:
        clips = len(batch)
        if isinstance(self.preprocessing, Windows):
            batch = batch.flatten(0, 1)
        elif isinstance(self.network, timm.models.VisionTransformer):
            batch = batch.flatten(0, 1)  # frame by frame
        result = self.network(batch)
        if not isinstance(result, torch.Tensor):
            result = result.logits if hasattr(result, "logits") else result.last_hidden_state
        return result.reshape(clips, -1).mean(dim=1, keepdim=True)


def seconds(work: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Wall-clock seconds, the device's work included, and CPU seconds of all threads."""
    start = time.perf_counter(), time.process_time()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def compare(name: str, chosen: argparse.Namespace) -> tuple[float, float, float]:
    """Clips per second of the embedding step and of the bare forward loop, and the ratio of their CPU seconds."""
    kind, reading = READ[name]
    shards = sorted(Path("results/media", kind).glob("*.parquet"))
    if not shards:
        raise SystemExit(f"no results/media/{kind}: run this in the folder of a finished study")
    torch.manual_seed(0)
    encoder = Bare(NETWORKS[name][0]()[0], reading, batch=chosen.batch)
    wanted = first_clips(reading, shards, chosen.clips)
    shards *= chosen.passes
    tensors = [
        reading.finished(to_device(encoder.ready(media), encoder.device))
        for _, media in alike(decoded(encoder, shards, wanted), encoder.batch)
    ]

    @torch.inference_mode()
    def bare() -> None:
        for batch in tensors:
            encoder.features(batch).cpu()

    def ours() -> None:
        embedded(encoder, shards, wanted, name, chosen.workers)

    bare()  # to warm up
    times = [(*seconds(ours, encoder.device), *seconds(bare, encoder.device)) for _ in range(chosen.rounds)]
    ours_wall, ours_cpu, bare_wall, bare_cpu = (min(column) for column in zip(*times, strict=True))
    clips = len(wanted) * chosen.passes
    return clips / ours_wall, clips / bare_wall, bare_cpu / ours_cpu


def first_clips(reading: Preprocessing, shards: list[Path], clips: int) -> set[str]:
    """The first clips of the files."""
    wanted: set[str] = set()
    for shard in shards:
        for clip, _ in reading.read(shard):
            wanted.add(clip)
            if len(wanted) == clips:
                return wanted
    return wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(READ))
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--passes", type=int, default=1, help="over the clips, as a longer study")
    parser.add_argument("--batch", type=int, default=2, help="clips at once: few, for a handful makes several batches")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    logging.disable()
    torch.set_num_threads(1)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU, one thread"
    print(
        f"| network ({device}) | embedding step, clips/s | bare forward, clips/s | ratio | of CPU s |\n|---|---:|---:|---:|---:|"
    )
    for name in chosen.names:
        ours, bare, cpu = compare(name, chosen)
        print(f"| {name} | {ours:.3f} | {bare:.3f} | {ours / bare:.2f} | {cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main()
