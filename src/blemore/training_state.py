"""An interrupted training, kept in a file: written whole or not at all, used only by the training it comes from."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from blemore.encoders.base import Network
from blemore.files import whole_file

Row = tuple[int, float, float]
"""Epoch, loss, learning rate."""


class TrainingState:
    """The saved state of one training.

    path : the file.
    identity : what decides the training (`training_identity`); a file with another one is ignored.
    """

    def __init__(self, path: Path, identity: str, network: Network, optimizer: torch.optim.Optimizer,
                 scaler: torch.amp.GradScaler):  # fmt: skip
        self.path = Path(path)
        self.identity = identity
        self.parts = {"network": network, "optimizer": optimizer, "scaler": scaler}

    def save(self, rows: list[Row]) -> None:
        """Keep everything as it is after the last epoch of `rows`."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        with whole_file(self.path) as temporary:
            torch.save({"identity": self.identity, "rows": rows, **parts}, temporary)

    def load(self) -> list[Row]:
        """Go back to the saved state: its rows, or none where nothing of this training is kept."""
        if not self.path.exists():
            return []
        kept = torch.load(self.path, map_location="cpu", weights_only=True)
        if kept["identity"] != self.identity:
            return []
        for name, part in self.parts.items():
            part.load_state_dict(kept[name])
        return kept["rows"]


def training_identity(name: str, settings: Mapping, pictures: Tensor, labels: Tensor, device: torch.device) -> str:
    """sha256 over everything that decides a training: name (seed, encoder, fold), settings, inputs, device, torch."""
    said = json.dumps([name, dict(settings), list(pictures.shape), device.type, torch.__version__], sort_keys=True)
    digest = hashlib.sha256(said.encode())
    digest.update(pictures.numpy())
    digest.update(labels.numpy())
    return digest.hexdigest()
