"""The challenge kit's network on features: one hidden layer with ReLU, KL divergence on soft labels, Adam.

Width and number of epochs are chosen in inner folds that share no person, by soft cross-entropy: the kit chooses its
epoch on the fold that it reports. Adam runs at 1e-4 in place of the kit's 5e-6: the number of epochs being chosen, a
slower rate only takes longer. At full size this head costs hundreds of times what the linear one costs.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn
from torch.nn.functional import kl_div

from blemore.encoders.device import use_one_thread
from blemore.learning.heads.inner import Scaler, cross_entropy, inner_parts, row_by_row, scaler_for
from blemore.scoring.labels import CLASSES
from blemore.scoring.logits import softmax
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows
from blemore.seeds import seed_of

HIDDEN = (256, 512)
"""Widths to choose from; a tie goes to the smaller."""
EPOCHS = 200
PATIENCE = 20
"""A width is given up when its inner loss has not fallen for so many epochs."""
BATCH = 32
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 1e-3


class _Trained:
    """A network in training on standardised features; its randomness comes from its name alone."""

    def __init__(self, x: np.ndarray, labels: np.ndarray, hidden: int, name: str):
        device = use_one_thread()
        seed = seed_of(name)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = nn.Sequential(nn.Linear(x.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, len(CLASSES)))
        self.network = network.to(device)
        self.order = torch.Generator().manual_seed(seed)
        self.x, self.labels = torch.tensor(x, device=device), torch.tensor(labels, dtype=torch.float32, device=device)
        self.adam = torch.optim.Adam(self.network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    def epoch(self) -> None:
        """Every clip once, in batches drawn at random."""
        for batch in torch.randperm(len(self.x), generator=self.order).to(self.x.device).split(BATCH):
            loss = kl_div(self.network(self.x[batch]).log_softmax(dim=1), self.labels[batch], reduction="batchmean")
            self.adam.zero_grad()
            loss.backward()
            self.adam.step()

    @torch.inference_mode()
    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (n, 6) float64."""
        return self.network(torch.tensor(x, device=self.x.device)).double().softmax(dim=1).cpu().numpy()


@dataclass(frozen=True)
class Perceptron:
    """A fitted head.

    Parameters
    ----------
    mean : (d,) float32
        Mean of each feature.
    scale : (d,) float32, > 0
        Deviation of each feature.
    inner, inner_bias : (h, d), (h,) float32
        The hidden layer.
    outer, outer_bias : (6, h), (6,) float32
        The last layer.
    shown : (6,) bool
        False for a class that no label holds.
    """

    mean: np.ndarray
    scale: np.ndarray
    inner: np.ndarray
    inner_bias: np.ndarray
    outer: np.ndarray
    outer_bias: np.ndarray
    shown: np.ndarray

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Predict clips, as `linear.Linear.predict` does.

        Parameters
        ----------
        values : (m, d) float32
            Features of the clips.

        Returns
        -------
        (m, 6) float64, 0..1
            Probabilities; 0 for a class that no label holds.
        """
        x = Scaler(self.mean, self.scale).apply(values)
        hidden = np.maximum(row_by_row(x, self.inner.T) + self.inner_bias, 0)  # (m, h)
        outputs = softmax((row_by_row(hidden, self.outer.T) + self.outer_bias).astype(float)) * self.shown
        return outputs / outputs.sum(axis=1, keepdims=True)

    @property
    def layers(self) -> tuple[np.ndarray, ...]:
        """Weights and biases, from the features on."""
        return self.inner, self.inner_bias, self.outer, self.outer_bias


def fit(learned: Rows, model: ModelName, name: str) -> Perceptron:
    """Fit a network to some clips, as `linear.fit` fits its model.

    Parameters
    ----------
    learned : Rows
        The clips to learn from, values (n, d) float32.
    model : ModelName
        The name under which the fit is recorded.
    name : str
        Name from which the random numbers derive.

    Returns
    -------
    Perceptron
        The fitted head.
    """
    hidden, epochs = choose(learned, model, name)
    scaler = scaler_for(learned, model)
    x = scaler.apply(learned.values)
    labels = learned.to_fit(model, "head").soft
    final = _Trained(x, labels, hidden, f"{name}/{hidden}")
    for _ in range(epochs):
        final.epoch()
    inner, inner_bias, outer, outer_bias = (layer.detach().cpu().numpy() for layer in final.network.parameters())
    shown = labels.sum(axis=0) > 0
    return Perceptron(scaler.mean, scaler.scale, inner, inner_bias, outer, outer_bias, shown)


def choose(learned: Rows, model: ModelName, name: str) -> tuple[int, int]:
    """Choose width and number of epochs by the least soft cross-entropy over inner folds; scaler fitted inside each.

    With a single person there is nothing to choose on: the smaller width, for one epoch, and the log says so.

    Parameters
    ----------
    learned : Rows
        The clips to learn from, values (n, d) float32.
    model : ModelName
        The model that gets them.
    name : str
        Name from which the random numbers derive.

    Returns
    -------
    width : int
        One of ``HIDDEN``.
    epochs : int, 1..EPOCHS
        Number of epochs.
    """
    parts, labels = inner_parts(learned, model), learned.soft
    if not parts:
        logging.warning("a single person to learn from: nothing to choose on, the network learns for one epoch")
        return HIDDEN[0], 1
    data = []
    for k, (inside, outside) in enumerate(parts):
        inner_model, part, judged = replace(model, inner=k), learned.where(inside), learned.where(outside)
        scaler = scaler_for(part, inner_model)
        others = scaler.apply(judged.to_judge(inner_model).values)
        data.append((scaler.apply(part.values), labels[inside], others, labels[outside]))
    best, choice = np.inf, (HIDDEN[0], 1)
    for hidden in HIDDEN:
        inner = [_Trained(x, soft, hidden, f"{name}/{hidden}/inner{k}") for k, (x, soft, *_) in enumerate(data)]
        least, reached = np.inf, 0
        for epoch in range(1, EPOCHS + 1):
            loss = 0.0
            for network, (_, _, others, soft) in zip(inner, data, strict=True):
                network.epoch()
                loss += float(cross_entropy(soft, network.predict(others)))
            if loss < least:
                least, reached = loss, epoch
            elif epoch - reached >= PATIENCE:
                break
        if least < best:
            best, choice = least, (hidden, reached)
    return choice
