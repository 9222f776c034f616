"""The Score of every range of layers as one picture: first layer across, last layer up."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from blemore.evaluate.drawing import INK, WARNING, colour_bar, dressed, legend, new_figure
from blemore.evaluate.layers.study import PAPER, LayerStudy


def draw_layers(study: LayerStudy) -> Figure:
    """The heat map: the best range is marked, and the paper's where the network has it."""
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
