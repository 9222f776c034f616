"""Finetuning of a network on one fold: one loop for every encoder that learns, of pictures or of sound.

Soft-label KL divergence, AdamW, warm-up and cosine, a fixed number of epochs or early stopping on persons set aside
from those trained on (no peeking at the held-out fold). Clips are decoded once for all folds (`media`). An interrupted
training goes on from its last saved epoch and ends, on a CPU, in the very same bytes.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from blemore.encoders.ahead import alike, prefetched
from blemore.encoders.base import Preprocessing, build
from blemore.encoders.device import MicroBatch, advise_when_full, pinned, to_device, use_one_thread
from blemore.encoders.network import Network
from blemore.encoders.settings import shards_of
from blemore.learning.training.media import Media, read_media
from blemore.learning.training.recipe import Recipe, half_precision
from blemore.learning.training.state import Row, TrainingState
from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.logits import softmax
from blemore.scoring.model_name import ModelName
from blemore.seeds import seed_of
from blemore.tables import probability_rows, usable, write_csv, write_probabilities
from joblineage import declare
from joblineage.errors import DataError
from joblineage.files import write_bytes
from joblineage.progress import Steps

SAVE_EVERY = 10.0
"""Least seconds between two saved states."""
EVALUATED_AT_ONCE = 16
"""Clips of a batch of the loss after an epoch."""


@dataclass(frozen=True)
class Examples:
    """Clips with what they show.

    Parameters
    ----------
    clips : Media
        As `Preprocessing.decode` makes them, n arrays.
    labels : (n, 6) float32 Tensor, 0..1
        Soft labels; each row sums to 1.
    names : (n,) object or None
        Names of the clips, for `declare`; None where nobody asks.
    """

    clips: Media
    labels: Tensor
    names: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.clips)

    def where(self, chosen: np.ndarray) -> "Examples":
        """Select examples.

        Parameters
        ----------
        chosen : (n,) bool
            Which of them.

        Returns
        -------
        Examples
            Those for which `chosen` is true.
        """
        names = None if self.names is None else self.names[chosen]
        return Examples(self.clips.where(chosen), self.labels[torch.tensor(chosen)], names)

    def batches(
        self, size: int, preprocessing: Preprocessing, generator: torch.Generator, device: torch.device
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Go through all examples once, in random order, changed at random.

        Everything is drawn from `generator`, whose draws do not depend on the device.

        Parameters
        ----------
        size : int, >= 1
            Most clips of a batch.
        preprocessing : Preprocessing
            What changes the clips (`Preprocessing.augmented`).
        generator : torch.Generator
            What order and changes are drawn from.
        device : torch.device
            Where the batches will go; they are made on the CPU.

        Returns
        -------
        iterator of (Tensor, Tensor, (b, 6) Tensor)
            Clips and changes of each batch, as `Preprocessing.augmented` gives them, and its soft labels.
        """

        def prepared() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
            for rows in torch.randperm(len(self), generator=generator).split(size):
                clips, changes = preprocessing.augmented([self.clips[row] for row in rows.tolist()], generator)
                yield pinned(clips, device), pinned(changes, device), pinned(self.labels[rows], device)

        return _ahead_of(device, prepared())


def _ahead_of(device: torch.device, batches: Iterator[tuple]) -> Iterator[Any]:
    """The batches; for a GPU the next one is prepared while the last one is worked on."""
    return batches if device.type == "cpu" else prefetched(batches)


