"""How the study's figures look and are written: PNG for `results/plots`, SVG for the report.

The same input gives the same bytes: no global state, no date, no version inside. Colours that stand side by side differ
in lightness too, for readers who see no colours and for print in grey.
"""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from joblineage.files import write_bytes

INK, MUTED, GRID, WARNING = "#1f2933", "#7b8794", "#e4e7eb", "#b44d12"
ON_COLOUR = "#1b2530"
"""Ink on a coloured ground, which no dark mode changes."""
PRESENCE, SALIENCE = "#0f609b", "#e07b39"
PRESENCE_PART, SALIENCE_PART = "#86bde4", "#f9d9c0"
BLUES = LinearSegmentedColormap.from_list("blues", ("#f2f6fa", PRESENCE))
STYLED = {INK: "--ink", MUTED: "--muted", GRID: "--line", PRESENCE: "--presence", SALIENCE: "--salience"}
STYLED |= {PRESENCE_PART: "--presence-part", SALIENCE_PART: "--salience-part"}
"""Colours that an SVG leaves to the page's style sheet, so that they follow its dark mode."""
FONTS = ["DejaVu Sans", "Verdana", "sans-serif"]
DASHES = (0, (4, 3))
PNG_WIDTH, PNG_DPI = 6.4, 140
"""Inches that a PNG has at least, for its title and note."""


def new_figure(title: str, width: float, height: float) -> Figure:
    """Make an empty figure; `save_png` writes the title above it, a page has a heading of its own.

    Parameters
    ----------
    title : str
        What it shows.
    width, height : float, inches
        Its sides.

    Returns
    -------
    Figure
        The figure.
    """
    return Figure(figsize=(width, height), layout="constrained", label=title)


def colour_bar(figure: Figure, image: Any, label: str, **options: Any) -> None:
    """Show what the colours of a heat map mean.

    Parameters
    ----------
    figure : Figure
        The figure.
    image : object
        What was drawn: an image or a mesh.
    label : str
        What the colours stand for.
    **options : object
        Options of matplotlib's `colorbar`.
    """
    bar = figure.colorbar(image, ax=figure.axes, pad=0.02, **options)
    bar.set_label(label)
    bar.outline.set_visible(False)


def legend(where: Figure | Axes, **options: Any) -> None:
    """Draw the legend of one panel, or of the whole figure beside its panels.

    Parameters
    ----------
    where : Figure or Axes
        The figure or the panel.
    **options : object
        Options of matplotlib's `legend`.
    """
    framed = isinstance(where, Axes)
    looks = {"frameon": framed, "framealpha": 0.92, "edgecolor": "none", "fontsize": 8.5, "handlelength": 1.3}
    where.legend(**looks, labelcolor=INK, **options)


def dressed(figure: Figure) -> Figure:
    """Give the axes the looks of the study: left and below only, small labels, grid behind the data.

    Parameters
    ----------
    figure : Figure
        The figure.

    Returns
    -------
    Figure
        The same figure.
    """
    for axes in figure.axes:
        axes.tick_params(colors=INK, labelsize=9, length=2.5)
        axes.set_axisbelow(True)
        axes.xaxis.label.set(color=INK, fontsize=9)
        axes.yaxis.label.set(color=INK, fontsize=9)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom") and spine.get_visible())
            spine.set_color(MUTED)
    return figure


def save_png(path: str | Path, figure: Figure, note: str | None = None) -> None:
    """Write the figure under its title.

    Parameters
    ----------
    path : str or Path
        The PNG file.
    figure : Figure
        The figure.
    note : str or None
        A line under the title (for the demo `evaluate.summary.DEMO_NOTE`).
    """
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, PNG_WIDTH), height + 0.4)
    figure.suptitle(str(figure.get_label()), x=0.01, ha="left", fontsize=12, weight="bold", color=INK)
    if note is not None:
        figure.axes[0].set_title(note, loc="left", fontsize=8.5, color=WARNING)
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI, facecolor="white", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def svg(figure: Figure, name: str, alt: str) -> Markup:
    """The figure as an SVG element on a transparent ground.

    Parameters
    ----------
    figure : Figure
        The figure.
    name : str
        Name of the figure; no other one on the page has it, so that their identifiers differ.
    alt : str
        What it shows, for those who do not see it.

    Returns
    -------
    Markup
        The element.
    """
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    settings = {"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif", "font.sans-serif": FONTS}
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
