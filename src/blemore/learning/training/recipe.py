"""The numbers of a training and what follows from them: learning rates, parameter groups, precision, and when it ends."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import torch

from blemore.encoders.network import Network
from blemore.seeds import seed_of
from joblineage.errors import DataError


@dataclass(frozen=True)
class EarlyStopping:
    """Train on some training persons; keep the weights of the epoch that is best for those set aside (no one of the fold).

    Parameters
    ----------
    persons : float, 0..1
        Share of the training persons that are set aside; at least one is, and one is left.
    patience : int, epochs
        Epochs without a better loss after which training ends.
    """

    persons: float
    patience: int

    def set_aside(self, persons: pd.Series, seed: str) -> np.ndarray:
        """Draw the persons to set aside.

        Parameters
        ----------
        persons : Series
            Person of each training clip.
        seed : str
            Name from which the persons are drawn.

        Returns
        -------
        (n,) bool
            True for the clips of persons set aside.

        Raises
        ------
        DataError
            Fewer than two persons, or nobody would be left to train on.
        """
        names = sorted(persons.unique())
        count = max(1, round(self.persons * len(names)))
        if count >= len(names):
            text = f"early_stopping: {count} of {len(names)} training person(s) would be set aside, nobody is left"
            raise DataError(seed, [f"{text} to train on: take a smaller share, or leave early_stopping out"])
        drawn = np.random.default_rng(seed_of(f"{seed}/inner")).permutation(names)[:count]
        return persons.isin(drawn).to_numpy()


def best_epoch(losses: Sequence[float]) -> int:
    """The epoch of the least loss, the first one where several are equal.

    Parameters
    ----------
    losses : sequence of float
        One per epoch.

    Returns
    -------
    int, >= 1
        Number of the epoch.
    """
    return 1 + int(np.argmin(losses))


@dataclass(frozen=True)
class Recipe:
    """How to train; the fields without a value must be among the settings, the others may be.

    Parameters
    ----------
    epochs : int, >= 1
        Most epochs.
    batch : int, >= 1
        Clips of a step.
    learning_rate : float, > 0
        Highest learning rate of the head.
    weight_decay : float, >= 0
        AdamW's, of all parameters but biases and norms.
    layer_decay : float, > 0
        Factor of the learning rate per layer below the head.
    warm_up : float, 0..1
        Share of the steps over which the learning rate rises.
    largest_gradient : float, > 0
        Gradients are scaled down to this norm.
    micro_batch : int or None, >= 1
        Most clips on the device at once; a batch is the same sum of gradients, part by part. None: the whole batch.
    gradient_checkpointing : bool
        Less memory, more time: what the layers computed is computed again on the way back.
    early_stopping : EarlyStopping or None
        Whom to set aside, and how long to wait; None trains all epochs.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    warm_up: float = 0.1
    largest_gradient: float = 1.0
    micro_batch: int | None = None
    gradient_checkpointing: bool = False
    early_stopping: EarlyStopping | None = None

    @classmethod
    def of(cls, settings: Mapping) -> "Recipe":
        """Take the recipe out of an encoder's settings.

        Parameters
        ----------
        settings : mapping
            The encoder's slice of the parameters.

        Returns
        -------
        Recipe
            The recipe.
        """
        given = {field.name: settings[field.name] for field in fields(cls) if field.name in settings}
        if "early_stopping" in given:
            given["early_stopping"] = EarlyStopping(**given["early_stopping"])
        return cls(**given)

    def factor(self, step: int, steps: int) -> float:
        """Factor of the learning rate: a line up, then half a cosine down to 0.

        Parameters
        ----------
        step : int, 0..steps
            Number of the step.
        steps : int, >= 1
            Steps of the whole training.

        Returns
        -------
        float, 0..1
            The factor.
        """
        rise = max(1, round(self.warm_up * steps))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    def stops(self, inner_losses: Sequence[float]) -> bool:
        """Whether to end before the last epoch.

        Parameters
        ----------
        inner_losses : sequence of float
            Losses of the persons set aside, one per epoch.

        Returns
        -------
        bool
            True once the best epoch lies `patience` epochs back.
        """
        if self.early_stopping is None or not inner_losses:
            return False
        return len(inner_losses) - best_epoch(inner_losses) >= self.early_stopping.patience

    def optimizer(self, network: Network) -> torch.optim.AdamW:
        """Make AdamW, all in one kernel; biases and norms are not decayed.

        Parameters
        ----------
        network : Network
            The network.

        Returns
        -------
        torch.optim.AdamW
            Each group has a "scale" for its learning rate.
        """
        groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            if parameter.requires_grad:
                scale = self.layer_decay ** (network.depth + 1 - network.layer_of(name))
                decay = self.weight_decay if parameter.ndim > 1 else 0.0
                groups.setdefault((scale, decay), []).append(parameter)
        said = [
            {"params": members, "scale": scale, "weight_decay": decay, "lr": self.learning_rate * scale}
            for (scale, decay), members in groups.items()
        ]
        return torch.optim.AdamW(said, fused=True)

    def set_rate(self, optimizer: torch.optim.Optimizer, step: int, steps: int) -> float:
        """Set the learning rates of a step.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            What `optimizer` made.
        step : int, 0..steps
            Number of the step.
        steps : int, >= 1
            Steps of the whole training.

        Returns
        -------
        float, >= 0
            The head's rate.
        """
        rate = self.learning_rate * self.factor(step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        return rate


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is fast on a device.

    Parameters
    ----------
    device : torch.device
        The device.

    Returns
    -------
    torch.dtype or None
        None on a CPU, where it is many times slower.
    """
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
