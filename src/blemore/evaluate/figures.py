"""The study's figures: what `results/plots` holds and what the report shows is drawn here.

Every function draws one figure and gives it back; `drawing.save_png` and `drawing.svg` write it. Figures of the report
are narrow enough for a phone.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from blemore.encoders.labels import label
from blemore.evaluate.drawing import (  # fmt: skip
    BLUES,
    DASHES,
    GRID,
    INK,
    MUTED,
    ON_COLOUR,
    PRESENCE,
    PRESENCE_PART,
    SALIENCE,
    SALIENCE_PART,
    WARNING,
    colour_bar,
    dressed,
    legend,
    new_figure,
)
from blemore.scoring.labels import CLASSES, NAMES
from blemore.scoring.metrics import presence_correct
from blemore.scoring.surface import Attainable, surface

WIDTH = 3.8
"""Inches of a figure that a phone shows at its full width; its text is then as large as the page's small print."""
ROW_HEIGHT = 0.3
"""Inches for one encoder."""
OUTCOMES = {
    "the set is right": PRESENCE,
    "one of two emotions": PRESENCE_PART,
    "one right, one wrong": SALIENCE_PART,
    "nothing right": SALIENCE,
}
STEPS = 161
"""Thresholds along each side of the heat map."""
HIGHEST_ALPHA = 0.55
"""Alpha above 0.5 never yields a blend: the surface is flat beyond."""


def draw_surface(values: np.ndarray, truth: np.ndarray, best: Mapping[str, Any] | None = None) -> Figure:
    """Score over alpha and beta, the best thresholds of all clips and without each fold, and the plateau.

    Parameters
    ----------
    values : (n, 6) float, 0..1
        Fused probabilities of labelled clips under the final weights.
    truth : (n, 6) float, percent
        Saliences in percent.
    best : mapping of str to object, or None
        "alpha", "beta", "score", "standard_error" of the best thresholds, and "folds" {fold: {"alpha", "beta"}}; a line
        encloses what lies within one standard error. None: the surface alone.

    Returns
    -------
    Figure
        The figure.
    """
    alphas, betas = np.linspace(0, HIGHEST_ALPHA, STEPS), np.linspace(0, 1, STEPS)
    scores = surface(Attainable(values, truth), alphas, betas).score()
    figure = new_figure("Score over both thresholds", WIDTH, 4.4)
    axes = figure.subplots()
    image = axes.pcolormesh(alphas, betas, scores.T, cmap="viridis", shading="nearest", rasterized=True)
    colour_bar(figure, image, "Score on all train clips, out-of-fold", location="bottom", aspect=30)
    handles: list[Any] = []
    if best is not None:
        folds = list(best["folds"].values())
        axes.plot(
            [fold["alpha"] for fold in folds], [fold["beta"] for fold in folds], "o", color="white", markersize=5.5,
            markeredgecolor=ON_COLOUR, markeredgewidth=0.9, label="best without one fold",
        )  # fmt: skip
        axes.plot(
            best["alpha"], best["beta"], "*", color=WARNING, markersize=13, markeredgecolor="white",
            label="best of all clips",
        )  # fmt: skip
        handles, _ = axes.get_legend_handles_labels()
        inside = (scores >= best["score"] - best["standard_error"]).T
        if inside.any() and not inside.all():
            axes.contour(alphas, betas, inside.astype(float), levels=[0.5], colors=ON_COLOUR, linewidths=1.2)
            handles.append(Line2D([], [], color=INK, linewidth=1.2, label="within one standard error of the best"))
    axes.set(xlabel="alpha (presence)", ylabel="beta (salience)", xlim=(0, HIGHEST_ALPHA), ylim=(0, 1))
    legend(figure, loc="outside lower left", handles=handles)
    return dressed(figure)


