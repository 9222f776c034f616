"""Pretrained weights into networks: tensors alone, never a file's code; one clear error at once where they are missing.

`weight_files` says where they are looked for. safetensors and torch files are read, the latter with `weights_only`.
"""

import argparse
import logging
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from blemore.encoders.weight_files import (
    CONFIG,
    WEIGHTS,
    fetched_files,
    file_fault,
    how_to_get,
    is_hub_name,
    model_type,
    off,
    online,
    weight_files,
)
from joblineage.errors import DataError, MissingDataError, refuse
from joblineage.files import read_json, sha256

os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")  # transformers asks the hub to convert what it loads

MOST_MISSING = 0.1
"""Share of a network's own tensors that a checkpoint may lack; the rest of them starts fresh, with a warning."""

WRAPPED = ("model", "module", "state_dict", "model_state")
"""Where a training's file holds the network's tensors."""

logger = logging.getLogger(__name__)


def checkpoint_file(settings: Mapping) -> Path:
    """The file with the weights of the checkpoint that the settings name, whole as far as its ends tell.

    For a timm network also of a hub repository such as "timm/vit_base_patch16_clip_224.openai" in the local cache.

    Raises
    ------
    MissingDataError : there is no such file; says where to put it and which line of the parameters names it.
    DataError : the file is cut short, a web page, a git-lfs pointer, or has not the sha256 that the settings name.
    """
    return _files(settings)[-1]


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a torch or safetensors checkpoint, by name; no code of the file is ever run.

    Understands a bare state dict and a dict that holds one under a name of `WRAPPED` beside optimizer, epoch, scaler and
    args (an argparse.Namespace, the only class let through).

    Raises
    ------
    DataError : the file cannot be read, or holds something else than tensors.
    """
    path = Path(path)
    with _told(path, "cannot be read, it is damaged: fetch it again"):
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(loaded, dict):
        loaded = next((loaded[key] for key in WRAPPED if key in loaded), loaded)
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise DataError(str(path), ["expected a state dict, or a dict with a state dict under 'model'"])
    return loaded


def fill(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor], settings: Mapping) -> list[str]:
    """Every tensor of a network from those of a checkpoint; returns the checkpoint's names that are not used.

    Raises
    ------
    DataError : tensors are missing or have another shape; says which.
    """
    ours = network.state_dict()
    faults = [
        f"{name}: shape {tuple(tensor.shape)} wanted, {tuple(tensors[name].shape) if name in tensors else 'nothing'} found"
        for name, tensor in ours.items()
        if name not in tensors or tensors[name].shape != tensor.shape
    ]
    wanted = settings.get("architecture", type(network).__name__)
    refuse(f"encoder {settings['name']}: {settings['checkpoint']} does not fit {wanted}", faults)
    network.load_state_dict({name: tensors[name] for name in ours})
    unused = sorted(tensors.keys() - ours.keys())
    logger.info("%s: %d tensors loaded, not used: %s", settings["checkpoint"], len(ours), ", ".join(unused) or "none")
    return unused


def from_pretrained(architecture: type[Any], settings: Mapping, **options: Any) -> torch.nn.Module:
    """A transformers model from a local folder (as `save_pretrained` writes it) or a hub name, at the settings' revision.

    Of a checkpoint of several towers (SigLIP, CLAP) the wanted one is taken, where transformers finds it under its name.

    Parameters
    ----------
    architecture : a model class of transformers.
    options : as its `from_pretrained` takes them, e.g. num_labels. A head of another size starts fresh with
        ignore_mismatched_sizes=True.

    Raises
    ------
    MissingDataError : the weights are neither in a folder of that name nor in the hub's local cache.
    DataError : they are another network's, damaged, or not tensors alone.
    """
    files = _files(settings)
    where = f"encoder {settings['name']}"
    if not (files[-1].parent / CONFIG).is_file() or files[-1].name not in WEIGHTS:
        raise DataError(where, [f"{files[-1]}: name the folder that holds {CONFIG} and {' or '.join(WEIGHTS)}"])
    config = getattr(architecture, "config_class", None)
    wanted, kind = getattr(config, "model_type", None), model_type(settings)
    if wanted and kind != wanted and not _holds_part(files[0], config):
        raise DataError(where, [f"{files[0].parent} is a {kind!r} network by its {CONFIG}, {wanted!r} is needed here"])
    with _told(files[-1], f"does not load into {architecture.__name__}"):
        network, loading = architecture.from_pretrained(
            str(files[-1].parent), local_files_only=True, weights_only=True, output_loading_info=True, **options
        )
    _check_names(network, loading, files[-1])
    return network


def _holds_part(config_file: Path, config: Any) -> bool:
    """Whether a network of several towers, by its config.json, has the one that is wanted; transformers takes it out."""
    part = read_json(config_file).get(config.base_config_key)
    return isinstance(part, dict) and part.get("model_type") == config.model_type


def _check_names(network: torch.nn.Module, loading: Mapping, path: Path) -> None:
    """Refuse weights that do not name the network's body; transformers itself would start it at random, silently."""
    prefix = f"{network.base_model_prefix}."
    names = set(network.state_dict())
    body = {name for name in names if name.startswith(prefix)} or names  # a bare body has no prefix of its own
    lacking = sorted(body & set(loading["missing_keys"]))
    if len(lacking) > MOST_MISSING * len(body):
        foreign = ", ".join(sorted(loading["unexpected_keys"])[:3]) or "nothing else"
        few = f"{len(lacking)} of {len(body)} tensors of {type(network).__name__} are not in it"
        advice = f"it holds {foreign} instead: is it another network's?"
        if part := next((key for key in loading["unexpected_keys"] if key.endswith(f".{lacking[0]}")), None):
            advice = f"they stand there as {part}: it is a part of another network, which has to be loaded as a whole"
        raise DataError(str(path), [f"{few}, such as {', '.join(lacking[:3])}; {advice}"])
    if lacking:
        logger.warning("%s: %d tensors are not in it and start fresh: %s", path, len(lacking), ", ".join(lacking))


def _files(settings: Mapping) -> list[Path]:
    """Files of the checkpoint, looked over; fetched first where that is allowed."""
    files = weight_files(settings)
    if not files and online() and is_hub_name(settings["checkpoint"]):
        files = fetched_files(settings)
    where = f"encoder {settings['name']}"
    if not files:
        advice = f"{how_to_get(settings)}; or switch it off with {off(settings)}"
        raise MissingDataError(where, [f"no weights {settings['checkpoint']} on this machine: {advice}"])
    faults = [f"{file} {fault}" for file in files if (fault := file_fault(file))]
    if not faults and "sha256" in settings and (digest := sha256(files[-1])) != settings["sha256"]:
        faults = [f"{files[-1]} has sha256 {digest}, the parameters want {settings['sha256']}"]
    refuse(where, faults)
    return files


@contextmanager
def _told(path: Path, fault: str) -> Iterator[None]:
    """What goes wrong while the file is loaded is reported as its fault: code in it, else `fault`."""
    try:
        yield
    except pickle.UnpicklingError as error:  # its message begins with the advice to run the code
        detail = next((f" ({line.strip()})" for line in str(error).splitlines() if "unsupported" in line.lower()), "")
        raise DataError(str(path), [f"not a checkpoint of tensors alone, its code was not run{detail}"]) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:  # a broken archive may be any
        raise DataError(str(path), [f"{fault} ({(str(error) or type(error).__name__).splitlines()[0]})"]) from error
