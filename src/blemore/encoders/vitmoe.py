"""S4D-ViTMoE, a video transformer for faces with adapter experts in its upper half (Chen et al., arXiv 2409.06154).

Written anew; parameter names and shapes are those of the public network (MSA-LMC/S4D), so that its checkpoints load.
Preprocessing: 16 frames of 160 px face crops, ImageNet mean and standard deviation; small: 8 frames of the inner
48 of 80 px, relative to the first.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from blemore.encoders.checkpoints import checkpoint_file, load_tensors
from blemore.encoders.network import Network, initialise
from blemore.encoders.pictures import Pictures
from blemore.params.families import Family
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError

PICTURES = Pictures(count=16, size=160, time_first=False, kept=16)
TINY_PICTURES = Pictures(count=8, size=48, time_first=False, border=16, relative=True, kept=16)
TINY = {"dim": 96, "depth": 4, "heads": 4, "patch": 16, "experts": 4}

BALANCE = 1e-3
"""Coefficient of the experts' balance loss."""
TOP_K = 2
"""Experts that each token goes to."""
TUBELET = 2
"""Frames per token."""

logger = logging.getLogger(__name__)

FAMILY = Family(kind="network", form="file", seconds={"finetuned": 0.0011})


def build(settings: Mapping) -> "ViTMoE":
    """Make the network for the six classes: small from scratch, or full size from a checkpoint.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters.

    Returns
    -------
    ViTMoE
        The network.

    Raises
    ------
    DataError
        The checkpoint has no tensor of the network.
    """
    if settings["scale"] == "tiny":
        return ViTMoE(len(CLASSES), pictures=TINY_PICTURES, **TINY)
    path = checkpoint_file(settings)
    network = ViTMoE(len(CLASSES))
    report = network.load(load_tensors(path))
    if not report.loaded:
        raise DataError(str(path), ["no tensor has a name and shape of the ViTMoE network: is it another network's?"])
    logger.info("%s: %d tensors loaded, %d fresh, %d not used", path, *map(len, report))
    return network


class Loaded(NamedTuple):
    """What became of a checkpoint, as sorted lists of names.

    Parameters
    ----------
    loaded : list of str
        Names of ours that the checkpoint has.
    missing : list of str
        Names of ours that the checkpoint does not have, or in another shape: left fresh.
    unexpected : list of str
        Names of the checkpoint that were not used.
    """

    loaded: list[str]
    missing: list[str]
    unexpected: list[str]


def mlp(dim: int, hidden: int) -> nn.Sequential:
    """Make two linear layers with a GELU between them, by the names that timm's `Mlp` gives them (its import takes 1 s).

    Parameters
    ----------
    dim : int
        Width of the tokens.
    hidden : int
        Width between the layers.

    Returns
    -------
    nn.Sequential
        The layers.
    """
    layers = {"fc1": nn.Linear(dim, hidden), "act": nn.GELU(), "fc2": nn.Linear(hidden, dim)}
    return nn.Sequential(OrderedDict(layers))


