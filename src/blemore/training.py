"""Finetuning of a video network on one fold: one loop for every encoder that learns.

Soft-label KL divergence, AdamW, warm-up and cosine, a fixed number of epochs (no peeking at the held-out fold).
All pictures are decoded once and held in memory as bytes: 3 GB for 2,456 clips of 16 frames at 160 px, twice that
at 224 px. An interrupted training goes on from its last saved epoch and ends, on a CPU, in the very same bytes.
"""

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from blemore.augmentation import augment
from blemore.encoders.base import Network, Pictures, build, seed_of, use_one_thread
from blemore.errors import DataError
from blemore.files import whole_file, write_bytes
from blemore.folds import probability_rows
from blemore.labels import CLASSES, soft_labels
from blemore.media.shards import read_frames
from blemore.progress import Rounds
from blemore.recipe import Recipe, half_precision
from blemore.tables import usable, write_probabilities
from blemore.torch_compat import torch
from blemore.training_state import Row, TrainingState, training_identity

# isort: split
import torch.nn.functional as F
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

SAVE_EVERY = 10.0
"""Least seconds between two saved states."""


def train_fold(
    settings: Mapping, clips: pd.DataFrame, shards: Sequence[Path], *,
    fold: int, seed: int, state: Path, probabilities: Path, curve: Path, weights: Path,
) -> None:  # fmt: skip
    """Train on the usable train clips outside `fold`; predict the clips of `fold` and all test clips.

    Parameters
    ----------
    settings : the encoder's slice of the parameters with name and scale; see `Recipe` for the numbers of the loop.
    clips : clips table.
    shards : prepared media files with pictures (faces or body).
    fold : the fold held out.
    seed : with the encoder's name and the fold it decides weights, order and augmentation.
    state : where an interrupted training is kept; ignored if it comes from another training, removed at the end.
    probabilities : written; probabilities table.
    curve : written; CSV with epoch, loss (mean KL divergence, nats), learning_rate (of the head, at its last step).
    weights : written; safetensors.

    Raises
    ------
    DataError : usable clips without pictures, or nothing to train on.
    """
    name = f"{seed}/{settings['name']}/fold{fold}"
    clips = usable(clips).sort_values("clip").reset_index(drop=True)
    learned = np.array((clips["split"] == "train") & (clips["fold"] != fold))
    if not learned.any():
        raise DataError(f"encoder {settings['name']}", [f"fold {fold}: no train clips outside this fold"])
    device = use_one_thread()
    torch.manual_seed(seed_of(name))
    network = build(settings).to(device)
    pictures = read_pictures(shards, clips["clip"], network.pictures)
    labels = torch.tensor(soft_labels(clips[learned]), dtype=torch.float32)
    identity = training_identity(name, settings, pictures[learned], labels, device)
    rows = fit(network, pictures[learned], labels, Recipe.of(settings), name=name, state=state, identity=identity)
    table = probability_rows(clips[~learned], predict(network, pictures[~learned]))
    write_probabilities(table, probabilities)
    with whole_file(curve) as temporary:
        pd.DataFrame(rows, columns=["epoch", "loss", "learning_rate"]).to_csv(temporary, index=False)
    tensors = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    write_bytes(weights, safetensors_bytes(tensors))
    Path(state).unlink(missing_ok=True)


def read_pictures(shards: Iterable[Path], clips: pd.Series, wanted: Pictures) -> Tensor:
    """Pictures (n_clips, count, S, S, 3) uint8 in the order of `clips`; shards are opened one at a time."""
    pictures = torch.zeros((len(clips), wanted.count, wanted.size, wanted.size, 3), dtype=torch.uint8)
    missing = {clip: row for row, clip in enumerate(clips)}
    for shard in shards:
        for clip, frames in read_frames([Path(shard)], wanted.read_size).items():
            if clip in missing:
                pictures[missing.pop(clip)] = torch.tensor(wanted.choose(frames))
    if missing:
        raise DataError("prepared media", [f"clip {clip}: no pictures" for clip in sorted(missing)])
    return pictures


def fit(
    network: Network, pictures: Tensor, labels: Tensor, recipe: Recipe, *, name: str, state: Path, identity: str
) -> list[Row]:
    """The loop: train `network` in place; returns epoch, loss and learning rate of each epoch.

    Each epoch draws its order, augmentation and noise from its own seed, so no random state outlives an epoch.
    """
    device = next(network.parameters()).device
    optimizer = recipe.optimizer(network)
    half = half_precision(device)
    scaler = torch.amp.GradScaler(device.type, enabled=half is torch.float16)
    kept = TrainingState(state, identity, network, optimizer, scaler)
    rows = kept.load()
    saved = time.monotonic()
    batches = math.ceil(len(pictures) / recipe.batch)
    network.train()
    for epoch in (rounds := Rounds(name, len(rows) + 1, recipe.epochs)):
        torch.manual_seed(seed_of(f"{name}/epoch{epoch}"))
        generator = torch.Generator().manual_seed(seed_of(f"{name}/epoch{epoch}/order"))
        total = 0.0
        for k, chosen in enumerate(torch.randperm(len(pictures), generator=generator).split(recipe.batch)):
            factor = recipe.factor((epoch - 1) * batches + k, recipe.epochs * batches)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * group["scale"] * factor
            batch = network.pictures.normalise(augment(as_float(pictures[chosen], device), generator))
            with torch.autocast(device.type, dtype=half, enabled=half is not None):
                logits = network(batch)
            loss = F.kl_div(F.log_softmax(logits.float(), dim=1), labels[chosen].to(device), reduction="batchmean")
            optimizer.zero_grad()
            scaler.scale(loss + network.auxiliary_loss()).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.largest_gradient)
            scaler.step(optimizer)
            scaler.update()
            total += loss.item() * len(chosen)
        rows.append((epoch, total / len(pictures), recipe.learning_rate * factor))
        rounds.tell(f"loss {rows[-1][1]:.4f}")
        if epoch < recipe.epochs and time.monotonic() - saved >= SAVE_EVERY:
            kept.save(rows)
            saved = time.monotonic()
    return rows


@torch.inference_mode()
def predict(network: Network, pictures: Tensor, batch: int = 16) -> np.ndarray:
    """Probabilities (n_clips, 6) float64 of pictures (n_clips, T, S, S, 3) uint8, in single precision."""
    device = next(network.parameters()).device
    network.eval()
    logits = [network(network.pictures.normalise(as_float(part, device))) for part in pictures.split(batch)]
    return torch.cat(logits).double().softmax(dim=1).cpu().numpy() if len(pictures) else np.zeros((0, len(CLASSES)))


def as_float(pictures: Tensor, device: torch.device) -> Tensor:
    """(B, T, S, S, 3) uint8 -> (B, T, 3, S, S) float32 in [0, 1] on the device."""
    return pictures.to(device).permute(0, 1, 4, 2, 3).contiguous().float() / 255
