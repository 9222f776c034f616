"""Clips per second of a training, beside the same steps on one batch that already lies on the device; memory.

python benchmarks/training.py [--clips N] [--steps N] [NAME...]     (in the folder of a study with results/media)

On a GPU the full-size networks with random weights, on a CPU the small ones, with the batch of params.yaml. Left the
loop of `blemore.learning.training` as a fold job runs it: clips from memory, changed at random, brought to the device, forward,
backward, AdamW. Their ratio says how far the clips keep up with the device (aim: at least 0.9). TFLOP/s count three
forward passes a clip; the peak is that of a matrix product of 8192 x 8192 in the same precision. GPU memory: the
allocator's peak and CUDA's own, beside what `blemore plan` estimates. On a CPU these columns stay empty and seconds are
CPU seconds, so that other programs do not count; the two sides take turns.
"""

import argparse
import logging
import math
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml
from full_size import NETWORKS
from throughput import READ, first_clips

from blemore.encoders.ahead import decoded
from blemore.encoders.base import build
from blemore.encoders.device import to_device, use_one_thread
from blemore.encoders.network import Network
from blemore.encoders.settings import encoder_settings
from blemore.encoders.timesformer import TimeSformer
from blemore.encoders.videomae import VideoMAE
from blemore.encoders.wav2vec2 import Wav2Vec2
from blemore.learning.training.loop import Examples, find_gradients, fit
from blemore.learning.training.media import Media
from blemore.learning.training.recipe import Recipe, half_precision
from blemore.planning.costs import BACKWARD, gpu_bytes, network_of

ENCODERS: dict[str, tuple[str, Callable[..., Network]]] = {
    # name in full_size: encoder of params.yaml, what makes it a Network
    "s4d": ("s4d", lambda network, settings: network),
    "wav2vec2-base": ("wav2vec2_finetuned", lambda network, settings: Wav2Vec2(network, settings["seconds"])),
    "timesformer-base": ("timesformer", lambda network, settings: TimeSformer(network, READ["timesformer-base"][1])),
    "videomae-base": ("videomae", lambda network, settings: VideoMAE(network, READ["videomae-base"][1])),
}


def synchronised(device: torch.device) -> float:
    """The time in s, when the device has done all that it was given; of a CPU the process's own seconds."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def peak_tflops(device: torch.device, side: int = 8192, runs: int = 20) -> float:
    """Rate of a matrix product of random numbers in the precision of training, TFLOP/s."""
    side, runs = (side, runs) if device.type == "cuda" else (1024, 3)
    factors = torch.randn(2, side, side, device=device, dtype=half_precision(device))
    torch.matmul(*factors)
    start = synchronised(device)
    for _ in range(runs):
        torch.matmul(*factors)
    return runs * 2 * side**3 / (synchronised(device) - start) / 1e12


def measure(name: str, clips: int, steps: int, rounds: int, device: torch.device, params: dict) -> dict[str, float]:
    """What the training and the bare steps of one network reach."""
    encoder, wrapped = ENCODERS[name]
    full_size = device.type == "cuda"
    settings = encoder_settings({**params, "weights": "pretrained" if full_size else "tiny"}, encoder)
    torch.manual_seed(0)
    network = wrapped(NETWORKS[name][0]()[0], settings).to(device) if full_size else build(settings, name)
    if full_size:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    shards = sorted(Path("results/media", READ[name][0]).glob("*.parquet"))
    if not shards:
        raise SystemExit(f"no results/media/{READ[name][0]}: run this in the folder of a finished study")
    media = dict(decoded(network.preprocessing, shards, first_clips(network.preprocessing, shards, clips)))
    size = settings["batch"]
    number = steps * size
    rows = [media[clip] for clip in sorted(media)]
    labels = torch.eye(6).repeat(math.ceil(number / 6), 1)[:number]
    examples = Examples(Media.of([rows[k % len(rows)] for k in range(number)]), labels)
    nobody = Examples(Media.of([]), labels[:0])

    def trained(epochs: int) -> float:
        with TemporaryDirectory() as folder, redirect_stderr(StringIO()):
            recipe = Recipe(epochs=epochs, batch=size, learning_rate=1e-6)
            start = synchronised(device)
            fit(network, examples, nobody, recipe, name=name, state=Path(folder) / "state.pt", identity="")
            return synchronised(device) - start

    optimizer = Recipe(epochs=1, batch=size, learning_rate=1e-6).optimizer(network)
    scaler = torch.amp.GradScaler(device.type, enabled=False)
    batches = examples.batches(size, network.preprocessing, torch.Generator().manual_seed(0), device)
    clips, changes, labels = (to_device(tensor, device) for tensor in next(batches))

    def bare() -> float:
        start = synchronised(device)
        for _ in range(steps):
            find_gradients(size, network, clips, changes, labels, scaler, "x")
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        return synchronised(device) - start

    trained(1), bare()  # to warm up
    times = [(trained(2), trained(1), bare()) for _ in range(rounds)]
    two_epochs, one_epoch, best = (min(column) for column in zip(*times, strict=True))
    ours = two_epochs - one_epoch  # without what a training does once
    figures = {"batch": size, "ours": number / ours, "bare": number / best}
    if full_size:
        constant = network_of(settings)
        assert constant is not None  # known for every network at full size
        figures["tflops"] = (1 + BACKWARD) * constant["forward_gflop"] / 1e3 * number / best
        free, total = torch.cuda.mem_get_info()
        own = total - free - torch.cuda.memory_reserved()
        figures["gb"] = (torch.cuda.max_memory_reserved() + own) / 1e9
        figures["planned_gb"] = gpu_bytes(settings, constant) / 1e9
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(ENCODERS))
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    logging.disable()
    device = use_one_thread()
    params = yaml.safe_load(Path("params.yaml").read_text("utf-8"))
    peak = peak_tflops(device)
    where = torch.cuda.get_device_name() if device.type == "cuda" else "CPU, one thread"
    print(f"{where}: a large matrix product reaches {peak:.3g} TFLOP/s\n")
    print(
        "| network | batch | training, clips/s | bare steps, clips/s | ratio | TFLOP/s | of the peak | GB | planned GB |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for name in chosen.names:
        row = measure(name, chosen.clips, chosen.steps, chosen.rounds, device, params)
        speed = memory = " | "
        if "gb" in row:
            speed = f"{row['tflops']:.3g} | {row['tflops'] / peak:.2f}"
            memory = f"{row['gb']:.1f} | {row['planned_gb']:.1f}"
        print(
            f"| {name} | {row['batch']} | {row['ours']:.3g} | {row['bare']:.3g} | {row['ours'] / row['bare']:.2f} "
            f"| {speed} | {memory} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
