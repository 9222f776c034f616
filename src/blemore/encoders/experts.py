"""A mixture of adapter experts with a noisy top-k router: what the S4D face encoder has beside its upper MLPs.

Names follow the public S4D network (arXiv 2409.06154), so that its checkpoints load. Two of its defects are not
copied: there, noise is added and experts refuse overflow in evaluation too, so that two passes differ and a clip's
output depends on its batch. Here both happen in training only.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TOP_K = 2


def mlp(dim: int, hidden: int) -> nn.Sequential:
    """Two linear layers with a GELU between them, by the names that timm's `Mlp` gives them (its import takes 1 s)."""
    layers = {"fc1": nn.Linear(dim, hidden), "act": nn.GELU(), "fc2": nn.Linear(hidden, dim)}
    return nn.Sequential(OrderedDict(layers))


class AdapterExperts(nn.Module):
    """Each token goes to its `TOP_K` best experts; their outputs are added, weighted by the softmax of their logits.

    In training the router is noisy, as in Shazeer et al. 2017 (arXiv 1701.06538). All experts are computed for all tokens, as two matrix products, and the weights of those not chosen are zero:
    for adapters (hidden = dim / 4) that is cheaper than sorting the tokens by expert, and has no random order of sums.
    """

    def __init__(self, dim: int, experts: int, hidden: int):
        super().__init__()
        self.router = nn.ModuleDict({name: nn.Linear(dim, experts) for name in ("topkroute_linear", "noise_linear")})
        self.experts = nn.ModuleList(mlp(dim, hidden) for _ in range(experts))
        self.balance_loss = torch.zeros(())  # of the last training pass

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, dim) -> (B, N, dim)."""
        tokens = x.flatten(0, 1)  # (B * N, dim)
        logits = self.router["topkroute_linear"](tokens)  # (B * N, experts)
        if self.training:
            logits = logits + torch.randn_like(logits) * F.softplus(self.router["noise_linear"](tokens))
        best, chosen = logits.topk(TOP_K, dim=-1)  # (B * N, TOP_K)
        weights = torch.zeros_like(logits).scatter(-1, chosen, best.softmax(dim=-1).to(logits.dtype))
        if self.training:
            taken = torch.zeros_like(logits).scatter(-1, chosen, 1.0)
            self.balance_loss = _balance_loss(taken, logits)
            weights = weights * _within_capacity(taken)
        return self._mix(tokens, weights).view_as(x)

    def _mix(self, tokens: Tensor, weights: Tensor) -> Tensor:
        inner = torch.cat([expert.fc1.weight for expert in self.experts])  # (experts * hidden, dim)
        inner_bias = torch.cat([expert.fc1.bias for expert in self.experts])
        outer = torch.cat([expert.fc2.weight for expert in self.experts], dim=1)  # (dim, experts * hidden)
        outer_bias = torch.stack([expert.fc2.bias for expert in self.experts])  # (experts, dim)
        hidden = F.gelu(F.linear(tokens, inner, inner_bias)).unflatten(1, (len(self.experts), -1))
        hidden = (hidden * weights.unsqueeze(-1)).flatten(1)  # (B * N, experts * hidden)
        return F.linear(hidden, outer) + weights @ outer_bias


def _within_capacity(taken: Tensor) -> Tensor:
    """1 where an expert still has room for a token, 0 for overflow.

    An expert takes int(tokens * TOP_K / experts) tokens, first come first served in batch order.
    """
    tokens, experts = taken.shape
    return (taken.cumsum(dim=0) <= int(tokens * TOP_K / experts)).to(taken.dtype)


def _balance_loss(taken: Tensor, logits: Tensor) -> Tensor:
    """mean over experts of (share of tokens * mean routing probability) * experts^2: least when all are used alike.

    The form of Fedus et al. 2021 (arXiv 2101.03961). The public S4D code takes mean logits in place of
    probabilities, which has no lower bound.
    """
    return (taken.mean(dim=0) * logits.softmax(dim=-1).mean(dim=0)).mean() * taken.shape[1] ** 2
