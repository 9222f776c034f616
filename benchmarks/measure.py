"""What the full-size networks cost: the constants behind `blemore plan`, measured on this machine with random weights.

python benchmarks/measure.py [NAME...]      writes src/blemore/planning/networks.json (only the named ones again;
                                            "small": a head; and prints what the encoders' files say
                                            of their cost without a checkpoint)

Measured per clip: floating point operations of a forward pass (2 per multiply-add), CPU seconds of one thread, and the
bytes that a training step keeps for the way back, in single precision and under autocast, with and without gradient
checkpointing. No weights are needed: what a network costs does not depend on their values.
"""

import json
import platform
import statistics
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from full_size import NETWORKS, PARAMS
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from blemore.encoders.base import build
from blemore.encoders.expression import ExpressionNetwork
from blemore.encoders.hicmae import HiCMAE
from blemore.encoders.network import NetworkEmbedder
from blemore.encoders.pictures import Pictures
from blemore.encoders.settings import encoder_settings
from blemore.encoders.sound import RATE
from blemore.encoders.voice import VoiceNetwork
from blemore.encoders.windows import BANDS, ROWS, FacesAndSound
from blemore.learning.heads.run import fold_probabilities
from blemore.scoring.labels import CLASSES
from blemore.tables import NO_FOLD
from blemore.weights.catalogue import checkpoints
from joblineage.files import write_json

ROOT = Path(__file__).parents[1]
FILE = ROOT / "src/blemore/planning/networks.json"


def operations(network: nn.Module, batch: Tensor) -> int:
    """Floating point operations of a forward pass; attention written out, so that the counter sees it."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network.eval()(batch)
    return counter.get_total_flops()


def cpu_seconds(network: nn.Module, batch: Tensor, runs: int = 3) -> float:
    """Median CPU seconds of a forward pass in evaluation, one thread, after one to warm up."""
    network.eval()
    times = []
    with torch.inference_mode():
        for _ in range(runs + 1):
            start = time.process_time()
            network(batch)
            times.append(time.process_time() - start)
    return statistics.median(times[1:])


def kept_bytes(network: nn.Module, batch: Tensor, half: bool) -> int:
    """Bytes that one training pass keeps for the way back, the weights aside; each storage counted once."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor  # the graph holds it, so no address comes twice

    network.train()
    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16, enabled=half),
    ):
        result = network(batch)
    del result
    return sum(kept.values())


def per_clip_bytes(network: nn.Module, batch: Tensor, half: bool) -> int:
    """Bytes that each further clip of the batch adds: what is kept once, such as weights in half precision, drops out."""
    return kept_bytes(network, torch.cat([batch, batch]), half) - kept_bytes(network, batch, half)


def depth_of(network: nn.Module) -> int:
    if hasattr(network, "config"):
        return network.config.num_hidden_layers
    return network.depth if isinstance(network, VoiceNetwork | ExpressionNetwork | HiCMAE) else len(network.blocks)


def checkpointed(network: nn.Module) -> None:
    """Keep only the layers' inputs from now on."""
    if hasattr(network, "activation_checkpointing_enable"):
        network.activation_checkpointing_enable({"use_reentrant": False})
    elif hasattr(network, "checkpoint_gradients"):
        network.checkpoint_gradients()


def measure(name: str) -> dict:
    """All constants of one network."""
    build, encoder = NETWORKS[name]
    settings = PARAMS["encoders"][encoder]
    torch.manual_seed(0)
    network, batch = build()
    depth = depth_of(network)
    figures = {
        "what": build.__doc__,
        "input": list(batch.shape),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "depth": depth,
        "forward_gflop": round(operations(network, batch) / 1e9, 1),
        "forward_cpu_seconds": round(cpu_seconds(network, batch), 2),
        "kept_mb_single": round(kept_bytes(network, batch, half=False) / 1e6),
    }
    if isinstance(network, HiCMAE):
        figures["windows"] = batch.shape[1]
    if settings["learning"] == "finetuned":
        figures["kept_mb_half"] = round(per_clip_bytes(network, batch, half=True) / 1e6)
        full = figures["kept_mb_half"]
        checkpointed(network)
        inputs = per_clip_bytes(network, batch, half=True) / 1e6
        figures["kept_mb_half_checkpointed"] = round(inputs + full / depth)  # the layers' inputs, and one layer again
    return figures


