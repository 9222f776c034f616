"""Where pretrained weights come from, and one clear error at once where they are missing.

Weights are never fetched unasked: the hub is only asked when the environment says HF_HUB_OFFLINE=0. Imported before
transformers, which reads that variable once.
"""

import argparse
import os
import pickle
from collections.abc import Mapping
from pathlib import Path

from blemore.errors import DataError, MissingDataError
from blemore.torch_compat import torch

os.environ.setdefault("HF_HUB_OFFLINE", "1")


def checkpoint_file(settings: Mapping) -> Path:
    """The checkpoint file that the settings name.

    Raises
    ------
    MissingDataError : there is no such file; says where to put it and which line of the parameters names it.
    """
    path = Path(settings["checkpoint"])
    if not path.is_file():
        raise MissingDataError(
            f"encoder {settings['name']}", [f"no checkpoint file {path}: put it there, {_or(settings)}"]
        )
    return path


def load_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a torch checkpoint, by name; no code of the file is ever run.

    Understands a bare state dict and a dict that holds one under "model" beside optimizer, epoch, scaler and args
    (an argparse.Namespace, the only class let through).
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise DataError(str(path), [f"not a checkpoint of tensors alone, its code was not run ({reason})"]) from error
    tensors = loaded["model"] if isinstance(loaded, dict) and "model" in loaded else loaded
    if not isinstance(tensors, dict) or not all(isinstance(value, torch.Tensor) for value in tensors.values()):
        raise DataError(str(path), ["expected a state dict, or a dict with a state dict under 'model'"])
    return tensors


def from_pretrained(architecture: type, settings: Mapping, **options) -> torch.nn.Module:
    """A transformers model from a local folder (as `save_pretrained` writes it) or a hub name.

    Raises
    ------
    MissingDataError : the weights are neither in a folder of that name nor in the hub's local cache.
    """
    try:
        return architecture.from_pretrained(
            settings["checkpoint"], local_files_only=os.environ["HF_HUB_OFFLINE"] != "0", **options
        )
    except OSError as error:
        wanted = settings["checkpoint"]
        raise MissingDataError(
            f"encoder {settings['name']}",
            [
                f"no weights {wanted}: put config.json and model.safetensors of that model into a folder, {_or(settings)}, "
                f"or let the hub be asked once with HF_HUB_OFFLINE=0 ({str(error).splitlines()[0]})"
            ],
        ) from error


def _or(settings: Mapping) -> str:
    return f"or name its place in the parameters, encoders: {settings['name']}: {settings['scale']}: checkpoint"
