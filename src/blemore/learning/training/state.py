"""An interrupted training, kept in a file: written whole or not at all, used only by the training it comes from."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from blemore.learning.training.recipe import best_epoch
from joblineage import declare
from joblineage.files import seal, sealed, whole_file

logger = logging.getLogger(__name__)


class Row(NamedTuple):
    """One epoch of the curve.

    Parameters
    ----------
    epoch : int, >= 1
        Number of the epoch.
    loss : float, nats
        Mean KL divergence of the clips learned from.
    inner_loss : float or None, nats
        Mean soft cross-entropy of the clips set aside; None where none are.
    learning_rate : float, >= 0
        The head's, at the epoch's last step.
    """

    epoch: int
    loss: float
    inner_loss: float | None
    learning_rate: float


class TrainingState:
    """The state of one training between two epochs.

    Parameters
    ----------
    path : Path
        Where it is kept.
    identity : str
        What decides the training (`training_identity`); a file with another one is ignored.
    parts : mapping of str to object
        What has a `state_dict`: network, optimizer, scaler.
    """

    def __init__(self, path: Path, identity: str, parts: Mapping[str, Any]):
        self.path = Path(path)
        self.identity = identity
        self.parts = parts
        self.rows: list[Row] = []
        self.best: dict[str, Tensor] = {}
        """Weights of the best epoch, on the CPU, where clips are set aside to find it."""

    def save(self) -> None:
        """Keep everything as it is now."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        rows = [tuple(row) for row in self.rows]
        with whole_file(self.path) as temporary:
            with open(temporary, "wb") as file:  # of a path torch writes the name into the bytes
                torch.save({"identity": self.identity, "rows": rows, "best": self.best, **parts}, file)
            seal(temporary)

    def load(self) -> None:
        """Go back to what is kept, if anything of this training is; the job's lineage record names what was resumed."""
        if not self.path.exists():
            return
        sha256 = sealed(self.path)
        if sha256 is None:
            logger.warning("%s: not as it was written; the training starts again", self.path)
            return
        kept = torch.load(self.path, map_location="cpu", weights_only=True)
        if kept["identity"] != self.identity:
            return
        for name, part in self.parts.items():
            part.load_state_dict(kept[name])
        self.rows = [Row(*row) for row in kept["rows"]]
        self.best = kept["best"]
        declare.took(self.path, sha256)

    @property
    def inner_losses(self) -> list[float]:
        """Losses of the clips set aside, epoch by epoch; empty where none are."""
        return [row.inner_loss for row in self.rows if row.inner_loss is not None]

    def add(self, row: Row) -> None:
        """Add an epoch; its weights are kept where it is the best one so far.

        Parameters
        ----------
        row : Row
            The epoch.
        """
        self.rows.append(row)
        if self.inner_losses and best_epoch(self.inner_losses) == row.epoch:
            weights = self.parts["network"].state_dict()
            self.best = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}

    def use_best(self) -> None:
        """Give the network the best epoch's weights, where clips were set aside."""
        if self.best:
            self.parts["network"].load_state_dict(self.best)
            logger.info("the weights of epoch %d of %d are used", best_epoch(self.inner_losses), len(self.rows))
