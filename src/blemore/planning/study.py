"""A whole study's jobs, hours, memory and disk, before the first hour is spent."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from blemore.media.preflight import estimate
from blemore.params.families import family
from blemore.params.parts import DATA_SET
from blemore.planning.costs import Clips, advice, constants, forward_passes, gpu_bytes, memory_bytes, network_of
from blemore.weights.catalogue import study_settings
from joblineage.errors import MissingDataError

JOB_SECONDS = 4.5
"""CPU seconds that a job with torch takes before it begins: imports. benchmarks/README.md."""
CLOSING_JOBS = 8
"""fuse, calibrate, score, plot, licences, encoders' table, submission, and the metrics."""

EFFICIENCY = 0.3
"""Share of a small GPU's peak that these networks reach; assumed, not measured here."""
CEILING = 40.0
"""What they reach on a GPU however fast, TFLOP/s: an H200 (785 in a large product) gave 29 to 93 in training, where it
waits for its next operation, and 34 to 41 in embedding, in single precision. benchmarks/README.md."""
GPU_TFLOPS = 71.0
"""Peak of a 24 GB card in half precision with single-precision sums (NVIDIA GeForce RTX 3090), TFLOP/s."""
GPU_MEMORY = 24.0
"""That card's memory, GB."""
HEAD_CLIPS = 3050
"""Clips on which the head was measured."""
LENGTHS_READ = 100
"""Clips of which the length is read: enough for the mean, in about a second."""


def plan(
    params: Mapping[str, Any], root: Path, *, gpu_memory: float | None = None, gpu_tflops: float = GPU_TFLOPS
) -> dict[str, Any]:
    """What the study of `params` will cost.

    Parameters
    ----------
    params : the whole of params.yaml.
    root : the study's folder; the data set is looked for below its data/.
    gpu_memory : GB (1e9 bytes) of the one GPU; None: the encoders are priced on the CPU alone.
    gpu_tflops : its peak in half precision, TFLOP/s.

    Returns
    -------
    clips (train, test, folds, seconds: their mean length, counted: whether they lie there); steps, in order, each with
    step, jobs, cpu_hours, gpu_hours, memory_gb, gpu_gb and advice, None where it is not known or does not apply; disk_gb
    (kind -> GB, DVC's copy included); totals; assumptions, in words.
    """
    dataset, options = params["dataset"], params[params["dataset"]]
    module = DATA_SET.load(dataset)
    sizes, clips, there = _clips(module, root / "data" / dataset, options)
    encoders = study_settings(params)
    if not any(map(network_of, encoders)):
        gpu_memory = None  # nothing that pays on a GPU
    making = module.making_jobs(options) if hasattr(module, "making_jobs") else 0
    steps = [
        _step("make the clips", making, _hours(module, "SECONDS_OF_MAKING", clips) if making else 0.0),
        _step("prepare the media", params["media"]["shards"] + 2, _hours(module, "SECONDS_OF_PREPARING", clips)),
    ]
    for settings in encoders:
        steps += _encoder_steps(settings, clips, gpu_memory, gpu_tflops)
    steps.append(_step("fuse to submission", CLOSING_JOBS, None))
    disk = estimate(sizes, params["media"]["samples"], encoders, clips.folds)
    return {
        "study": {"dataset": dataset, "weights": params["weights"], "encoders": len(encoders)},
        "clips": {"train": clips.train, "test": clips.test, "folds": clips.folds}
        | {"seconds": round(clips.seconds, 2), "counted": there},
        "steps": steps,
        "disk_gb": {kind: round(size / 1e9, 2) for kind, size in disk.items()},
        "totals": {
            "jobs": sum(step["jobs"] for step in steps),
            "cpu_hours": round(sum(step["cpu_hours"] or 0.0 for step in steps), 2),
            "gpu_hours": round(sum(step["gpu_hours"] or 0.0 for step in steps), 2) if gpu_memory else None,
            **{key: max((step[key] for step in steps if step[key]), default=None) for key in ("memory_gb", "gpu_gb")},
            "not_measured": [step["step"] for step in steps if step["cpu_hours"] is None],
        },
        "assumptions": _assumptions(there, clips.seconds, gpu_memory, gpu_tflops),
    }


def _clips(dataset: ModuleType, folder: Path, options: Mapping[str, Any]) -> tuple[list[int], Clips, bool]:
    """Size of every raw clip, their numbers, and whether they were counted or are those that were published."""
    files, folds = dataset.clip_files(folder, options), options["folds"]
    if not files:
        if not hasattr(dataset, "PUBLISHED"):
            raise MissingDataError(str(folder), ["no clips are there, and none were published to plan with"])
        clips = Clips(**dataset.PUBLISHED, folds=folds)
        return [dataset.CLIP_BYTES] * clips.all, clips, False
    by_table = hasattr(dataset, "held_back")
    test = dataset.held_back(folder, files) if by_table else [file for file in files if file.startswith("test/")]
    train = len(files) - len(test)
    paths = [folder / file for file in files]
    sizes = [path.stat().st_size if path.exists() else dataset.CLIP_BYTES for path in paths]
    clips = Clips(train, len(files) - train, folds)
    length = _mean_length(paths) if hasattr(dataset, "CLIP_SECONDS") else None
    return sizes, clips if length is None else replace(clips, seconds=length), True


