"""The study's figures as PNG files: the same input gives the same bytes (no global state, no date, no version inside).

Every function takes tables or dicts as the steps make them, the path to write, and `note`, a line under the title
(for the demo: `calibration.summary.DEMO_NOTE`), or None.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import true_saliences
from blemore.scoring.surface import surface
from joblineage.files import write_bytes

Grid = Literal["x", "y"]
DPI = 120
INK, MUTED, GRID, WARNING = "#1f2933", "#7b8794", "#e4e7eb", "#b44d12"
PRESENCE, SALIENCE = "#0f609b", "#e07b39"
SEQUENTIAL = "Blues"
ROW_HEIGHT = 0.32  # inches for one encoder
SURFACE_STEPS = 241  # thresholds along each side of the heat map
HIGHEST_ALPHA = 0.55  # alpha above 0.5 never yields a blend: the surface is flat beyond


def plot_surface(
    path: str | Path,
    probabilities: pd.DataFrame,
    clips: pd.DataFrame,
    thresholds: Mapping[str, Any],
    *,
    best: Mapping[str, Any] | None = None,
    note: str | None = None,
) -> None:
    """Score over alpha and beta, with the thresholds chosen for test clips and for each fold, and the plateau.

    Parameters
    ----------
    probabilities : probabilities table; the rows of labelled train clips count (the view of the final weights).
    thresholds : {"final": {"alpha", "beta"}, "folds": {fold: {"alpha", "beta"}}} of one variant.
    best : {"score", "standard_error"} of the best thresholds; a line encloses what lies within one standard error.
    """
    labelled = clips[(clips["split"] == "train") & clips["clip"].isin(probabilities["clip"])]
    values = probabilities.set_index("clip").loc[labelled["clip"], list(CLASSES)].to_numpy(float)
    alphas, betas = np.linspace(0, HIGHEST_ALPHA, SURFACE_STEPS), np.linspace(0, 1, SURFACE_STEPS)
    scores = surface(values, true_saliences(labelled), alphas, betas).score()
    figure = _figure("Score over both thresholds", 7.2, 4.6)
    axes = _axes(figure, note, grid=None)
    image = axes.pcolormesh(alphas, betas, scores.T, cmap="viridis", shading="nearest", rasterized=True)
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label("Score on all train clips, out-of-fold", color=INK)
    bar.outline.set_visible(False)
    if best is not None:
        level = best["score"] - best["standard_error"]
        axes.contour(alphas, betas, scores.T, levels=[level], colors="white", linewidths=1.1, linestyles="--")
        axes.plot([], [], "--", color=MUTED, linewidth=1.1, label="within one standard error of the best")
    folds = pd.DataFrame(list(thresholds["folds"].values()))
    axes.scatter(
        folds["alpha"],
        folds["beta"],
        s=34,
        facecolor="white",
        edgecolor=INK,
        linewidth=0.9,
        label="chosen without one fold",
    )
    final = thresholds["final"]
    axes.scatter(
        final["alpha"],
        final["beta"],
        s=190,
        marker="*",
        facecolor=WARNING,
        edgecolor="white",
        label="chosen for test clips",
    )
    axes.set(xlabel="alpha (presence)", ylabel="beta (salience)", xlim=(0, HIGHEST_ALPHA), ylim=(0, 1))
    axes.legend(loc="upper right", frameon=True, framealpha=0.92, edgecolor="none", fontsize=8.5)
    _save(figure, path)


def plot_encoders(path: str | Path, summary: Mapping[str, Any], *, note: str | None = None) -> None:
    """ACC_presence and ACC_salience of the fusion and every encoder alone, with 90 % intervals and the trivial answer.

    Parameters
    ----------
    summary : as made by `calibration.summary.summarise`.
    """
    alone = sorted(summary["encoders"].items(), key=lambda item: item[1]["acc_presence"])
    fused = [(f"fused, {name.replace('_', ' ')}", entry) for name, entry in reversed(summary["variants"].items())]
    entries = alone + fused
    places = np.arange(len(entries)) + 0.6 * (np.arange(len(entries)) >= len(alone))
    figure = _figure("What each encoder sees alone, and what fusion adds", 8.6, 1.9 + ROW_HEIGHT * len(entries))
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, metric, name, colour, line in (
        (left, "acc_presence", "ACC_presence", PRESENCE, note),
        (right, "acc_salience", "ACC_salience", SALIENCE, None),
    ):
        _dress(axes, line, grid="x")
        for place, (_, entry) in zip(places, entries, strict=True):
            low, high = entry["interval"][metric]
            axes.plot([low, high], [place, place], color=colour, alpha=0.35, linewidth=5, solid_capstyle="round")
            axes.plot(entry[metric], place, "o", color=colour, markersize=6, clip_on=False)
            axes.annotate(
                f"{entry[metric]:.3f}", (high, place), (7, 0), textcoords="offset points", va="center", fontsize=8,
                color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            )  # fmt: skip
        chance = summary["trivial"][metric]
        axes.axvline(chance, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
        axes.annotate(
            "commonest label", (chance, 1), (3, -3), xycoords=("data", "axes fraction"), textcoords="offset points",
            va="top", fontsize=8, color=MUTED, rotation=90,
        )  # fmt: skip
        axes.set_xlabel(name)
        axes.set_xlim(0, 1.18 * max(entry["interval"][metric][1] for _, entry in entries) + 0.02)
        axes.set_yticks(places, [_label(name, entry) for name, entry in entries])
    figure.supxlabel(
        "on out-of-fold decisions of train clips; bars: 90 % interval over persons", fontsize=9, color=MUTED
    )
    _save(figure, path)


def _label(name: str, entry: Mapping[str, Any]) -> str:
    """An encoder's name, and what keeps its figures from being judged."""
    doubts = [entry["origin"]] if entry.get("origin") in ("random", "stand-in") else []
    doubts += ["disjointness unknown"] if entry.get("disjointness") == "unknown" else []
    return f"{name} ({', '.join(doubts)})" if doubts else name


