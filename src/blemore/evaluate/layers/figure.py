"""The Score of every range of layers as one picture: first layer across, last layer up."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from blemore.evaluate.figures import INK, WARNING, _axes, _figure, _save
from blemore.evaluate.layers.study import PAPER, LayerStudy


def plot_layers(path: str | Path, study: LayerStudy, *, note: str | None = None) -> None:
    """Write the heat map as PNG: the best range is marked, and the paper's where the network has it.

    Parameters
    ----------
    note : a line under the title, or None.
    """
    table = study.table
    side = int(table["last"].max()) + 1
    scores = np.full((side, side), np.nan)
    scores[table["last"], table["first"]] = table["score"]
    figure = _figure(f"Honest Score of the layers of {table['encoder'].iloc[0]}", 6.4, 5.2)
    axes = _axes(figure, note, grid=None)
    image = axes.imshow(scores, cmap="viridis", origin="lower", interpolation="nearest")
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label("Score, out-of-fold, thresholds of other folds", color=INK)
    bar.outline.set_visible(False)
    marks = [(study.best, WARNING, "-", f"best here: {study.best[0]} to {study.best[1]}")]
    if study.paper is not None:
        marks.append((PAPER, INK, ":", f"arXiv 2603.23650: {PAPER[0]} to {PAPER[1]}"))
    for (first, last), colour, line, label in marks:
        place = (first - 0.5, last - 0.5)
        axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=colour, linestyle=line, linewidth=2.4, label=label))
    axes.set(xlabel="first layer (0: what enters the first)", ylabel="last layer")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower right", frameon=False, fontsize=8.5)
    _save(figure, path)
