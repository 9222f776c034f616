"""What one encoder costs: operations, seconds, memory; from the constants that benchmarks/measure.py wrote.

Training holds, per parameter, the weight, its gradient and AdamW's two moments in single precision (16 bytes), and a
copy in half precision under autocast (2 bytes); per clip of the micro-batch what the way back needs (measured). The
way back counts as twice the forward pass; with gradient checkpointing the forward pass is paid once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from blemore.weights.catalogue import checkpoints
from joblineage.files import read_json

FILE = Path(__file__).with_name("networks.json")

TRAINING_BYTES, HALF_BYTES, SINGLE_BYTES = 16, 2, 4
BACKWARD = 2
"""Forward passes that a way back costs."""
MEASURED_SECONDS = 4.0
"""Length of the clip of sound that was measured, s."""
PER_CLIP = ("forward_", "kept_")
"""What the names of constants begin with that grow with a clip."""
CUDA_BYTES = 0.7e9
"""What CUDA and its libraries take before anything is computed; measured on an H200."""
FRAGMENTS = 1.3
"""Memory that the allocator holds over what is counted: at most 1.26 in three trainings on an H200, rounded up."""
PROCESS_BYTES = 0.8e9
"""A job's own memory: Python, torch and transformers; measured."""
MEDIA_BYTES = 0.3e9
"""What a training holds of its clips at most, however many there are: benchmarks/memory.py."""


@cache
def constants() -> dict[str, Any]:
    """The whole file: measured (on what, which day), networks by checkpoint, head_cpu_seconds."""
    return read_json(FILE)


def network_of(settings: Mapping[str, Any], clip_seconds: float = MEASURED_SECONDS) -> dict[str, Any] | None:
    """Constants of the network behind an encoder: its checkpoint's, else its family's first; None if unmeasured.

    Windows of sound, or whole clips' sound, of another length than the measured one change them in proportion; so does
    a training that sees one of a clip's windows.
    """
    if settings["scale"] == "tiny" or "checkpoint" not in settings:
        return None
    measured = constants()["networks"]
    wanted = Path(settings["checkpoint"]).name
    named = [name for name in measured if Path(name).name == wanted]
    own = [name for name in measured if checkpoints()[name]["module"] == settings["module"]]
    network = next((measured[name] for name in named + own), None)
    if network is None:
        return None
    longer = 1.0
    if settings.get("media") == "audio" or "seconds" in settings:
        longer = settings.get("seconds", clip_seconds) / MEASURED_SECONDS
    elif settings.get("learning") == "finetuned":
        longer = 1 / network.get("windows", 1)
    return {key: value * longer if key.startswith(PER_CLIP) else value for key, value in network.items()}


@dataclass(frozen=True)
class Clips:
    """How many clips, in how many folds, and their mean length, s."""

    train: int
    test: int
    folds: int
    seconds: float = MEASURED_SECONDS

    @property
    def all(self) -> int:
        return self.train + self.test


def forward_passes(settings: Mapping[str, Any], clips: Clips) -> float:
    """Forward passes of one clip that all the encoder's jobs together cost."""
    if settings["learning"] == "frozen":
        return clips.all
    # Summed over the models of all folds, and all epochs: clips trained on, clips only predicted.
    trained = clips.train * (clips.folds - 1) * settings["epochs"]
    again = 1 if settings.get("gradient_checkpointing") else 0
    return trained * (1 + BACKWARD + again) + clips.train + clips.folds * clips.test


def gpu_bytes(settings: Mapping[str, Any], network: Mapping[str, Any], micro_batch: int | None = None) -> float:
    """Estimated GPU memory of one job.

    micro_batch : clips at once; the settings' own if not given.
    """
    parameters = network["parameters"]
    if settings["learning"] == "frozen":
        working = 2e6 * network["kept_mb_single"] / network["depth"]  # of one clip, about two layers' worth
        return (parameters * SINGLE_BYTES + working) * FRAGMENTS + CUDA_BYTES
    form = "kept_mb_half_checkpointed" if settings.get("gradient_checkpointing") else "kept_mb_half"
    at_once = micro_batch or settings.get("micro_batch") or settings["batch"]
    kept = at_once * network[form] * 1e6
    return (parameters * (TRAINING_BYTES + HALF_BYTES) + kept) * FRAGMENTS + CUDA_BYTES


def memory_bytes(settings: Mapping[str, Any], network: Mapping[str, Any]) -> float:
    """Estimated main memory of one job beside a GPU: the process, the weights, and in training some clips."""
    clips = 0 if settings["learning"] == "frozen" else MEDIA_BYTES
    return PROCESS_BYTES + network["parameters"] * SINGLE_BYTES + clips


def advice(settings: Mapping[str, Any], network: Mapping[str, Any], limit: float) -> str | None:
    """How an encoder fits into `limit` bytes of GPU memory; None if it fits as it is."""
    if gpu_bytes(settings, network) <= limit:
        return None
    place = f"encoders: {settings['name']}: {settings['scale']}"
    if settings["learning"] == "frozen":
        return "does not fit"
    halves = [settings["batch"] >> k for k in range(settings["batch"].bit_length())]  # the batch down to 1
    for more in ({}, {"gradient_checkpointing": True}):
        candidate = {**settings, **more}
        at_once = next((n for n in halves if gpu_bytes(candidate, network, n) <= limit), None)
        if at_once is not None:
            lines = [f"micro_batch: {at_once}", *(f"{key}: true" for key in more)]
            return f"set {place}: {', '.join(lines)} (the batch stays {settings['batch']})"
    return "does not fit, not even one clip at once with gradient_checkpointing: true"
