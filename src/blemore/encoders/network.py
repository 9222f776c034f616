"""The two ways in which a torch network is an encoder: finetuned (`Network`), or frozen (`NetworkEmbedder`)."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from blemore.encoders.base import Embedder, Preprocessing
from blemore.encoders.device import MicroBatch, pinned, to_device, use_one_thread
from joblineage.errors import DataError


class Network(nn.Module, ABC):
    """A network to finetune. `forward`: what `Preprocessing.finished` gives -> logits (B, 6)."""

    preprocessing: Preprocessing
    depth: int
    """Number of transformer layers."""

    @abstractmethod
    def layer_of(self, name: str) -> int:
        """The layer a parameter belongs to: 0 stem, 1..depth transformer, depth + 1 head (for layer decay)."""

    def auxiliary_loss(self) -> Tensor | float:
        """What the last training pass adds to the loss, coefficient included; nothing unless a network says so."""
        return 0.0

    def checkpoint_gradients(self) -> None:
        """From now on keep only the layers' inputs in training, and compute the rest again on the way back.

        Raises
        ------
        DataError : this network cannot.
        """
        fault = "gradient checkpointing is not offered, leave gradient_checkpointing out"
        raise DataError(type(self).__name__, [fault])


class TransformersNetwork(Network):
    """A classifier of transformers' with the preprocessing that it needs."""

    def __init__(self, network: nn.Module, preprocessing: Preprocessing):
        super().__init__()
        self.network = network
        self.preprocessing = preprocessing
        self.depth = network.config.num_hidden_layers

    def layer_of(self, name: str) -> int:
        parts = name.split(".")  # network.videomae.encoder.layer.3...
        if "embeddings" in parts:
            return 0
        return int(parts[parts.index("layer") + 1]) + 1 if "layer" in parts else self.depth + 1

    def checkpoint_gradients(self) -> None:
        self.network.activation_checkpointing_enable({"use_reentrant": False})


class NetworkEmbedder(Embedder):
    """A frozen network: evaluation mode, no gradients, on the device that the job may use.

    network : any torch module.
    preprocessing : what it reads.
    batch : clips that are put together, and read ahead, at once. The network sees each clip alone: the last bits of a matrix
        product depend on how many rows it has, and a clip's features must depend on no other clip.
    """

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, *, batch: int = 8):
        self.device = use_one_thread()
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.preprocessing = preprocessing
        self.batch = batch
        self.micro = MicroBatch(1, type(network).__name__)

    @abstractmethod
    def features(self, batch: Tensor) -> Tensor:
        """A batch as `Preprocessing.finished` gives it, on the device -> (B, ...) float32."""

    def read(self, shard: Any) -> Iterator[tuple[str, Any]]:
        return self.preprocessing.read(shard)

    def decode(self, raw: Any) -> np.ndarray:
        return self.preprocessing.decode(raw)

    def ready(self, clips: Sequence[np.ndarray]) -> Tensor:
        """See Embedder: the clips stacked, still on the CPU."""
        return pinned(self.preprocessing.stacked(clips), self.device)

    @torch.inference_mode()
    def embed(self, batch: Tensor) -> np.ndarray:
        return torch.cat(self.micro.run(self._in_parts, batch)).numpy()

    def _in_parts(self, size: int, batch: Tensor) -> list[Tensor]:
        parts = (self.preprocessing.finished(to_device(part, self.device)) for part in batch.split(size))
        return [self.features(part).float().cpu() for part in parts]


def initialise(part: nn.Module) -> None:
    """Fresh weights as masked autoencoders have them: Glorot and uniform, no bias (for `torch.nn.Module.apply`).

    A patch embedding counts as the linear layer that it is. On few clips this learns far faster than small normal
    weights do.
    """
    if isinstance(part, nn.Linear | nn.Conv3d):
        nn.init.xavier_uniform_(part.weight.flatten(1))  # a view
        if part.bias is not None:
            nn.init.zeros_(part.bias)
