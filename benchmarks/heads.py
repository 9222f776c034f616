"""The linear head beside the challenge kit's training protocol, on the same simulated features: CPU time and Score.

    python benchmarks/heads.py [--dims 1024] [--train linear 256] [--time 512]

Prints one Markdown table, all of it measured in this run, on one thread. Both get the features in memory, seven
statistics over frames for each of `--dims` dimensions.

The kit: scaler on the other folds, a linear layer or one hidden layer, Adam, 200 epochs, the official grid on the fold
after each of them (our vectorised one; its own, row by row, is timed on a few grids and multiplied), and a last model
for test clips, 100 epochs on everything. Batches are cut from tensors in memory, which is faster than the kit's loader.
Its own Score takes epoch and thresholds of each fold on that fold. Honest Scores choose them on the other folds, as
`scoring.decoders.leave_one_fold_out` does: the epoch that is best for the other folds' models, then thresholds.
A variant that is only timed runs `--timed-epochs` epochs of one fold, scaled up to all of them.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from threadpoolctl import threadpool_limits
from torch import nn

from blemore.learning.heads.inner import scaler_of
from blemore.learning.heads.run import fold_probabilities
from blemore.scoring.decoders import leave_one_fold_out
from blemore.scoring.decoding import decode
from blemore.scoring.labels import CLASSES, EMOTIONS, soft_labels
from blemore.scoring.metrics import scores, true_saliences
from blemore.scoring.persons import gain_and_interval, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.scoring.surface import OFFICIAL_GRID, official_grid

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from kit_rules import grid_search

PERSONS, FRAMES = 46, 40
FOLDS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text("utf-8"))["blemore"]["folds"]
EPOCHS, FINAL_EPOCHS, BATCH = 200, 100, 32


def simulate_clips(number: int, rng: np.random.Generator) -> pd.DataFrame:
    """Train clips of `PERSONS` persons, each with 20 emotional and 4 neutral singles and 30 blends, cut to `number`."""
    shown: list[tuple[Any, ...]] = [(name, None, 100.0, None) for name in EMOTIONS for _ in range(4)] + [
        ("neu", None, 100.0, None)
    ] * 4
    shown += [
        (emotion, two, share, 100 - share)
        for i, emotion in enumerate(EMOTIONS)
        for two in EMOTIONS[i + 1 :]
        for share in (30.0, 50.0, 70.0)
    ]
    rows = [(f"A{100 + person}_{k:02d}", f"A{100 + person}", person % FOLDS, *label)
            for person in range(PERSONS) for k, label in enumerate(shown)]  # fmt: skip
    names = ["clip", "person", "fold", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]
    clips = pd.DataFrame(rows, columns=names).assign(split="train", quarantine="")
    kept = np.sort(rng.permutation(len(clips))[:number])
    return clips.iloc[kept].reset_index(drop=True)


def simulate_features(clips: pd.DataFrame, dims: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 7 dims) float32: seven statistics over the frames of what a network makes of emotion, style and nuisance."""
    soft, (who, persons) = soft_labels(clips), pd.factorize(clips["person"])
    hidden = 30  # directions that have nothing to do with emotion, the first ones strong
    strength = 3 / np.sqrt(1 + np.arange(hidden))
    style = np.concatenate(
        [rng.normal(0, 0.6, (len(persons), 6)), rng.normal(size=(len(persons), hidden)) * strength], 1
    )
    expressive = rng.lognormal(0, 0.4, (len(persons), 6))
    network = rng.normal(size=(6 + hidden, dims)) / np.sqrt(6 + hidden)
    statistics = []
    for clip in range(len(clips)):
        centre = style[who[clip]] + np.concatenate([rng.normal(0, 0.9, 6), rng.normal(size=hidden) * strength])
        centre[:6] += 2.4 * soft[clip] * expressive[who[clip]]
        drift = np.cumsum(rng.normal(0, 0.15, (FRAMES, 6 + hidden)), axis=0)
        frames = np.tanh((centre + drift) @ network + rng.normal(0, 0.3, (FRAMES, dims)))
        percentiles = np.percentile(frames, [10, 25, 50, 75, 90], axis=0)
        statistics.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0), percentiles.ravel()]))
    return np.array(statistics, np.float32)


@dataclass
class Result:
    """What one way costs and reaches: CPU seconds, honest decisions (n, 6) and, for the kit, those of its own choice."""

    name: str
    seconds: float
    grids: int = 0
    honest: np.ndarray | None = None
    own: np.ndarray | None = None