class AdapterExperts(nn.Module):
    """Each token goes to its `TOP_K` best experts; their outputs are added, weighted by the softmax of their logits.

    In training the router is noisy, as in Shazeer et al. 2017 (arXiv 1701.06538), and experts refuse overflow. In the
    public network both happen in evaluation too, so that two passes differ and a clip's output depends on its batch.
    All experts are computed for all tokens, as two matrix products, and the weights of those not chosen are zero: for
    adapters (hidden = dim / 4) that is cheaper than sorting the tokens by expert, and has no random order of sums.

    Parameters
    ----------
    dim : int
        Width of the tokens.
    experts : int, >= TOP_K
        How many experts.
    hidden : int
        Width inside an expert.
    """

    def __init__(self, dim: int, experts: int, hidden: int):
        super().__init__()
        self.router = nn.ModuleDict({name: nn.Linear(dim, experts) for name in ("topkroute_linear", "noise_linear")})
        self.experts = nn.ModuleList(mlp(dim, hidden) for _ in range(experts))
        self.balance_loss = torch.zeros(())  # of the last training pass

    def forward(self, x: Tensor) -> Tensor:
        """Route the tokens to their experts and mix what these give.

        Parameters
        ----------
        x : (B, N, dim) Tensor
            Tokens.

        Returns
        -------
        (B, N, dim) Tensor
            Mixed outputs.
        """
        tokens = x.flatten(0, 1)  # (B * N, dim)
        logits = self.router["topkroute_linear"](tokens)  # (B * N, experts)
        if self.training:
            logits = logits + torch.randn_like(logits) * F.softplus(self.router["noise_linear"](tokens))
        best, chosen = logits.topk(TOP_K, dim=-1)  # (B * N, TOP_K)
        weights = torch.zeros_like(logits).scatter(-1, chosen, best.softmax(dim=-1).to(logits.dtype))
        if self.training:
            taken = torch.zeros_like(logits).scatter(-1, chosen, 1.0)
            self.balance_loss = _balance_loss(taken, logits)
            room = int(len(tokens) * TOP_K / len(self.experts))  # of each expert, first come first served
            weights = weights * (taken.cumsum(dim=0) <= room).to(taken.dtype)
        return self._mix(tokens, weights).view_as(x)

    def _mix(self, tokens: Tensor, weights: Tensor) -> Tensor:
        inner = torch.cat([expert.fc1.weight for expert in self.experts])  # (experts * hidden, dim)
        inner_bias = torch.cat([expert.fc1.bias for expert in self.experts])
        outer = torch.cat([expert.fc2.weight for expert in self.experts], dim=1)  # (dim, experts * hidden)
        outer_bias = torch.stack([expert.fc2.bias for expert in self.experts])  # (experts, dim)
        hidden = F.gelu(F.linear(tokens, inner, inner_bias)).unflatten(1, (len(self.experts), -1))
        hidden = (hidden * weights.unsqueeze(-1)).flatten(1)  # (B * N, experts * hidden)
        return F.linear(hidden, outer) + weights @ outer_bias


def _balance_loss(taken: Tensor, logits: Tensor) -> Tensor:
    """mean over experts of (share of tokens * mean routing probability) * experts^2: least when all are used alike.

    The form of Fedus et al. 2021 (arXiv 2101.03961). The public S4D code takes mean logits in place of
    probabilities, which has no lower bound.
    """
    return (taken.mean(dim=0) * logits.softmax(dim=-1).mean(dim=0)).mean() * taken.shape[1] ** 2


