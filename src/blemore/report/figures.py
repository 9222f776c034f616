"""The page's drawings as inline SVG, narrow enough for a phone: the same input gives the same bytes.

Colours that the page names (ink, lines, the two accuracies) are left to its style sheet, so that they follow its dark mode.
"""

import io
import re
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from blemore.evaluate.figures import GRID, HIGHEST_ALPHA, INK, MUTED, PRESENCE, SALIENCE, WARNING
from blemore.scoring.labels import CLASSES, NAMES
from blemore.scoring.metrics import true_saliences
from blemore.scoring.surface import surface

WIDTH = 3.8
"""Inches of a figure that a phone shows at its full width; its text is then about as large as the page's small print."""
STEPS = 161
"""Thresholds along each side of the heat map."""
ON_CELL = "#1b2530"
"""Ink on a coloured cell, which no dark mode changes."""
BLUES = ("#f2f6fa", "#0f609b")
PRESENCE_PART, SALIENCE_PART = "#7fb2d6", "#f0b48a"
STYLED = {INK: "--ink", MUTED: "--muted", GRID: "--line", PRESENCE: "--presence", SALIENCE: "--salience"}
STYLED |= {PRESENCE_PART: "--presence-part", SALIENCE_PART: "--salience-part"}
FONTS = ["DejaVu Sans", "Verdana", "sans-serif"]
OUTCOMES = {
    "the set is right": PRESENCE,
    "one of two emotions": PRESENCE_PART,
    "one right, one wrong": SALIENCE_PART,
    "nothing right": SALIENCE,
}


def surface_svg(
    values: np.ndarray,
    truth: np.ndarray,
    thresholds: Mapping[str, Any],
    plateau: Mapping[str, Any] | None,
    alt: str,
) -> Markup:
    """Score over alpha and beta; the region within one standard error of the best; the thresholds chosen.

    Parameters
    ----------
    values : (n, 6) fused probabilities of labelled clips under the final weights; truth : (n, 6) saliences in percent.
    thresholds : {"final": {"alpha", "beta"}, "folds": {fold: the same}}.
    plateau : {"score", "standard_error"} or None.
    """
    alphas, betas = np.linspace(0, HIGHEST_ALPHA, STEPS), np.linspace(0, 1, STEPS)
    scores = surface(values, truth, alphas, betas).score()
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    axes = figure.subplots()
    image = axes.pcolormesh(alphas, betas, scores.T, cmap="viridis", shading="nearest", rasterized=True)
    bar = figure.colorbar(image, ax=axes, location="bottom", shrink=0.9, pad=0.02, aspect=30)
    bar.set_label("Score on all train clips, out-of-fold", color=INK)
    bar.outline.set_visible(False)
    if plateau is not None:
        lowest = plateau["score"] - plateau["standard_error"]
        inside = (scores >= lowest).T
        if inside.any() and not inside.all():
            axes.contour(alphas, betas, inside.astype(float), levels=[0.5], colors="white", linewidths=1.6)
    folds = pd.DataFrame(list(thresholds["folds"].values()), columns=["alpha", "beta"])
    axes.scatter(folds["alpha"], folds["beta"], s=30, facecolor="white", edgecolor="#1b2530", linewidth=0.9)
    final = thresholds["final"]
    axes.scatter(final["alpha"], final["beta"], s=150, marker="*", facecolor=WARNING, edgecolor="white")
    axes.set(xlabel="alpha (presence)", ylabel="beta (salience)", xlim=(0, HIGHEST_ALPHA), ylim=(0, 1))
    return _svg(figure, "surface", alt)


def outcomes_svg(decided: np.ndarray, truth: np.ndarray, alt: str) -> Markup:
    """For each true set of emotions, the shares of its clips by how much of the set was decided.

    Parameters
    ----------
    decided, truth : (n, 6) saliences in percent.
    """
    sets, of_row = _sets(truth)
    said, shown = decided > 0, truth > 0
    right, shared = (said == shown).all(axis=1), (said & shown).any(axis=1)
    alone = shared & ~right & ~(said & ~shown).any(axis=1)
    parts = [right, alone, shared & ~right & ~alone, ~shared]
    clips = np.bincount(of_row, minlength=len(sets))
    figure = Figure(figsize=(WIDTH, 1.1 + 0.235 * len(sets)), layout="constrained")
    axes = figure.subplots()
    left = np.zeros(len(sets))
    for (label, colour), part in zip(OUTCOMES.items(), parts, strict=True):
        shares = np.bincount(of_row, part, minlength=len(sets)) / clips
        axes.barh(np.arange(len(sets)), shares, left=left, color=colour, height=0.74, label=label)
        left += shares
    axes.set_yticks(range(len(sets)), [f"{name}  ({n})" for name, n in zip(map(_name, sets), clips, strict=True)])
    axes.set(xlim=(0, 1), ylim=(len(sets) - 0.4, -0.6), xlabel="share of the true set's clips")
    figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8.5, handlelength=1.1, labelcolor=INK)
    return _svg(figure, "outcomes", alt)


