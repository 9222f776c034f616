"""Figures are the same bytes from the same input, say what their note says, and can be distinguished in grey."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import PERSONAL, study

import blemore
from blemore.decide.run import calibrate
from blemore.evaluate import figures
from blemore.evaluate.drawing import save_png, svg
from blemore.evaluate.reliability import reliability
from blemore.evaluate.summary import DEMO_NOTE, summarise
from blemore.fusion.run import FINAL, fuse
from blemore.scoring.rows import Rows
from blemore.tables import labelled

SOURCE = Path(blemore.__path__[0])


def curves(losses, inner=(np.nan, np.nan, np.nan), encoder="s4d", folds=("0", "1")):
    rows = {"epoch": [1, 2, 3], "loss": losses, "inner_loss": inner}
    return pd.concat([pd.DataFrame({"encoder": encoder, "fold": fold, **rows}) for fold in folds], ignore_index=True)


@pytest.fixture(scope="module")
def drawings():
    """{name: function that draws it} on a small study."""
    clips, tables = study(persons=5, encoders=2)
    fused = fuse(tables, clips, {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}})
    result = calibrate(fused.views, fused.probabilities, clips, decoding="auto", personal=PERSONAL)
    summary = summarise(
        result.decisions, tables, clips, dataset="demo", weights="tiny",
        origins={"e0": "finetuned", "e1": "random"}, unknown=["e0"],
    )  # fmt: skip
    rows = Rows.of(labelled(clips))
    values, truth = rows.lookup(fused.views[fused.views["outer"] == FINAL]), rows.truth
    decided = rows.lookup(result.decisions[result.decisions["variant"] == "inductive"])
    classes = reliability(fused.probabilities, clips, note=None)["classes"]
    trained, plateau = (
        curves([1.7, 1.5, 1.4]),
        {"alpha": 0.2, "beta": 0.3, "score": 0.4, "standard_error": 0.03, "folds": {"0": {"alpha": 0.1, "beta": 0.2}}},
    )
    return {
        "surface": lambda: figures.draw_surface(values, truth, plateau),
        "encoders": lambda: figures.draw_encoders(summary),
        "weights": lambda: figures.draw_weights(fused.weights),
        "confusion": lambda: figures.draw_confusion(decided, truth),
        "outcomes": lambda: figures.draw_outcomes(decided, truth),
        "calibration": lambda: figures.draw_calibration(classes),
        "curves": lambda: figures.draw_curves(trained),
        "no curves": lambda: figures.draw_curves(trained[:0]),
    }


NAMES = ["surface", "encoders", "weights", "confusion", "outcomes", "calibration", "curves", "no curves"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_bytes(drawings, tmp_path, name):
    figures_of_it = drawings[name](), drawings[name]()
    for file, figure in zip(("one.png", "two.png"), figures_of_it, strict=True):
        save_png(tmp_path / file, figure, DEMO_NOTE)
    data = (tmp_path / "one.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert b"Software" not in data
    assert data == (tmp_path / "two.png").read_bytes()
    one, two = (svg(figure, name, "a figure") for figure in figures_of_it)
    assert one == two


def test_plots_and_report_draw_by_the_same_functions():
    makers = [path for path in SOURCE.rglob("*.py") if re.search(r"\bFigure\(", path.read_text())]
    assert makers == [SOURCE / "evaluate/drawing.py"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_a_figure_names_its_axes_and_its_title(drawings, tmp_path, name):
    figure = drawings[name]()
    shown = [axes for axes in figure.axes if axes.axison]
    outer = {figure.get_supxlabel(), figure.get_supylabel()} - {""}
    for axes in shown:
        assert axes.get_xlabel() or axes.get_ylabel() or outer
    assert bool(shown) == (name != "no curves")
    save_png(tmp_path / "x.png", figure)
    assert figure.get_suptitle() == figure.get_label() != ""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough) for name in NAMES if name != "calibration"]
)
def test_a_figure_of_the_demo_says_so(drawings, tmp_path, name):
    titles = []
    for note in (DEMO_NOTE, None):
        figure = drawings[name]()
        save_png(tmp_path / "x.png", figure, note)
        titles.append({axes.get_title(loc="left") for axes in figure.axes})
    assert DEMO_NOTE in titles[0]
    assert DEMO_NOTE not in titles[1]


def lightness(colour):
    """CIE L* of "#rrggbb", in 0..100."""
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)]
    return 116 * np.dot([0.2126, 0.7152, 0.0722], linear) ** (1 / 3) - 16


def test_outcomes_are_told_apart_in_grey_on_paper_and_in_the_pages_two_modes():
    light = list(figures.OUTCOMES.values())
    style = (SOURCE / "report/templates/style.css").read_text()
    names = ("presence", "presence-part", "salience-part", "salience")
    modes = zip(*(re.findall(rf"--{name}: (#\w+)", style) for name in names), strict=True)
    on_page, dark = map(list, modes)
    assert on_page == light
    for colours in (light, dark):
        assert np.diff(sorted(map(lightness, colours))).min() > 10


def test_an_encoder_that_is_not_judged_or_not_known_to_be_disjoint_says_so_in_the_figure(drawings):
    labels = {label.get_text() for label in drawings["encoders"]().axes[0].get_yticklabels()}
    assert {"e0 (disjointness unknown)", "e1 (random)"} <= labels


def test_a_curve_with_gaps_is_drawn(tmp_path):
    save_png(tmp_path / "c.png", figures.draw_curves(curves([1.7, np.nan, 1.4])))
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_losses_of_inner_persons_are_drawn_where_there_are_some():
    stopped = curves([1.7, 1.5, 1.4], inner=[1.8, 1.9, 2.0], folds="0")
    plain = curves([1.7, 1.5, 1.4], encoder="videomae", folds="0")
    with_inner, without = figures.draw_curves(pd.concat([stopped, plain])).axes[:2]
    assert [line.get_ydata().tolist() for line in with_inner.lines][:2] == [[1.7, 1.5, 1.4], [1.8, 1.9, 2.0]]
    assert len(without.lines) == 1