def train_fold(
    settings: Mapping, clips: pd.DataFrame, files: Sequence[Path], *,
    fold: int, seed: int, state: Path, probabilities: Path, curve: Path, weights: Path, workers: int = 1,
    shared: Path | None = None,
) -> None:  # fmt: skip
    """Train on the usable train clips outside `fold`; predict the clips of `fold` and all test clips.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters with name and scale; see `Recipe` for the numbers of the loop.
    clips : DataFrame
        Clips table.
    files : sequence of Path
        Prepared media of the kinds that the encoder reads, kind by kind (`settings.shards_of`).
    fold : int
        The fold held out.
    seed : int, >= 0
        With the encoder's name and the fold it decides weights, order and augmentation.
    state : Path
        Where the training is kept, also when it is finished; ignored if it comes from another training. Whoever needs
        it no longer removes it.
    probabilities : Path
        Written: probabilities table.
    curve : Path
        Written: CSV with the columns of `training.state.Row`; inner_loss is empty without early stopping.
    weights : Path
        Written: safetensors.
    workers : int, >= 1
        Threads that decode clips.
    shared : Path or None
        File below a cache in which decoded clips are kept for the other folds too, see `media.read_media`.

    Raises
    ------
    DataError
        Usable clips that are in no shard, nothing to train on, nobody left beside the persons set aside, a loss that is
        no number, a device whose memory does not hold one clip.
    """
    # 1. Whom to learn from: training clips of the other folds, some of their persons set aside for early stopping.
    name = f"{seed}/{settings['name']}/fold{fold}"
    clips = usable(clips).sort_values("clip").reset_index(drop=True)
    learned = np.array((clips["split"] == "train") & (clips["fold"] != fold))  # (n_clips,)
    if not learned.any():
        raise DataError(f"encoder {settings['name']}", [f"fold {fold}: no train clips outside this fold"])
    recipe = Recipe.of(settings)
    inner = np.zeros(learned.sum(), bool)  # (n_learned,)
    if recipe.early_stopping:
        inner = recipe.early_stopping.set_aside(clips.loc[learned, "person"], name)
    with advise_when_full(name):
        # 2. The network, and the clips as it reads them, decoded once for all folds.
        device = use_one_thread()
        network = build(settings, name).to(device)
        if recipe.gradient_checkpointing:
            network.checkpoint_gradients()
        media = read_media(shards_of(settings, files), clips["clip"], network.preprocessing, workers, shared)
        labels = torch.tensor(soft_labels(clips[learned]), dtype=torch.float32)  # (n_learned, 6)
        examples = Examples(media.where(learned), labels, clips.loc[learned, "clip"].to_numpy())
        # 3. Train, and predict the clips that were not learned from: the fold's own, and all test clips.
        sets = {"learned": examples.where(~inner), "inner": examples.where(inner)}
        identity = training_identity(name, settings, sets, device)
        rows = fit(network, **sets, recipe=recipe, name=name, state=state, identity=identity)
        predicted = predict(network, media.where(~learned), name)  # (n_clips - n_learned, 6)
    # 4. Say which clips the model saw and which it judges; write what it says, its curve and its weights.
    model = ModelName.of(settings["name"], fold)
    declare.fitted(model, "network", sets["learned"].names, clips.loc[~learned, "clip"])
    if len(sets["inner"]):
        declare.fitted(model, "early stopping", sets["inner"].names)
    write_probabilities(probability_rows(clips[~learned], predicted), probabilities)
    write_csv(pd.DataFrame(rows, columns=Row._fields), curve)
    tensors = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    write_bytes(weights, safetensors_bytes(tensors))


def training_identity(name: str, settings: Mapping, sets: Mapping[str, Examples], device: torch.device) -> str:
    """Hash all that decides a training: name, settings, examples, device, torch.

    Parameters
    ----------
    name : str
        Seed, encoder and fold.
    settings : mapping
        The encoder's slice of the parameters.
    sets : mapping of str to Examples
        "learned" and "inner".
    device : torch.device
        The device.

    Returns
    -------
    str
        Sha256 in hexadecimal digits.
    """
    seen = {kind: [list(examples.clips.digests), examples.labels.tolist()] for kind, examples in sets.items()}
    said = [name, dict(settings), seen, device.type, torch.__version__]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def fit(
    network: Network, learned: Examples, inner: Examples, recipe: Recipe, *, name: str, state: Path, identity: str
) -> list[Row]:
    """Train a network in place.

    Where `inner` has examples, their best epoch ends in the network. Each epoch draws its order and augmentation from
    its own seed, each step the network's noise, so no random state outlives them.

    Parameters
    ----------
    network : Network
        The network.
    learned : Examples
        The clips to learn from.
    inner : Examples
        Clips of persons set aside, for early stopping; empty without it.
    recipe : Recipe
        The numbers of the loop.
    name : str
        Seed, encoder and fold, from which the random numbers derive.
    state : Path
        Where the training is kept between two epochs.
    identity : str
        What `training_identity` gave; a state with another one is ignored.

    Returns
    -------
    list of Row
        The curve.

    Raises
    ------
    DataError
        The loss is no number, or not even one clip fits into the device's memory.
    """
    # 1. Begin, or go on where an interrupted training was saved.
    device = next(network.parameters()).device
    optimizer = recipe.optimizer(network)
    scaler = torch.amp.GradScaler(device.type, enabled=half_precision(device) is torch.float16)
    kept = TrainingState(state, identity, {"network": network, "optimizer": optimizer, "scaler": scaler})
    kept.load()
    saved = time.monotonic()
    micro = MicroBatch(min(recipe.batch, recipe.micro_batch or recipe.batch), name)
    steps_each = math.ceil(len(learned) / recipe.batch)
    with Steps(name, recipe.epochs, done=len(kept.rows)) as steps:
        while len(kept.rows) < recipe.epochs and not recipe.stops(kept.inner_losses):
            # 2. One epoch: all clips once, in an order that the epoch's name decides.
            epoch = f"{name}/epoch{len(kept.rows) + 1}"
            generator = torch.Generator().manual_seed(seed_of(epoch))
            network.train()
            total = torch.zeros((), device=device)
            batches = learned.batches(recipe.batch, network.preprocessing, generator, device)
            for k, (batch, changes, labels) in enumerate(batches):  # b clips, their changes, (b, 6)
                # 3. One step: gradients part by part, clipped to a norm, then AdamW.
                rate = recipe.set_rate(optimizer, len(kept.rows) * steps_each + k, recipe.epochs * steps_each)
                step = f"{epoch}/step{k}"
                total += len(batch) * micro.run(find_gradients, network, batch, changes, labels, scaler, step)
                scaler.unscale_(optimizer)
                torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.largest_gradient)
                scaler.step(optimizer)
                scaler.update()
            # 4. The loss of persons set aside, if any; the best epoch's weights and, now and then, the state are kept.
            loss = checked(total.item() / len(learned), epoch)
            inner_loss = checked(soft_cross_entropy(network, inner, epoch), epoch) if len(inner) else None
            kept.add(Row(len(kept.rows) + 1, loss, inner_loss, rate))
            steps.advance(1, f"loss {loss:.4f}" + ("" if inner_loss is None else f", inner {inner_loss:.4f}"))
            if len(kept.rows) < recipe.epochs and time.monotonic() - saved >= SAVE_EVERY:
                kept.save()
                saved = time.monotonic()
    # 5. The finished state is kept too; the network ends with the best epoch's weights.
    kept.save()
    kept.use_best()
    return kept.rows