class Kit:
    """The challenge kit's training protocol with one hidden width (0: a linear layer)."""

    def __init__(self, x: np.ndarray, clips: pd.DataFrame, hidden: int):
        self.x, self.hidden = x, hidden
        self.fold, self.rows = clips["fold"].to_numpy(), Rows.of(clips)
        self.labels, self.truth = soft_labels(clips).astype(np.float32), true_saliences(clips)
        self.name = f"kit, {hidden} hidden" if hidden else "kit, linear"

    def train(self, part: np.ndarray, shown: np.ndarray, epochs: int) -> np.ndarray:
        """Probabilities (epochs, n_shown, 6) of the clips `shown` after each epoch on the clips `part`."""
        torch.manual_seed(0)
        scaler = scaler_of(self.x[part])
        inside, outside = (torch.tensor(scaler.apply(self.x[rows])) for rows in (part, shown))
        labels, outputs = torch.tensor(self.labels[part]), []
        layers = [nn.Linear(inside.shape[1], self.hidden), nn.ReLU()] if self.hidden else []
        network = nn.Sequential(*layers, nn.Linear(self.hidden or inside.shape[1], len(CLASSES)))
        adam = torch.optim.Adam(network.parameters(), lr=5e-6, weight_decay=1e-3)
        for _ in range(epochs):
            for batch in torch.randperm(len(inside)).split(BATCH):
                logarithms = network(inside[batch]).log_softmax(dim=1)
                loss = nn.functional.kl_div(logarithms, labels[batch], reduction="batchmean")
                adam.zero_grad()
                loss.backward()
                adam.step()
            with torch.inference_mode():
                outputs.append(network(outside).double().softmax(dim=1).numpy())
        return np.array(outputs)

    def run(self) -> Result:
        """The whole protocol."""
        start = time.process_time()
        said = np.zeros((EPOCHS, *self.labels.shape))
        best = np.zeros((EPOCHS, FOLDS))
        own = np.zeros(self.labels.shape, int)
        for fold in range(FOLDS):
            shown = self.fold == fold
            said[:, shown] = self.train(~shown, shown, EPOCHS)
            grids = [official_grid(values, self.truth[shown]) for values in said[:, shown]]
            best[:, fold] = [grid.score for grid in grids]
            epoch = int(np.argmax(best[:, fold]))
            own[shown] = decode(said[epoch, shown], grids[epoch].alpha, grids[epoch].beta)
        everything = np.ones(len(self.fold), bool)
        self.train(everything, self.fold == 0, FINAL_EPOCHS)
        seconds = time.process_time() - start

        honest = np.zeros(self.labels.shape, int)
        for fold in range(FOLDS):
            epoch = int(np.argmax(np.delete(best, fold, axis=1).mean(axis=1)))
            shown = self.fold == fold
            honest[shown] = leave_one_fold_out(replace(self.rows, values=said[epoch]), kind="exact")[0][shown]
        return Result(self.name, seconds, EPOCHS * FOLDS, honest, own)

    def measure(self, epochs: int) -> Result:
        """Time alone, scaled up from a few epochs of one fold by the number of batches."""
        shown = self.fold == 0
        start = time.process_time()
        self.train(~shown, shown, epochs)
        seconds = (time.process_time() - start) / (epochs * np.sum(~shown))
        clips = EPOCHS * (FOLDS - 1) * len(self.fold) + FINAL_EPOCHS * len(self.fold)
        return Result(f"{self.name} (scaled up from {epochs} epochs)", seconds * clips, EPOCHS * FOLDS)


def ours(x: np.ndarray, clips: pd.DataFrame) -> Result:
    """The linear head, all folds, with honest thresholds."""
    start = time.process_time()
    probabilities = fold_probabilities(x, clips, {"name": "simulated"}, seed=0)
    honest, _ = leave_one_fold_out(Rows.of(clips, probabilities), kind="exact")
    return Result("our linear head", time.process_time() - start, 0, honest)


def advantage(ours: np.ndarray, kit: np.ndarray, clips: pd.DataFrame) -> str:
    """Score of our head's decisions (n, 6) minus that of the kit's, both honest, and its 90 % interval over persons."""
    rows = Rows.of(clips)
    comparison = gain_and_interval(*(sums_of_persons(rows, decided) for decided in (kit, ours)))
    low, high = comparison["interval"]
    return f"{comparison['gain']['score']:+.3f} ({low:+.3f} to {high:+.3f})"


def plain_grid_seconds(clips: pd.DataFrame, alphas: int = 2) -> float:
    """CPU time of one grid of the kit on one fold, row by row, from a few of its 20 alphas."""
    truth = true_saliences(clips)[clips["fold"] == 0]
    values = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), size=len(truth))
    start = time.process_time()
    grid_search(values, truth, OFFICIAL_GRID[:alphas], OFFICIAL_GRID)
    return (time.process_time() - start) * len(OFFICIAL_GRID) / alphas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=2456)
    parser.add_argument("--dims", type=int, default=1024)
    parser.add_argument("--train", nargs="*", default=["linear", "256"], help="linear, or a hidden width")
    parser.add_argument("--time", nargs="*", default=["512"], help="hidden widths that are only timed")
    parser.add_argument("--timed-epochs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)
    rng = np.random.default_rng(0)
    clips = simulate_clips(options.clips, rng)
    x = simulate_features(clips, options.dims, rng)
    truth = true_saliences(clips)

    head = sorted((ours(x, clips) for _ in range(3)), key=lambda result: result.seconds)[1]
    results = [Kit(x, clips, 0 if name == "linear" else int(name)).run() for name in options.train]
    results += [Kit(x, clips, int(name)).measure(options.timed_epochs) for name in options.time]
    grid = plain_grid_seconds(clips)

    print(f"| {len(x):,} clips x {x.shape[1]:,} features | CPU s | x ours | CPU s with the kit's own grid | x ours "
          "| honest ACC_presence / ACC_salience | honest Score | Score by its own choice "
          "| ours minus it, honest (90 % over persons) |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for result in [head, *results]:
        slow = result.seconds + result.grids * grid
        line = [result.name, f"{result.seconds:,.1f}", f"{result.seconds / head.seconds:,.1f}"]
        line += [f"{slow:,.0f}", f"{slow / head.seconds:,.0f}"] if result.grids else ["", ""]
        if result.honest is None or head.honest is None:
            line += [""] * 4
        else:
            metrics = scores(result.honest, truth)
            line += [f"{metrics['acc_presence']:.3f} / {metrics['acc_salience']:.3f}", f"{metrics['score']:.3f}"]
            if result.own is not None:
                line += [f"{scores(result.own, truth)['score']:.3f}", advantage(head.honest, result.honest, clips)]
            else:
                line += ["", ""]
        print("| " + " | ".join(line) + " |", flush=True)
    print(
        f"\nThe kit's own grid: {grid:.1f} s for a fold, timed on {2 * len(OFFICIAL_GRID)} of its cells and multiplied."
    )


if __name__ == "__main__":
    main()
