"""HiCMAE, a transformer that sees a face and hears its voice (Sun et al. 2024, arXiv 2401.05698).

Written anew; parameter names and shapes are those of the public network (sunlicai/HiCMAE), so that its checkpoints load.
Preprocessing: windows of 2.56 s with 16 face crops of 160 px and 128 mel bands (`windows`), the first and the last of a
clip; what the network says of them is averaged. Frozen, it gives the 2,048 values before the head.
Small: 8 frames of the inner 48 of 80 px, relative to the first; the sound is the same.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from blemore.encoders.checkpoints import checkpoint_file, fill, load_tensors
from blemore.encoders.network import Network, NetworkEmbedder, initialise
from blemore.encoders.pictures import Pictures
from blemore.encoders.vitmoe import Block, sinusoid_table
from blemore.encoders.windows import BANDS, ROWS, FacesAndSound
from blemore.params.families import Family
from blemore.scoring.labels import CLASSES

WINDOWS = FacesAndSound(Pictures(count=16, size=160, time_first=False))
TINY_WINDOWS = FacesAndSound(Pictures(count=8, size=48, time_first=False, border=16, relative=True))
TUBELET, PATCH = 2, 16
"""Frames of a token; side of a token in px, and in rows and bands of sound."""
FRESH = ("video_layer_weights", "audio_layer_weights", "fc_norm.weight", "fc_norm.bias")
"""What a pre-training does not have: it starts as the authors start it."""

FAMILY = Family(kind="network", form="file", media=("faces", "audio"), seconds={"finetuned": 0.0043, "frozen": 0.0053})


class Size(NamedTuple):
    """Width, heads of attention; blocks of the face's and of the voice's encoder, and steps of fusion."""

    dim: int
    heads: int
    depths: tuple[int, int, int]


BASE = Size(512, 8, (10, 10, 2))
TINY = Size(96, 4, (3, 3, 2))
HEAD_DIM = 64
"""Width of one head in all public sizes."""


def build(settings: Mapping) -> "HiCMAE | HiCMAEEmbedder":
    """Make the network, small from scratch, or of the size and with the weights of the checkpoint; without a head if frozen.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    HiCMAE or HiCMAEEmbedder
        The network, or the embedder.
    """
    classes = 0 if settings["learning"] == "frozen" else len(CLASSES)
    if settings["scale"] == "tiny":
        network = HiCMAE(classes, TINY, windows=TINY_WINDOWS)
    else:
        tensors = load_tensors(checkpoint_file(settings))
        network = HiCMAE(classes, size_of(tensors))
        network.load(tensors, settings)
    return network if classes else HiCMAEEmbedder(network, network.windows, batch=4)


class CrossAttention(nn.Module):
    """Attention of the tokens `x` to those of a context; keys have no bias."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim, bias=False)
        self.kv = nn.Linear(dim, 2 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """(B, N, dim) and (B, M, dim) -> (B, N, dim)."""
        q = F.linear(x, self.q.weight, self.q_bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        bias = torch.cat([torch.zeros_like(self.v_bias), self.v_bias])
        kv = F.linear(context, self.kv.weight, bias).unflatten(-1, (2, self.heads, -1))  # (B, M, 2, heads, dim / heads)
        k, v = kv.permute(2, 0, 3, 1, 4)  # each (B, heads, M, dim / heads)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class CrossBlock(Block):
    """A block that first attends to the other sense."""

    def __init__(self, dim: int, heads: int):
        super().__init__(dim, heads, experts=0)
        self.cross_norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.cross_norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.cross_attn = CrossAttention(dim, heads)

    def attend(self, x: Tensor, context: Tensor) -> Tensor:
        """(B, N, dim) and (B, M, dim) -> (B, N, dim)."""
        return self(x + self.cross_attn(self.cross_norm1(x), self.cross_norm2(context)))


class Encoder(nn.Module):
    """One sense: patches, positions, transformer blocks.

    patches : of what is seen or heard -> (B, dim, ...), as many as `tokens`.
    """

    def __init__(self, patches: nn.Module, tokens: int, dim: int, heads: int, depth: int):
        super().__init__()
        self.patch_embed = nn.ModuleDict({"proj": patches})
        self.blocks = nn.ModuleList(Block(dim, heads, experts=0) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.register_buffer("places", sinusoid_table(tokens, dim), persistent=False)

    def layers(self, x: Tensor, checkpointing: bool) -> Iterator[Tensor]:
        """What every block leaves, normalised, (B, tokens, dim) each; between the blocks it is not."""
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2) + self.places  # (B, tokens, dim)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if checkpointing else block(x)
            yield self.norm(x)


class Fusion(nn.Module):
    """Steps in which each sense attends to what the other was before the step."""

    def __init__(self, dim: int, heads: int, depth: int):
        super().__init__()
        self.blocks = nn.ModuleList(CrossBlock(dim, heads) for _ in range(depth))
        self.blocks_audio = nn.ModuleList(CrossBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.norm_audio = nn.LayerNorm(dim, eps=1e-6)

    def forward(self, video: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, dim) and (B, M, dim) -> the same shapes."""
        for seeing, hearing in zip(self.blocks, self.blocks_audio, strict=True):
            video, audio = seeing.attend(video, audio), hearing.attend(audio, video)
        return self.norm(video), self.norm_audio(audio)


class HiCMAE(Network):
    """The network; its defaults are the public "base": 80,792,602 parameters under 370 names with 6 classes.

    classes : 0 for none, then what comes out are the 4 * dim values before the head.
    sound : rows and bands of a window.
    """

    def __init__(
        self,
        classes: int,
        size: Size = BASE,
        *,
        windows: FacesAndSound = WINDOWS,
        sound: tuple[int, int] = (ROWS, BANDS),
    ):
        super().__init__()
        dim, heads, depths = size
        self.preprocessing = self.windows = windows
        self.sound = sound
        self.depth = max(depths[:2]) + depths[2]
        self.first_step = max(depths[:2]) + 1  # layer of the first step of fusion
        self.checkpointing = False
        seen, kernel = windows.pictures, (TUBELET, PATCH, PATCH)
        faces = nn.Conv3d(3, dim, kernel_size=kernel, stride=kernel)
        voice = nn.Conv2d(1, dim, kernel_size=PATCH, stride=PATCH)
        self.encoder = Encoder(faces, seen.count // TUBELET * (seen.size // PATCH) ** 2, dim, heads, depths[0])
        self.encoder_audio = Encoder(voice, sound[0] // PATCH * (sound[1] // PATCH), dim, heads, depths[1])
        self.encoder_fusion = Fusion(dim, heads, depths[2])
        self.video_layer_weights = nn.Parameter(torch.full((depths[0],), 0.1))
        self.audio_layer_weights = nn.Parameter(torch.full((depths[1],), 0.1))
        self.fc_norm = nn.LayerNorm(4 * dim, eps=1e-6)
        self.head = nn.Linear(4 * dim, classes) if classes else nn.Identity()
        self.apply(initialise)
        nn.init.xavier_uniform_(voice.weight.flatten(1))  # a Conv2d, which `initialise` leaves

    def forward(self, x: Tensor) -> Tensor:
        """Windows of clips (B, W, values), as `FacesAndSound.finished` gives them -> means over W, (B, classes or 4 * dim)."""
        pictures = self.windows.pictures
        flat = x.flatten(0, 1)  # (B * W, values)
        shape = (3, pictures.count, pictures.size, pictures.size)
        video, audio = flat.split([flat.shape[1] - self.sound[0] * self.sound[1], self.sound[0] * self.sound[1]], dim=1)
        outputs = self.judge(video.unflatten(1, shape), audio.unflatten(1, (1, *self.sound)))
        return outputs.unflatten(0, x.shape[:2]).mean(dim=1)

    def judge(self, video: Tensor, audio: Tensor) -> Tensor:
        """Windows (B, 3, T, S, S) and (B, 1, rows, bands) -> (B, classes or 4 * dim)."""
        again = self.checkpointing and self.training
        seen, heard = list(self.encoder.layers(video, again)), list(self.encoder_audio.layers(audio, again))
        if again:
            both = checkpoint(self.encoder_fusion, seen[-1], heard[-1], use_reentrant=False)
        else:
            both = self.encoder_fusion(seen[-1], heard[-1])
        parts = [mixed(seen, self.video_layer_weights), mixed(heard, self.audio_layer_weights)]
        parts += [tokens.mean(dim=1) for tokens in both]  # four times (B, dim)
        return self.head(self.fc_norm(torch.cat(parts, dim=1)))

    def checkpoint_gradients(self) -> None:
        self.checkpointing = True

    def layer_of(self, name: str) -> int:
        part, *rest = name.split(".")
        if "patch_embed" in rest:
            return 0
        if rest and rest[0].startswith("blocks"):
            return int(rest[1]) + (self.first_step if part == "encoder_fusion" else 1)
        return self.depth + 1

    def load(self, tensors: Mapping[str, Tensor], settings: Mapping) -> list[str]:
        """Take over a pre-training or fine-tuning checkpoint; its names that are not used.

        A head never comes over: a pre-training has none, and others have other classes, or these in another order.

        Raises
        ------
        DataError : a tensor is missing or has another shape; says which.
        """
        kept = {name: tensor for name, tensor in self.state_dict().items() if name in FRESH or name.startswith("head.")}
        theirs = {name: tensor for name, tensor in tensors.items() if not name.startswith("head.")}
        return fill(self, kept | theirs, settings)


def mixed(layers: list[Tensor], weights: Tensor) -> Tensor:
    """Layers (B, N, dim) -> (B, dim): means over tokens, summed with the softmax of the weights (layers,)."""
    means = torch.stack([tokens.mean(dim=1) for tokens in layers])  # (layers, B, dim)
    return torch.einsum("l,lbd->bd", weights.softmax(dim=0), means)


def size_of(tensors: Mapping[str, Tensor]) -> Size:
    """Of the network whose tensors these are; `BASE` where they are another network's, `HiCMAE.load` then says what is missing."""
    patches = tensors.get("encoder.patch_embed.proj.weight")
    if patches is None:
        return BASE
    video, audio, fusion = (
        len({name.split(".")[2] for name in tensors if name.startswith(f"{part}.blocks.")})
        for part in ("encoder", "encoder_audio", "encoder_fusion")
    )
    return Size(len(patches), max(1, len(patches) // HEAD_DIM), (video, audio, fusion))


class HiCMAEEmbedder(NetworkEmbedder):
    """The values before the head: (4 * dim,) float32, means over a clip's windows."""

    def features(self, batch: Tensor) -> Tensor:
        """(B, W, values) -> (B, 4 * dim)."""
        return self.network(batch)
