"""Which layers of a frozen network tell emotions apart: the honest Score of the linear head on every range of layers."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from blemore.evaluate.drawing import INK, WARNING, colour_bar, dressed, legend, new_figure
from blemore.learning.heads.run import fold_probabilities, read_layers
from blemore.scoring.decoders import leave_one_fold_out
from blemore.scoring.intervals import counted, interval_over_persons
from blemore.scoring.persons import accuracies, score_gain, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled
from joblineage.errors import DataError
from joblineage.progress import Steps

PAPER = (6, 12)
"""The layers that arXiv 2603.23650 found best for Wav2Vec2: here a hypothesis."""
COLUMNS = ("encoder", "first", "last", "acc_presence", "acc_salience", "score", "score_low", "score_high", "persons")


@dataclass(frozen=True)
class LayerStudy:
    """What the ranges of one encoder's layers reach.

    Parameters
    ----------
    table : DataFrame
        One row per range, columns as `COLUMNS`; the interval is 90 %, over `persons`, how many.
    best : (int, int)
        The range with the largest Score; a tie goes to the earlier first, then last layer.
    picked : float, 0..1
        Score where each fold's range is the best one on the other folds: what picking by such a table is worth.
    paper : (float, float, float) or None
        Score of `best` minus that of the paper's layers, with the ends of its paired 90 % interval; None where the
        network does not have these layers.
    seconds : float, s
        CPU time of one range, mean.
    """

    table: pd.DataFrame
    best: tuple[int, int]
    picked: float
    paper: tuple[float, float, float] | None
    seconds: float


def study_layers(features: Path, clips: pd.DataFrame, name: str, *, seed: int) -> LayerStudy:
    """Fit the linear head on the mean of every range of layers, out of fold, and decide with thresholds of other folds.

    Parameters
    ----------
    features : Path
        Features file of an encoder that keeps all layers, (layers, d) a clip.
    clips : DataFrame
        Clips table; usable train clips count, those without features are left out.
    name : str
        Name of the encoder, for the table.
    seed : int, >= 0
        Decides what the heads draw.

    Returns
    -------
    LayerStudy
        What each range reaches.

    Raises
    ------
    DataError
        Features without layers, or clips without features.
    """
    clips = labelled(clips)
    layers, present = read_layers(features, clips["clip"])
    if layers.ndim < 3:
        raise DataError(str(features), ["its features hold no layers: only an encoder that keeps them can be studied"])
    clips = clips[present].reset_index(drop=True)
    rows = replace(Rows.of(clips), clip=None)
    number = layers.shape[1]
    ranges = [(first, last) for first in range(number) for last in range(first, number)]
    by_range = []
    start = time.process_time()
    with Steps(f"layers of {name}", len(ranges), every=10) as steps:
        for first, last in ranges:
            if first == last:
                total = np.zeros(layers[:, 0].shape, np.float32)
            total += layers[:, last]
            x = (total / np.float32(last - first + 1)).reshape(len(clips), -1)
            probabilities = fold_probabilities(x, clips, {"name": name}, seed=seed)
            decided, _ = leave_one_fold_out(replace(rows, values=probabilities))
            by_range.append(sums_of_persons(rows, decided))
            steps.advance(1, f"layers {first} to {last}")
    seconds = (time.process_time() - start) / len(ranges)

    sums = np.stack(by_range)  # (n_ranges, persons, 4)
    presence, salience, scores = accuracies(sums.sum(axis=1))  # each (n_ranges,)
    of_persons = np.moveaxis(sums, 1, 0)  # (persons, n_ranges, 4)
    low, high = np.clip(interval_over_persons(lambda total: accuracies(total)[2], of_persons), 0, 1)
    values = dict(acc_presence=presence, acc_salience=salience, score=scores, score_low=low, score_high=high,
        persons=int(counted(of_persons).sum()))  # fmt: skip
    table = pd.DataFrame(ranges, columns=["first", "last"]).assign(encoder=name, **values)

    best = int(np.argmax(scores))
    picked = np.zeros(4)
    for fold in rows.folds:
        inside = np.isin(np.arange(len(rows.persons)), rows.person[rows.fold == fold])
        picked += sums[np.argmax(accuracies(sums[:, ~inside].sum(axis=1))[2]), inside].sum(axis=0)
    paper = None
    if PAPER in ranges:
        papers = ranges.index(PAPER)
        low, high = interval_over_persons(score_gain, sums[papers], sums[best])
        paper = (float(scores[best] - scores[papers]), float(low), float(high))
    return LayerStudy(table[list(COLUMNS)], ranges[best], float(accuracies(picked)[2]), paper, seconds)


def draw_layers(study: LayerStudy) -> Figure:
    """Draw the Score of every range: first layer across, last layer up, the best and the paper's range marked.

    Parameters
    ----------
    study : LayerStudy
        What `study_layers` gave.

    Returns
    -------
    Figure
        The figure.
    """
    table = study.table
    side = int(table["last"].max()) + 1
    scores = np.full((side, side), np.nan)
    scores[table["last"], table["first"]] = table["score"]
    figure = new_figure(f"Honest Score of the layers of {table['encoder'].iloc[0]}", 6.4, 5.2)
    axes = figure.subplots()
    image = axes.imshow(scores, cmap="viridis", origin="lower", interpolation="nearest")
    colour_bar(figure, image, "Score, out-of-fold, thresholds of other folds")
    marks = [(study.best, WARNING, "-", f"best here: {study.best[0]} to {study.best[1]}")]
    if study.paper is not None:
        marks.append((PAPER, INK, ":", f"arXiv 2603.23650: {PAPER[0]} to {PAPER[1]}"))
    for (first, last), colour, line, label in marks:
        place = (first - 0.5, last - 0.5)
        axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=colour, linestyle=line, linewidth=2.4, label=label))
    axes.set(xlabel="first layer (0: what enters the first)", ylabel="last layer")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes, loc="lower right")
    return dressed(figure)