def checkpoint(name: str) -> str:
    """Its name, as the family that reads it knows it."""
    place = PARAMS["encoders"][NETWORKS[name][1]]["pretrained"]["checkpoint"]
    return next(known for known in checkpoints() if Path(known).name == Path(place).name)


def small() -> dict[tuple[str, str], float]:
    """CPU seconds of a forward pass of one clip, by module and learning, of the small networks in params.yaml.

    A training step counts as three passes, so its seconds are divided by three.
    """
    seconds = {}
    for name in PARAMS["encoders"]:
        settings = encoder_settings({**PARAMS, "weights": "tiny"}, name)
        if settings["scale"] != "tiny":  # has no small form
            continue
        encoder = build(settings, seed=name)
        if hasattr(encoder, "preprocessing"):
            seconds[settings["module"], settings["learning"]] = round(_small_seconds(encoder), 4)
    return seconds


def _small_seconds(encoder: nn.Module | NetworkEmbedder, clips: int = 16, runs: int = 3) -> float:
    reading = encoder.preprocessing
    noise = np.random.default_rng(0)
    if isinstance(reading, FacesAndSound):
        media = noise.integers(
            0, 64, (clips, 1, reading.seen + 4 * ROWS * BANDS), np.uint8
        )  # of the sound small numbers
    elif isinstance(reading, Pictures):
        media = noise.integers(0, 256, (clips, reading.kept or 16, reading.size, reading.size, 3), np.uint8)
    else:
        media = noise.integers(-3000, 3000, (clips, 2 * RATE), np.int16)
    times = []
    for _ in range(runs + 1):
        start = time.process_time()
        if isinstance(encoder, NetworkEmbedder):
            encoder.embed(encoder.ready(list(media)))
            passes = 1
        else:
            encoder.train()
            batch = reading.finished(*reading.augmented(list(media), torch.Generator().manual_seed(0)))
            encoder(batch).square().sum().backward()
            passes = 3
        times.append((time.process_time() - start) / clips / passes)
    return statistics.median(times[1:])


def head_seconds(clips: int = 3050, width: int = 1536) -> float:
    """CPU seconds of a linear head on as many random features as the challenge has clips, all folds."""
    persons = 58
    number = np.arange(clips)
    table = pd.DataFrame({
        "clip": [f"c{k:04d}" for k in number],
        "split": np.where(number < 2456, "train", "test"),
        "person": [f"A{k % persons}" for k in number],
        "fold": np.where(number < 2456, number % persons % 5, NO_FOLD),
        "emotion_1": np.array(CLASSES)[number % len(CLASSES)],
        "emotion_2": None, "emotion_1_salience": 100.0, "emotion_2_salience": np.nan,
    })  # fmt: skip
    features = np.random.default_rng(0).normal(size=(clips, width)).astype(np.float32)
    start = time.process_time()
    fold_probabilities(features, table, {"name": "measure"}, seed=0)
    return round(time.process_time() - start, 1)


def processor() -> str:
    """The CPU's name, where the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    torch.set_num_threads(1)
    measurements = json.loads(FILE.read_text()) if FILE.exists() else {"networks": {}}
    for name in sys.argv[1:] or [*NETWORKS, "small"]:
        start = time.monotonic()
        if name == "small":
            print("\n".join(f"{module}.py: seconds of {how}: {cost}" for (module, how), cost in small().items()))
            measurements["head_cpu_seconds"] = head_seconds()
        else:
            measurements["networks"][checkpoint(name)] = measure(name)
        print(f"{name} ({time.monotonic() - start:.0f} s)", flush=True)
        measurements["measured"] = {
            "on": f"{processor()}, one thread, torch {torch.__version__}",
            "day": date.today().isoformat(),
        }
        write_json(FILE, measurements)


if __name__ == "__main__":
    main()
