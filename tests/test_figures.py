"""Figures are PNG files, the same bytes from the same input, and say what their note says."""

import numpy as np
import pandas as pd
import pytest
from simulated import study

from blemore.decide.run import calibrate
from blemore.evaluate import figures
from blemore.evaluate.summary import DEMO_NOTE, summarise
from blemore.fusion.run import FINAL, fuse


@pytest.fixture(scope="module")
def drawings():
    """{name: function that draws it to a path with a note} on a small study."""
    clips, tables = study(persons=5, encoders=2)
    fused = fuse(tables, clips, {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}})
    result = calibrate(fused.views, fused.probabilities, clips, [20.0])
    summary = summarise(
        result.decisions, tables, clips, dataset="demo", weights="tiny", seed=1, draws=50, permutations=50,
        origins={"e0": "finetuned", "e1": "random"}, unknown=["e0"],
    )  # fmt: skip
    view = fused.views[fused.views["outer"] == FINAL]
    decisions = result.decisions[result.decisions["variant"] == "global"]
    curve = pd.DataFrame({"epoch": [1, 2, 3], "loss": [1.7, 1.5, 1.4], "inner_loss": [np.nan] * 3})
    return {
        "surface": lambda path, note: figures.plot_surface(path, view, clips, result.thresholds["global"], note=note),
        "encoders": lambda path, note: figures.plot_encoders(path, summary, note=note),
        "weights": lambda path, note: figures.plot_weights(path, fused.weights, note=note),
        "confusion": lambda path, note: figures.plot_confusion(path, decisions, clips, note=note),
        "curves": lambda path, note: figures.plot_curves(path, {"s4d": {"0": curve, "1": curve}}, note=note),
        "no curves": lambda path, note: figures.plot_curves(path, {}, note=note),
    }


NAMES = ["surface", "encoders", "weights", "confusion", "curves", "no curves"]


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_the_same_input_gives_the_same_png(drawings, tmp_path, name):
    for file in ("one.png", "two.png"):
        drawings[name](tmp_path / file, DEMO_NOTE)
    data = (tmp_path / "one.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert b"Software" not in data
    assert data == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_the_demo_says_so(drawings, tmp_path, monkeypatch, name):
    drawn = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: drawn.append(figure))
    for note in (DEMO_NOTE, None):
        drawings[name](tmp_path / "x.png", note)
    with_note, without = ({axes.get_title(loc="left") for axes in figure.axes} for figure in drawn)
    assert DEMO_NOTE in with_note
    assert DEMO_NOTE not in without


def test_an_encoder_that_is_not_judged_or_not_known_to_be_disjoint_says_so_in_the_figure(
    drawings, tmp_path, monkeypatch
):
    drawn = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: drawn.append(figure))
    drawings["encoders"](tmp_path / "x.png", None)
    labels = {label.get_text() for label in drawn[0].axes[0].get_yticklabels()}
    assert {"e0 (disjointness unknown)", "e1 (random)"} <= labels


def test_a_curve_with_gaps_is_drawn(tmp_path):
    curve = pd.DataFrame({"epoch": [1, 2, 3], "loss": [1.7, np.nan, 1.4], "inner_loss": [np.nan] * 3})
    figures.plot_curves(tmp_path / "c.png", {"s4d": {"0": curve}})
    assert (tmp_path / "c.png").stat().st_size > 1000


def test_losses_of_inner_persons_are_drawn_where_there_are_some(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: drawn.append(figure))
    plain = pd.DataFrame({"epoch": [1, 2], "loss": [1.7, 1.4], "inner_loss": [np.nan] * 2})
    stopped = plain.assign(inner_loss=[1.8, 1.9])
    figures.plot_curves(tmp_path / "c.png", {"s4d": {"0": stopped}, "videomae": {"0": plain}})
    with_inner, without = drawn[0].axes[:2]
    assert [line.get_ydata().tolist() for line in with_inner.lines][:2] == [[1.7, 1.4], [1.8, 1.9]]
    assert len(without.lines) == 1