def find_gradients(
    size: int, network: Network, batch: Tensor, changes: Tensor, labels: Tensor, scaler: torch.amp.GradScaler, seed: str
) -> Tensor:
    """Leave the gradients of a batch's mean loss in the network, found part by part.

    The network's own noise starts at `seed`: with fewer clips at once, a step begins again as it was. A network's
    auxiliary loss is that of each part, weighted by its clips.

    Parameters
    ----------
    size : int, >= 1
        Most clips of a part; only one part at a time is on the device.
    network : Network
        The network.
    batch, changes : Tensor
        As `Preprocessing.augmented` gives them.
    labels : (b, 6) float32 Tensor
        Soft labels of the batch.
    scaler : torch.amp.GradScaler
        What scales the loss in half precision.
    seed : str
        Name of the step.

    Returns
    -------
    Tensor, nats
        Mean KL divergence of the batch, without gradient.
    """
    torch.manual_seed(seed_of(seed))
    network.zero_grad()
    device = next(network.parameters()).device
    half = half_precision(device)
    total = torch.zeros((), device=device)
    for tensors in zip(batch.split(size), changes.split(size), labels.split(size), strict=True):
        part, change, wanted = (to_device(tensor, device) for tensor in tensors)
        clips = network.preprocessing.finished(part, change)
        with torch.autocast(device.type, dtype=half, enabled=half is not None):
            logits = network(clips)
        loss = F.kl_div(F.log_softmax(logits.float(), dim=1), wanted, reduction="batchmean")
        share = len(part) / len(batch)
        scaler.scale(share * (loss + network.auxiliary_loss())).backward()
        total += share * loss.detach()
    return total


@torch.inference_mode()
def _predicted_logits(network: Network, clips: Sequence[np.ndarray], name: str, at_once: int) -> Tensor:
    """Logits (n_clips, 6) float64 of clips as `Preprocessing.decode` makes them, in single precision, on the CPU."""
    device = next(network.parameters()).device
    network.eval()
    logits = torch.zeros((len(clips), len(CLASSES)), dtype=torch.float64)
    micro = MicroBatch(at_once, name)
    groups = alike(enumerate(clips), at_once)
    batches = ((places, pinned(network.preprocessing.stacked(group), device)) for places, group in groups)
    for places, batch in _ahead_of(device, batches):
        logits[places] = torch.cat(micro.run(_in_parts, network, batch)).double().cpu()
    return logits


def _in_parts(size: int, network: Network, batch: Tensor) -> list[Tensor]:
    """Logits of a batch as `Preprocessing.stacked` gives it, in parts of at most `size` clips."""
    device = next(network.parameters()).device
    return [network(network.preprocessing.finished(to_device(part, device))) for part in batch.split(size)]


def predict(network: Network, clips: Sequence[np.ndarray], name: str) -> np.ndarray:
    """Predict clips with a network, each alone.

    The last bits of a matrix product depend on how many rows it has, and a clip's probabilities must depend on no other clip.

    Parameters
    ----------
    network : Network
        The network.
    clips : sequence of ndarray
        As `Preprocessing.decode` makes them.
    name : str
        Name of the training, for messages.

    Returns
    -------
    (n, 6) float64, 0..1
        Probabilities; each row sums to 1.
    """
    return softmax(_predicted_logits(network, clips, name, 1).numpy())


def soft_cross_entropy(network: Network, examples: Examples, name: str) -> float:
    """Mean soft cross-entropy of a network's predictions.

    Parameters
    ----------
    network : Network
        The network.
    examples : Examples
        The clips with their labels.
    name : str
        Name of the training, for messages.

    Returns
    -------
    float, nats
        The mean over examples.
    """
    return F.cross_entropy(
        _predicted_logits(network, examples.clips, name, EVALUATED_AT_ONCE), examples.labels.double()
    ).item()


def checked(loss: float, epoch: str) -> float:
    """Check that a loss is a number.

    Parameters
    ----------
    loss : float, nats
        The loss.
    epoch : str
        Name of the epoch, for the message.

    Returns
    -------
    float, nats
        The loss.

    Raises
    ------
    DataError
        It is NaN or infinite.
    """
    if not math.isfinite(loss):
        raise DataError(epoch, [f"the loss is {loss}: the training diverged, take a smaller learning_rate"])
    return loss
