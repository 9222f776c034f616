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

    persons : share of the training persons that are set aside; at least one is, and one is left.
    patience : epochs without a better loss after which training ends.
    """

    persons: float
    patience: int

    def set_aside(self, persons: pd.Series, seed: str) -> np.ndarray:
        """(n_clips,) bool, the clips of the persons set aside, among training clips of `persons`.

        seed : a name, from which the persons are drawn.

        Raises
        ------
        DataError : fewer than two persons, or nobody would be left to train on.
        """
        names = sorted(persons.unique())
        count = max(1, round(self.persons * len(names)))
        if count >= len(names):
            text = f"early_stopping: {count} of {len(names)} training person(s) would be set aside, nobody is left"
            raise DataError(seed, [f"{text} to train on: take a smaller share, or leave early_stopping out"])
        drawn = np.random.default_rng(seed_of(f"{seed}/inner")).permutation(names)[:count]
        return persons.isin(drawn).to_numpy()


def best_epoch(losses: Sequence[float]) -> int:
    """The epoch (1..) of the least loss, the first one where several are equal."""
    return 1 + int(np.argmin(losses))


@dataclass(frozen=True)
class Recipe:
    """How to train; the fields without a value must be among the settings, the others may be."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    """Factor of the learning rate per layer below the head."""
    warm_up: float = 0.1
    """Share of the steps over which the learning rate rises."""
    largest_gradient: float = 1.0
    """Gradients are scaled down to this norm."""
    micro_batch: int | None = None
    """Most clips on the device at once; a batch is the same sum of gradients, part by part. None: the whole batch."""
    gradient_checkpointing: bool = False
    """Less memory, more time: what the layers computed is computed again on the way back."""
    early_stopping: EarlyStopping | None = None

    @classmethod
    def of(cls, settings: Mapping) -> "Recipe":
        """The recipe among an encoder's settings."""
        given = {field.name: settings[field.name] for field in fields(cls) if field.name in settings}
        if "early_stopping" in given:
            given["early_stopping"] = EarlyStopping(**given["early_stopping"])
        return cls(**given)

    def factor(self, step: int, steps: int) -> float:
        """Factor of the learning rate at `step` (0..) of `steps`: a line up, then half a cosine down to 0."""
        rise = max(1, round(self.warm_up * steps))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    def stops(self, inner_losses: Sequence[float]) -> bool:
        """Whether to end before the last epoch, after these losses (one per epoch) of the persons set aside."""
        if self.early_stopping is None or not inner_losses:
            return False
        return len(inner_losses) - best_epoch(inner_losses) >= self.early_stopping.patience

    def optimizer(self, network: Network) -> torch.optim.AdamW:
        """AdamW, all in one kernel; each group has a "scale" for its learning rate. Biases and norms are not decayed."""
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
        """Set the learning rates of `step` (0..) of `steps`; the head's."""
        rate = self.learning_rate * self.factor(step, steps)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        return rate


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is fast on the device; none on a CPU, where it is many times slower."""
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