def plot_weights(path: str | Path, weights: Mapping[str, Any], *, note: str | None = None) -> None:
    """Fusion weights: a bar for test clips' weights, a dot for each fold left out.

    Parameters
    ----------
    weights : {"final": {encoder: weight}, "folds": {fold: {encoder: weight}}}.
    """
    names = sorted(weights["final"], key=lambda name: weights["final"][name])
    figure = _figure("Fusion weights", 7.2, 1.7 + ROW_HEIGHT * len(names))
    axes = _axes(figure, note, grid="x")
    places = np.arange(len(names))
    axes.barh(places, [weights["final"][name] for name in names], color=PRESENCE, height=0.62, label="for test clips")
    for number, fold in enumerate(weights["folds"].values()):
        label = "without one fold" if number == 0 else None
        axes.plot(
            [fold[name] for name in names], places, "o", markersize=4.5, color="white", markeredgecolor=INK,
            markeredgewidth=0.8, clip_on=False, zorder=3, label=label,
        )  # fmt: skip
    highest = max(max(fold.values()) for fold in (weights["final"], *weights["folds"].values()))
    axes.axvline(1 / len(names), color=MUTED, linestyle=(0, (4, 3)), linewidth=1, label="equal weights")
    axes.set(xlabel="weight", xlim=(0, 1.06 * highest))
    axes.set_yticks(places, names)
    axes.legend(loc="lower right", frameon=True, framealpha=0.92, edgecolor="none", fontsize=8.5)
    _save(figure, path)