def confusion_svg(decided: np.ndarray, truth: np.ndarray, alt: str) -> Markup:
    """Which set of emotions is taken for which, in percent of the true set's clips.

    Parameters
    ----------
    decided, truth : (n, 6) saliences in percent.
    """
    sets, places = _sets(np.concatenate([truth, decided]))
    counts = np.zeros((len(sets), len(sets)))
    np.add.at(counts, (places[: len(truth)], places[len(truth) :]), 1)
    shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
    side = 1.4 + 0.27 * len(sets)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    darkest = max(0.5, float(shares.max()))
    colours = matplotlib.colors.LinearSegmentedColormap.from_list("blues", BLUES)
    axes.imshow(shares, cmap=colours, vmin=0, vmax=darkest, interpolation="nearest")
    for row, column in np.argwhere(shares >= 0.05):
        colour = "white" if shares[row, column] > 0.55 * darkest else ON_CELL
        axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7.5, color=colour)
    singles = sum(sum(row) == 1 for row in sets) - 0.5
    axes.axhline(singles, color=MUTED, linewidth=0.8)
    axes.axvline(singles, color=MUTED, linewidth=0.8)
    axes.set_xticks(range(len(sets)), list(map(_name, sets)), rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(sets)), list(map(_name, sets)))
    axes.set(xlabel="decided", ylabel="true")
    return _svg(figure, "confusion", alt)


def calibration_svg(classes: Mapping[str, list[Mapping[str, Any]]], alt: str) -> Markup:
    """Mean true share of a class against the probability it was given, one panel per class.

    Parameters
    ----------
    classes : {class: [{"low", "high", "clips", "predicted", "shown"}]}; empty bins hold None.
    """
    rows = -(-len(classes) // 2)
    figure = Figure(figsize=(WIDTH, 0.4 + 1.65 * max(1, rows)), layout="constrained")
    panels = figure.subplots(max(1, rows), 2, sharex=True, sharey=True, squeeze=False).ravel()
    most = max((part["clips"] for bins in classes.values() for part in bins), default=1) or 1
    for axes, name in zip(panels, sorted(classes, key=CLASSES.index), strict=False):
        bins = classes[name]
        filled = [part for part in bins if part["predicted"] is not None and part["shown"] is not None]
        x, y = ([part[key] for part in filled] for key in ("predicted", "shown"))
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        axes.plot(x, y, color=PRESENCE, linewidth=1.4)
        sizes = [8 + 50 * part["clips"] / most for part in filled]
        axes.scatter(x, y, s=sizes, color=PRESENCE, zorder=3, clip_on=False)
        axes.set_title(NAMES[name], loc="left", fontsize=9.5, color=INK)
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.grid(color=GRID, linewidth=0.8)
    for axes in panels[len(classes) :]:
        axes.set_axis_off()
    figure.supxlabel("probability given", fontsize=9, color=INK)
    figure.supylabel("mean true share", fontsize=9, color=INK)
    return _svg(figure, "calibration", alt)


def view_rows(views: pd.DataFrame, clips: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """(n, 6) probabilities of one view's labelled train clips, and their (n, 6) true saliences in percent."""
    train = clips[(clips["split"] == "train") & clips["clip"].isin(views["clip"])]
    return views.set_index("clip").loc[train["clip"], list(CLASSES)].to_numpy(float), true_saliences(train)


def _sets(saliences: np.ndarray) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """The sets of classes that occur, singles first, in class order; and (n,) the set of each row."""
    shown = (np.asarray(saliences) > 0).astype(int).tolist()
    found = sorted({tuple(row) for row in shown}, key=lambda row: (sum(row), np.flatnonzero(row).tolist()))
    number = {row: k for k, row in enumerate(found)}
    return found, np.array([number[tuple(row)] for row in shown])


def _name(row: tuple[int, ...]) -> str:
    return "+".join(name for name, there in zip(CLASSES, row, strict=True) if there)


def _svg(figure: Figure, salt: str, alt: str) -> Markup:
    """The figure as an SVG element: no date, no machine's names, no identifier that another figure has too."""
    for axes in figure.axes:
        axes.tick_params(colors=INK, labelsize=9, length=2.5)
        axes.xaxis.label.set(color=INK, fontsize=9)
        axes.yaxis.label.set(color=INK, fontsize=9)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom") and spine.get_visible())
            spine.set_color(MUTED)
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    settings = {"svg.hashsalt": salt, "svg.fonttype": "none", "font.family": "sans-serif", "font.sans-serif": FONTS}
    buffer = io.StringIO()
    with matplotlib.rc_context(settings):
        FigureCanvasSVG(figure)
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), dpi=110)
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>", "", drawing, flags=re.S)
    drawing = re.sub(r'<(g|image) id="[^"]*"', r"<\1", re.sub(r"<style.*?</style>", "", drawing, flags=re.S))
    drawing = re.sub(r'(<image [^>]*) id="[^"]*"', r"\1", drawing)
    for colour, variable in STYLED.items():
        drawing = drawing.replace(f": {colour}", f": var({variable})")
    width, height = (round(inches * 72, 1) for inches in figure.get_size_inches())
    head = Markup(
        '<svg class="drawing" viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head.format(width, height, alt) + Markup(drawing[drawing.index(">") + 1 :].strip())