def _hours(dataset: ModuleType, cost: str, clips: Clips) -> float | None:
    """CPU hours of all clips, by what the data set says that one takes; None where it does not say."""
    longer = clips.seconds / dataset.CLIP_SECONDS if hasattr(dataset, "CLIP_SECONDS") else 1
    return clips.all * getattr(dataset, cost) * longer / 3600 if hasattr(dataset, cost) else None


def _mean_length(paths: Sequence[Path]) -> float | None:
    """Mean length of some of the clips, evenly among them, s; None where none can be opened."""
    import av

    lengths = []
    for path in paths[:: max(1, len(paths) // LENGTHS_READ)]:
        with suppress(av.FFmpegError), av.open(str(path)) as clip:
            lengths += [clip.duration / av.time_base] if clip.duration else []
    return sum(lengths) / len(lengths) if lengths else None


def _encoder_steps(
    settings: Mapping[str, Any], clips: Clips, gpu_memory: float | None, gpu_tflops: float
) -> list[dict[str, Any]]:
    """The steps of one encoder: training and gathering, or embedding and head."""
    name, learning = settings["name"], settings["learning"]
    if learning == "given":
        return [_step(f"{name}: take over the table", 1, 0.0)]
    if "service" in settings:
        what = f"{name}: ask the service (`{family(settings['module']).priced_by}` prices it)"
        return [_step(what, 1, None), _head(name, clips)]
    jobs = clips.folds if learning == "finetuned" and gpu_memory is not None else 1  # profiles/gpu: each fold its own
    what = f"{name}: train {clips.folds} folds" if learning == "finetuned" else f"{name}: embed"
    close = [_step(f"{name}: gather the folds", 1, 0.0)] if learning == "finetuned" else [_head(name, clips)]
    network = network_of(settings, clips.seconds)
    passes = forward_passes(settings, clips)
    if network is None:
        seconds = None if "checkpoint" in settings else family(settings["module"]).seconds.get(learning)
        return [_step(what, jobs, None if seconds is None else (passes * seconds + jobs * JOB_SECONDS) / 3600), *close]
    cpu = passes * network["forward_cpu_seconds"] / 3600
    memory = memory_bytes(settings, network) / 1e9
    if gpu_memory is None:
        return [_step(what, jobs, cpu, memory_gb=memory), *close]
    gpu = passes * network["forward_gflop"] / (min(gpu_tflops * EFFICIENCY, CEILING) * 1e3) / 3600
    needed = gpu_bytes(settings, network) / 1e9
    return [_step(what, jobs, cpu, gpu, memory, needed, advice(settings, network, gpu_memory * 1e9)), *close]


def _head(name: str, clips: Clips) -> dict[str, Any]:
    return _step(f"{name}: fit the head", 1, constants()["head_cpu_seconds"] * clips.all / HEAD_CLIPS / 3600)


def _step(
    step: str, jobs: int, cpu_hours: float | None, gpu_hours: float | None = None,
    memory_gb: float | None = None, gpu_gb: float | None = None, advice: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    numbers = {"cpu_hours": cpu_hours, "gpu_hours": gpu_hours, "memory_gb": memory_gb, "gpu_gb": gpu_gb}
    rounded = {key: None if value is None else round(value, 4) for key, value in numbers.items()}
    return {"step": step, "jobs": jobs, **rounded, "advice": advice}


def _assumptions(counted: bool, seconds: float, gpu_memory: float | None, gpu_tflops: float) -> list[str]:
    measured = constants()["measured"]
    said = [
        f"CPU time: measured forward passes ({measured['on']}, {measured['day']}), clips of {seconds:.1f} s, the way back "
        "counted as two forward passes; time of one thread.",
        "Disk: an estimate on the large side (media/preflight).",
        "Jobs: all folds of an encoder in one (profiles/default)."
        if gpu_memory is None
        else "Jobs: each fold of an encoder in its own (profiles/gpu).",
    ]
    if not counted:
        said.insert(0, "The clips are not there: the challenge's published numbers, and 5 MB a clip, are assumed.")
    if gpu_memory is not None:
        said += [
            f"GPU time: an estimate: counted operations at {EFFICIENCY:.0%} of {gpu_tflops:g} TFLOP/s, at most at "
            f"{CEILING:g} TFLOP/s (about what an H200 reached); a loader that cannot keep up takes longer.",
            "GPU memory: an estimate: what a training step keeps was measured on the CPU, what the device's allocator "
            "holds beside it in three trainings on an H200.",
        ]
    return said
