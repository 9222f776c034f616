"""The numbers of a training and what follows from them: learning rates, parameter groups, precision."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch

from blemore.encoders.base import Network


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

    @classmethod
    def of(cls, settings: Mapping) -> "Recipe":
        """The recipe among an encoder's settings."""
        return cls(**{field.name: settings[field.name] for field in fields(cls) if field.name in settings})

    def factor(self, step: int, steps: int) -> float:
        """Factor of the learning rate at `step` (0..) of `steps`: a line up, then half a cosine down to 0."""
        rise = max(1, round(self.warm_up * steps))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))

    def optimizer(self, network: Network) -> torch.optim.AdamW:
        """AdamW; each group has a "scale" for its learning rate. Biases and norms are not decayed."""
        groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
        for name, parameter in network.named_parameters():
            scale = self.layer_decay ** (network.depth + 1 - network.layer_of(name))
            decay = self.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((scale, decay), []).append(parameter)
        return torch.optim.AdamW(
            [
                {"params": members, "scale": scale, "weight_decay": decay, "lr": self.learning_rate * scale}
                for (scale, decay), members in groups.items()
            ]
        )


def half_precision(device: torch.device) -> torch.dtype | None:
    """The 16-bit type that is fast on the device; none on a CPU, where it is many times slower."""
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