def plot_confusion(path: str | Path, decisions: pd.DataFrame, clips: pd.DataFrame, *, note: str | None = None) -> None:
    """Which set of emotions is taken for which: share of each true set's clips, sets that occur only.

    Parameters
    ----------
    decisions : rows of one variant as made by `calibration.run.calibrate`; those of train clips count.
    """
    labelled = clips[(clips["split"] == "train") & clips["clip"].isin(decisions["clip"])]
    said = decisions.set_index("clip").loc[labelled["clip"], list(CLASSES)].to_numpy() > 0
    shown = true_saliences(labelled) > 0
    sets = sorted(
        {tuple(row) for row in np.concatenate([said, shown]).tolist()}, key=lambda row: (sum(row), _places(row))
    )
    number = {row: k for k, row in enumerate(sets)}
    counts = np.zeros((len(sets), len(sets)))
    np.add.at(
        counts, ([number[tuple(row)] for row in shown.tolist()], [number[tuple(row)] for row in said.tolist()]), 1
    )
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    names = ["+".join(CLASSES[k] for k in _places(row)) for row in sets]
    side = 2.6 + 0.36 * len(sets)
    figure = _figure("Which set of emotions is taken for which", side + 1.2, side)
    axes = _axes(figure, note, grid=None)
    darkest = max(0.5, shares.max())
    image = axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=darkest, aspect="equal")
    for row, column in np.argwhere(shares >= 0.05):
        dark = shares[row, column] > 0.6 * darkest
        colour = "white" if dark else INK
        axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7, color=colour)
    singles = sum(sum(row) == 1 for row in sets) - 0.5
    axes.axhline(singles, color=MUTED, linewidth=0.8)
    axes.axvline(singles, color=MUTED, linewidth=0.8)
    axes.set_xticks(range(len(sets)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(
        range(len(sets)), [f"{name}  ({total:.0f})" for name, total in zip(names, totals, strict=True)], fontsize=8
    )
    axes.set(xlabel="decided", ylabel="true (clips)")
    bar = figure.colorbar(image, ax=axes, pad=0.02, shrink=0.8, format=PercentFormatter(1))
    bar.set_label("share of the true set's clips", color=INK)
    bar.outline.set_visible(False)
    _save(figure, path)


def plot_curves(path: str | Path, curves: Mapping[str, Mapping[str, pd.DataFrame]], *, note: str | None = None) -> None:
    """Training loss over epochs, one panel per encoder, one line per fold; dashed: soft cross-entropy of inner persons.

    Parameters
    ----------
    curves : {encoder: {fold: table with the columns epoch, loss and inner_loss, the last empty where no persons of the
        training set were set aside}}; without any encoder the figure says so.
    """
    names = sorted(curves)
    columns = min(3, max(1, len(names)))
    rows = -(-max(1, len(names)) // columns)
    figure = _figure("Training loss", 1.2 + 3.2 * columns, 1.2 + 2.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for position, axes in enumerate(panels):
        _dress(axes, note if position == 0 else None, grid="y")
        if position >= len(names):
            axes.set_axis_off()
            continue
        for k, (fold, curve) in enumerate(sorted(curves[names[position]].items())):
            shade = 0.35 + 0.6 * k / max(1, len(curves[names[position]]) - 1)
            axes.plot(curve["epoch"], curve["loss"], color=PRESENCE, alpha=shade, linewidth=1.6, label=f"fold {fold}")
            if curve["inner_loss"].notna().any():
                axes.plot(curve["epoch"], curve["inner_loss"], "--", color=SALIENCE, alpha=shade, linewidth=1.4)
        axes.set(xlabel="epoch", ylabel="loss (KL divergence, nats)" if position % columns == 0 else "")
        if any(curve["inner_loss"].notna().any() for curve in curves[names[position]].values()):
            axes.plot([], [], "--", color=SALIENCE, label="inner persons (cross-entropy)")
            axes.legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
        axes.annotate(names[position], (0.97, 0.94), xycoords="axes fraction", ha="right", va="top", weight="bold")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if not names:
        panels[0].annotate("no encoder of this study is trained", (0.5, 0.5), xycoords="axes fraction", ha="center")
    else:
        panels[0].legend(loc="lower left", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8)
    _save(figure, path)


def _places(row: tuple[bool, ...]) -> list[int]:
    return [k for k, there in enumerate(row) if there]


def _figure(title: str, width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, weight="bold", color=INK)
    return figure


def _axes(figure: Figure, note: str | None, grid: Grid | None) -> Axes:
    axes = figure.subplots()
    _dress(axes, note, grid)
    return axes


def _dress(axes: Axes, note: str | None, grid: Grid | None) -> None:
    if note is not None:
        axes.set_title(note, loc="left", fontsize=9, color=WARNING)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    axes.tick_params(colors=INK, length=3)
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(axis=grid, color=GRID, linewidth=0.8)


def _save(figure: Figure, path: str | Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
