"""A small network that names facial expressions (face-api's, 329 kB), frozen: what each frame shows, over time.

Preprocessing: 16 face crops at 112 px, each channel minus a mean of its own (`MEAN`), in parts of 255.
Four blocks of four convolutions, all but the first depthwise separable, each adding to the sum of those before it; the
mean over the picture; 256 values -> 7 expressions. Features of a clip: these 256 values and the 7 probabilities, their
mean and their standard deviation over the frames.
The network is small enough at full size: at either scale the checkpoint is read.

A checkpoint is a pair of files, as TensorFlow.js saves weights: bare numbers in NAME.bin, and beside it
NAME-weights_manifest.json, which says what they are.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blemore.encoders.checkpoints import checkpoint_file, fill
from blemore.encoders.network import NetworkEmbedder
from blemore.encoders.pictures import Pictures
from blemore.encoders.weight_files import manifest_of
from blemore.params.families import Family
from joblineage.errors import DataError
from joblineage.files import parse_json

EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
"""What the network's last layer names, in order."""
CHANNELS = (32, 64, 128, 256)
"""Of the four blocks."""
MEAN = (122.782 / 255, 117.001 / 255, 104.298 / 255)
PICTURES = Pictures(count=16, size=112, mean=MEAN, std=(1.0, 1.0, 1.0), kept=16)
NAMES = {
    "filters": "weight", "depthwise_filter": "depthwise.weight", "pointwise_filter": "pointwise.weight",
    "weights": "weight", "bias": "bias",
}  # fmt: skip
"""Last part of a tensor's name in the manifest -> in the network."""
AXES = {"depthwise_filter": (2, 3, 0, 1), "filters": (3, 2, 0, 1), "pointwise_filter": (3, 2, 0, 1), "weights": (1, 0)}
"""The order in which torch wants a tensor's dimensions, height and width last."""

FAMILY = Family(kind="network", form="tfjs", small=False)


def build(settings: Mapping) -> "ExpressionEmbedder":
    """Make the network with the weights of the checkpoint (of none, as tests build it: random ones).

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    ExpressionEmbedder
        The embedder.
    """
    network = ExpressionNetwork()
    if "checkpoint" in settings:
        fill(network, read_weights(checkpoint_file(settings)), settings)
    return ExpressionEmbedder(network, PICTURES, batch=4)


class Separable(nn.Module):
    """A convolution over 3 x 3 pixels channel by channel, then one over the channels."""

    def __init__(self, before: int, after: int, stride: int = 1):
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(before, before, 3, stride, groups=before, bias=False)
        self.pointwise = nn.Conv2d(before, after, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, H, W) -> (B, after, H / stride, W / stride)."""
        return self.pointwise(self.depthwise(padded(x, self.stride))) + self.bias.view(-1, 1, 1)


def padded(x: Tensor, stride: int) -> Tensor:
    """Zeros around a picture of even sides, as TensorFlow's "same" has them: with stride 2 only below and right."""
    return F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))


class Block(nn.Module):
    """Four convolutions; each sees the sum of all before it. The first halves the picture."""

    def __init__(self, before: int, channels: int, first: bool):
        super().__init__()
        self.conv0 = nn.Conv2d(before, channels, 3, 2) if first else Separable(before, channels, 2)
        self.conv1, self.conv2, self.conv3 = (Separable(channels, channels) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, before, S, S) -> (B, channels, S / 2, S / 2)."""
        total = self.conv0(padded(x, 2) if isinstance(self.conv0, nn.Conv2d) else x).relu()
        for convolution in (self.conv1, self.conv2, self.conv3):
            total = total + convolution(total.relu())
        return total.relu()


class ExpressionNetwork(nn.Module):
    """Pictures (B, 3, S, S) -> (B, 256 + 7): the values before the last layer, and the probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = len(CHANNELS)
        for k, (before, after) in enumerate(zip((3, *CHANNELS), CHANNELS, strict=False)):
            self.add_module(f"dense{k}", Block(before, after, first=k == 0))
        self.fc = nn.Linear(CHANNELS[-1], len(EXPRESSIONS))

    def forward(self, x: Tensor) -> Tensor:
        for k in range(self.depth):
            x = self.get_submodule(f"dense{k}")(x)
        values = x.mean(dim=(2, 3))  # (B, 256)
        return torch.cat([values, self.fc(values).softmax(dim=1)], dim=1)


class ExpressionEmbedder(NetworkEmbedder):
    """The network, frame by frame: (2 * width,) float32, means, then standard deviations over time."""

    def features(self, batch: Tensor) -> Tensor:
        """(B, T, 3, S, S) -> (B, 2 * width)."""
        frames = self.network(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])  # (B, T, width)
        return torch.cat([frames.mean(dim=1), frames.std(dim=1, correction=0)], dim=1)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of weights that TensorFlow.js saved, by the names and in the order of dimensions of the network here.

    path : the file of bare numbers; bytes stand for number * scale + min where the manifest says so.

    Raises
    ------
    DataError : the manifest does not fit the file of numbers, or speaks of something else than they are read for here.
    """
    try:
        listed = [entry for group in parse_json(manifest_of(path).read_bytes()) for entry in group["weights"]]
        tensors, data, start = {}, path.read_bytes(), 0
        for entry in listed:
            coded = entry.get("quantization")
            kind, count = np.dtype(coded["dtype"] if coded else entry["dtype"]), math.prod(entry["shape"])
            values = np.frombuffer(data, kind.newbyteorder("<"), count, start).reshape(entry["shape"])
            start += values.nbytes
            values = values * np.float32(coded["scale"]) + np.float32(coded["min"]) if coded else values
            *places, last = entry["name"].split("/")
            ordered = values.transpose(AXES.get(last, range(values.ndim)))
            tensors[".".join([*places, NAMES[last]])] = torch.tensor(ordered.astype(np.float32))
        if start != len(data):
            raise ValueError(f"it lists {start} bytes, {path.name} has {len(data)}")
    except (KeyError, TypeError, ValueError) as error:
        fault = f"does not describe the weights in {path.name} ({error or type(error).__name__}): fetch both again"
        raise DataError(str(manifest_of(path)), [fault]) from error
    return tensors