class Attention(nn.Module):
    """Self-attention whose keys have no bias.

    Parameters
    ----------
    dim : int
        Width of the tokens.
    heads : int
        Heads, which divide the width.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Let each token attend to all.

        Parameters
        ----------
        x : (B, N, dim) Tensor
            Tokens.

        Returns
        -------
        (B, N, dim) Tensor
            Tokens.
        """
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        qkv = F.linear(x, self.qkv.weight, bias).unflatten(-1, (3, self.heads, -1))  # (B, N, 3, heads, dim / heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, heads, N, dim / heads)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Pre-norm transformer block; with experts, an adapter mixture stands beside the MLP.

    Parameters
    ----------
    dim : int
        Width of the tokens.
    heads : int
        Heads of the attention.
    experts : int
        How many experts; 0 for a block without.
    """

    def __init__(self, dim: int, heads: int, experts: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = mlp(dim, 4 * dim)
        if experts:
            self.moe_layer = AdapterExperts(dim, experts, hidden=dim // 4)

    def forward(self, x: Tensor) -> Tensor:
        """Attend, then transform each token; both are added to the input.

        Parameters
        ----------
        x : (B, N, dim) Tensor
            Tokens.

        Returns
        -------
        (B, N, dim) Tensor
            Tokens.
        """
        x = x + self.attn(self.norm1(x))
        y = self.norm2(x)
        return x + self.mlp(y) + self.moe_layer(y) if hasattr(self, "moe_layer") else x + self.mlp(y)


class ViTMoE(Network):
    """The network; its defaults are the public one's: 100,513,646 parameters under 380 names with 7 classes.

    Parameters
    ----------
    num_classes : int
        How many classes.
    pictures : Pictures
        Preprocessing of the clips: how many frames of which size.
    dim : int
        Width of the tokens.
    depth : int
        How many blocks; those of the upper half have experts.
    heads : int
        Heads of the attention.
    patch : int, px
        Side of a patch.
    experts : int
        Experts of a block.
    """

    def __init__(
        self, num_classes: int, *, pictures: Pictures = PICTURES,
        dim: int = 768, depth: int = 12, heads: int = 12, patch: int = 16, experts: int = 8,
    ):  # fmt: skip
        super().__init__()
        self.preprocessing = pictures
        self.depth = depth
        tokens = pictures.count // TUBELET * (pictures.size // patch) ** 2
        self.register_buffer("places", sinusoid_table(tokens, dim), persistent=False)
        self.checkpointing = False
        kernel = (TUBELET, patch, patch)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(3, dim, kernel_size=kernel, stride=kernel)})
        self.blocks = nn.ModuleList(Block(dim, heads, experts if k >= depth // 2 else 0) for k in range(depth))
        self.fc_norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.ModuleDict({kind: nn.Linear(dim, num_classes) for kind in ("image", "video")})
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Classify clips.

        Parameters
        ----------
        x : (B, 3, T, S, S) Tensor
            Clips as `Pictures.finished` gives them.

        Returns
        -------
        (B, num_classes) Tensor
            Logits.
        """
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2) + self.places  # (B, tokens, dim)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.checkpointing and self.training else block(x)
        return self.head["video"](self.fc_norm(x.mean(dim=1)))

    def checkpoint_gradients(self) -> None:
        """Compute the blocks again on the way back, for less memory and more time."""
        self.checkpointing = True

    def auxiliary_loss(self) -> Tensor | float:
        """The experts' balance losses of the last training pass, times their coefficient.

        Returns
        -------
        Tensor or float, >= 0
            What is added to the loss.
        """
        return BALANCE * sum(part.balance_loss for part in self.modules() if isinstance(part, AdapterExperts))

    def layer_of(self, name: str) -> int:
        """Number of the layer that a parameter belongs to, for learning rates that fall from layer to layer.

        Parameters
        ----------
        name : str
            Name of the parameter.

        Returns
        -------
        int, 0..depth + 1
            0 for the patches, depth + 1 for the head.
        """
        if name.startswith("patch_embed."):
            return 0
        return int(name.split(".")[1]) + 1 if name.startswith("blocks.") else self.depth + 1

    def load(self, tensors: Mapping[str, Tensor]) -> Loaded:
        """Take over what fits of a pre-training or fine-tuning checkpoint, and say what did not.

        The prefixes `module.`, `encoder.` and `backbone.` are dropped; the pre-training decoder, and a head of
        another number of classes, are left out.

        Parameters
        ----------
        tensors : mapping of str to Tensor
            The checkpoint.

        Returns
        -------
        Loaded
            What became of its tensors.
        """
        ours = self.state_dict()
        fitting, unexpected = {}, []
        for name, tensor in tensors.items():
            short = name
            for prefix in ("module.", "encoder.", "backbone."):
                short = short.removeprefix(prefix)
            if short in ours and ours[short].shape == tensor.shape:
                fitting[short] = tensor
            else:
                unexpected.append(name)
        self.load_state_dict(fitting, strict=False)
        return Loaded(sorted(fitting), sorted(ours.keys() - fitting.keys()), sorted(unexpected))


def sinusoid_table(tokens: int, dim: int) -> Tensor:
    """Make fixed positions: sines in the even, cosines in the odd columns (Vaswani et al. 2017).

    Parameters
    ----------
    tokens : int
        How many positions.
    dim : int
        Width of the tokens.

    Returns
    -------
    (1, tokens, dim) float32 Tensor
        The positions.
    """
    column = torch.arange(dim, dtype=torch.float64)
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] / 10000 ** (2 * (column // 2) / dim)
    return torch.where(column % 2 == 0, angle.sin(), angle.cos()).float().unsqueeze(0)