def draw_encoders(summary: Mapping[str, Any]) -> Figure:
    """ACC_presence and ACC_salience of the fusion and every encoder alone, with 90 % intervals and the trivial answer.

    Parameters
    ----------
    summary : mapping of str to object
        As made by `evaluate.summary.summarise`.

    Returns
    -------
    Figure
        The figure.
    """
    alone = sorted(summary["encoders"].items(), key=lambda item: item[1]["acc_presence"])
    fused = [(f"fused, {name.replace('_', ' ')}", entry) for name, entry in reversed(summary["variants"].items())]
    entries = alone + fused
    places = np.arange(len(entries)) + 0.6 * (np.arange(len(entries)) >= len(alone))
    figure = new_figure("What each encoder sees alone, and what fusion adds", 7.6, 1.5 + ROW_HEIGHT * len(entries))
    panels = [
        ("acc_presence", "ACC_presence, share of clips", PRESENCE),
        ("acc_salience", "ACC_salience, share of blends", SALIENCE),
    ]
    panels = [panel for panel in panels if summary["trivial"][panel[0]] is not None]  # there may be no blends
    drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (metric, name, colour) in zip(drawn, panels, strict=True):
        for place, (_, entry) in zip(places, entries, strict=True):
            low, high = entry["interval"][metric]
            axes.plot([low, high], [place, place], color=colour, alpha=0.35, linewidth=5, solid_capstyle="round")
            axes.plot(entry[metric], place, "o", color=colour, markersize=6, clip_on=False)
            axes.annotate(
                f"{entry[metric]:.3f}", (high, place), (7, 0), textcoords="offset points", va="center", fontsize=8,
                color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
        chance = summary["trivial"][metric]
        axes.axvline(chance, color=MUTED, linestyle=DASHES, linewidth=1)
        axes.annotate(
            "commonest label", (chance, 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="top", fontsize=8, color=MUTED, rotation=90,
        )  # fmt: skip
        axes.set(xlabel=name, xlim=(0, 1.18 * max(entry["interval"][metric][1] for _, entry in entries) + 0.02))
        axes.set_yticks(places, [_label(name, entry) for name, entry in entries])
        axes.grid(axis="x", color=GRID, linewidth=0.8)
    number = summary["trivial"]["persons"]
    words = f"on out-of-fold decisions of train clips; bars: 90 % interval over {number} persons"
    figure.supxlabel(words, fontsize=9, color=MUTED)
    return dressed(figure)


def _label(name: str, entry: Mapping[str, Any]) -> str:
    """An encoder's label, and what keeps its figures from being judged."""
    doubts = [entry["origin"]] if entry.get("origin") in ("random", "stand-in") else []
    doubts += ["disjointness unknown"] if entry.get("disjointness") == "unknown" else []
    return f"{label(name)} ({', '.join(doubts)})" if doubts else label(name)


def draw_weights(weights: Mapping[str, Any]) -> Figure:
    """Fusion weights: a bar for test clips' weights, a dot for each fold left out.

    Parameters
    ----------
    weights : mapping of str to object
        {"final": {encoder: weight}, "folds": {fold: {encoder: weight}}}.

    Returns
    -------
    Figure
        The figure.
    """
    names = sorted(weights["final"], key=lambda name: weights["final"][name])
    figure = new_figure("Fusion weights", 6.4, 1.5 + ROW_HEIGHT * len(names))
    axes, places = figure.subplots(), np.arange(len(names))
    axes.barh(places, [weights["final"][name] for name in names], color=PRESENCE, height=0.62, label="for test clips")
    for number, fold in enumerate(weights["folds"].values()):
        axes.plot(
            [fold[name] for name in names], places, "o", markersize=4.5, color="white", markeredgecolor=INK,
            markeredgewidth=0.8, clip_on=False, zorder=3, label="_" if number else "without one fold",
        )  # fmt: skip
    highest = max(max(fold.values()) for fold in (weights["final"], *weights["folds"].values()))
    axes.axvline(1 / len(names), color=MUTED, linestyle=DASHES, linewidth=1, label="equal weights")
    axes.set(xlabel="weight (all weights sum to one)", xlim=(0, 1.06 * highest))
    axes.set_yticks(places, [label(name) for name in names])
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    legend(axes, loc="lower right")
    return dressed(figure)


def draw_curves(curves: pd.DataFrame, columns: int = 3) -> Figure:
    """Training loss over epochs, one panel per encoder, one line per fold; dashed: soft cross-entropy of inner persons.

    Parameters
    ----------
    curves : DataFrame
        As made by `folds.join_curves`: columns encoder, fold, epoch, loss, inner_loss, the last empty where no persons
        of the training set were set aside; without any row the figure says so.
    columns : int
        Most panels in a row.

    Returns
    -------
    Figure
        The figure.
    """
    names = sorted(curves["encoder"].unique())
    columns = min(columns, max(1, len(names)))
    rows = -(-max(1, len(names)) // columns)
    figure = new_figure("Training loss", 1.2 + 3.2 * columns, 1.2 + 2.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for position, (axes, name) in enumerate(zip(panels, names, strict=False)):
        trained = curves[curves["encoder"] == name]
        folds = list(trained.groupby("fold"))
        for k, (fold, curve) in enumerate(folds):
            shade = 0.35 + 0.6 * k / max(1, len(folds) - 1)
            axes.plot(curve["epoch"], curve["loss"], color=PRESENCE, alpha=shade, linewidth=1.6, label=f"fold {fold}")
            if curve["inner_loss"].notna().any():
                axes.plot(curve["epoch"], curve["inner_loss"], "--", color=SALIENCE, alpha=shade, linewidth=1.4)
        axes.set(xlabel="epoch", ylabel="loss (KL divergence, nats)" if position % columns == 0 else "")
        inner = trained["inner_loss"].notna().any()
        if inner:
            axes.plot([], [], "--", color=SALIENCE, label="inner persons (cross-entropy)")
        if inner or position == 0:
            legend(axes, loc="lower left")
        axes.annotate(
            label(name), (0.97, 0.94), xycoords="axes fraction", ha="right", va="top", weight="bold", color=INK
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=GRID, linewidth=0.8)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    if not names:
        panels[0].annotate("no encoder of this study is trained", (0.5, 0.5), xycoords="axes fraction", ha="center")
    return dressed(figure)


def draw_confusion(decided: np.ndarray, truth: np.ndarray) -> Figure:
    """Which set of emotions is taken for which, in percent of the true set's clips; sets that occur only.

    Parameters
    ----------
    decided, truth : (n, 6) int, percent
        Saliences.

    Returns
    -------
    Figure
        The figure.
    """
    sets, places = _sets(np.concatenate([truth, decided]))
    counts = np.zeros((len(sets), len(sets)))
    np.add.at(counts, (places[: len(truth)], places[len(truth) :]), 1)
    shares = counts / np.maximum(counts.sum(axis=1), 1)[:, None]
    side = 1.4 + 0.27 * len(sets)
    figure = new_figure("Which set of emotions is taken for which", side + 0.3, side)
    axes = figure.subplots()
    darkest = max(0.5, float(shares.max()))
    axes.imshow(shares, cmap=BLUES, vmin=0, vmax=darkest, interpolation="nearest")
    for row, column in np.argwhere(shares >= 0.05):
        ink = "white" if shares[row, column] > 0.55 * darkest else ON_COLOUR
        axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7.5, color=ink)
    singles = sum(sum(row) == 1 for row in sets) - 0.5
    axes.axhline(singles, color=MUTED, linewidth=0.8)
    axes.axvline(singles, color=MUTED, linewidth=0.8)
    axes.set_xticks(range(len(sets)), list(map(_name, sets)), rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(sets)), _counted(sets, counts.sum(axis=1)))
    axes.set(xlabel="decided (cells: percent of the true set's clips)", ylabel="true (clips)")
    return dressed(figure)


def draw_outcomes(decided: np.ndarray, truth: np.ndarray) -> Figure:
    """For each true set of emotions, the shares of its clips by how much of the set was decided.

    Parameters
    ----------
    decided, truth : (n, 6) int, percent
        Saliences.

    Returns
    -------
    Figure
        The figure.
    """
    sets, of_row = _sets(truth)
    said, shown = decided > 0, truth > 0
    right, shared = presence_correct(decided, truth), (said & shown).any(axis=1)
    alone = shared & ~right & ~(said & ~shown).any(axis=1)
    parts = [right, alone, shared & ~right & ~alone, ~shared]
    clips = np.bincount(of_row, minlength=len(sets))
    figure = new_figure("What becomes of each set of emotions", WIDTH, 1.1 + 0.235 * len(sets))
    axes, left = figure.subplots(), np.zeros(len(sets))
    for (words, colour), part in zip(OUTCOMES.items(), parts, strict=True):
        shares = np.bincount(of_row, part, minlength=len(sets)) / clips
        axes.barh(np.arange(len(sets)), shares, left=left, color=colour, height=0.74, label=words)
        left += shares
    axes.set_yticks(range(len(sets)), _counted(sets, clips))
    axes.set(xlim=(0, 1), ylim=(len(sets) - 0.4, -0.6), xlabel="share of the true set's clips")
    legend(figure, loc="outside lower left", ncols=2)
    return dressed(figure)


def draw_calibration(classes: Mapping[str, list[Mapping[str, Any]]]) -> Figure:
    """Mean true share of a class against the probability it was given, one panel per class.

    Parameters
    ----------
    classes : mapping of str to list
        {class: [{"low", "high", "clips", "predicted", "shown"}]}; empty bins hold None.

    Returns
    -------
    Figure
        The figure.
    """
    rows = max(1, -(-len(classes) // 2))
    figure = new_figure("Probability given and share of the truth", WIDTH, 0.4 + 1.65 * rows)
    panels = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
    most = max((part["clips"] for bins in classes.values() for part in bins), default=1) or 1
    for axes, name in zip(panels, sorted(classes, key=CLASSES.index), strict=False):
        filled = [part for part in classes[name] if part["predicted"] is not None and part["shown"] is not None]
        x, y = ([part[key] for part in filled] for key in ("predicted", "shown"))
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle=DASHES, linewidth=1)
        axes.plot(x, y, color=PRESENCE, linewidth=1.4)
        sizes = [8 + 50 * part["clips"] / most for part in filled]
        axes.scatter(x, y, s=sizes, color=PRESENCE, zorder=3, clip_on=False)
        for part, across, up in zip(filled, x, y, strict=True):
            axes.annotate(
                f"{part['clips']}", (across, up), (0, 7 if up < 0.85 else -12), textcoords="offset points", ha="center",
                fontsize=7.5, color=MUTED,
            )  # fmt: skip
        axes.set_title(NAMES[name], loc="left", fontsize=9.5, color=INK)
        axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.grid(color=GRID, linewidth=0.8)
    for axes in panels[len(classes) :]:
        axes.set_axis_off()
    figure.supxlabel("probability given", fontsize=9, color=INK)
    figure.supylabel("mean true share", fontsize=9, color=INK)
    return dressed(figure)


def _sets(saliences: np.ndarray) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """The sets of classes that occur, singles first, in class order; and (n,) the set of each row."""
    shown = (np.asarray(saliences) > 0).astype(int).tolist()
    sets = sorted({tuple(row) for row in shown}, key=lambda row: (sum(row), np.flatnonzero(row).tolist()))
    number = {row: k for k, row in enumerate(sets)}
    return sets, np.array([number[tuple(row)] for row in shown])


def _name(row: tuple[int, ...]) -> str:
    return "+".join(name for name, there in zip(CLASSES, row, strict=True) if there)


def _counted(sets: list[tuple[int, ...]], clips: np.ndarray) -> list[str]:
    """The sets' names, each with its number of clips."""
    return [f"{_name(row)}  ({n:.0f})" for row, n in zip(sets, clips, strict=True)]
