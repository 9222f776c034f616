"""Pictures of answers: a strip of each clip beside its probabilities, and a recording's probabilities below its waveform."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from blemore.evaluate.drawing import INK, MUTED, dressed, legend, new_figure, save_png
from blemore.media.shards import read_jpeg
from blemore.media.sound import FULL_SCALE
from blemore.predict.answers import ClipAnswer, Predictions
from blemore.predict.timeline import Timeline
from blemore.scoring.labels import CLASSES, NAMES

COLOURS = dict(zip(CLASSES, ("#b3261e", "#5b7f2b", "#6a3d9a", "#e8a33d", "#2b6ca3", "#9aa5b1"), strict=True))
ROW = 1.35
"""Inches of a clip's row."""
MOST = 40
"""Clips of a picture; more would be no picture."""
COLUMNS = 1200
"""Of the waveform: least and greatest sample of each."""


def draw_predictions(predictions: Predictions) -> Figure:
    """One row per clip, at most `MOST`: face crops, fused probabilities, the answer. Clips with a fault say theirs."""
    shown = predictions.answers[:MOST]
    title = "What the clips show" + (
        f" (the first {MOST} of {len(predictions.answers)})" if len(predictions.answers) > MOST else ""
    )
    figure = new_figure(title, 9.0, ROW * len(shown))
    for (pictures, bars), answer in zip(figure.subplots(len(shown), 2, squeeze=False), shown, strict=True):
        pictures.set_axis_off()
        if answer.clip.pictures:
            pictures.imshow(np.concatenate([read_jpeg(data) for data in answer.clip.pictures], axis=1))
        pictures.set_title(answer.clip.name, loc="left", fontsize=8.5, color=INK)
        if answer.decision is None:
            bars.set_axis_off()
            bars.text(0, 0.5, f"no answer: {answer.clip.fault}", color=INK, fontsize=8.5, wrap=True, va="center")
            continue
        shares = [answer.probabilities[name] for name in CLASSES]
        bars.bar([NAMES[name] for name in CLASSES], shares, color=[COLOURS[name] for name in CLASSES])
        bars.set_ylim(0, 1)
        bars.set_title(_said(answer), loc="left", fontsize=8.5, color=INK)
    figure = dressed(figure)
    for axes in figure.axes:
        axes.tick_params(labelsize=7)
    return figure


def draw_timeline(timeline: Timeline) -> Figure:
    """Waveform above, probabilities of the six classes below, stacked; each at the middle of its window."""
    figure = new_figure(f"What {timeline.file.name} shows over time", 9.0, 4.2)
    wave, shares = figure.subplots(2, 1, sharex=True, height_ratios=(1, 2.4))
    parts = np.array_split(timeline.sound / FULL_SCALE, min(COLUMNS, max(1, len(timeline.sound))))
    times = np.linspace(0, len(timeline.sound) / timeline.rate, len(parts))
    wave.fill_between(times, [part.min() for part in parts], [part.max() for part in parts], color=MUTED, linewidth=0)
    wave.set_ylabel("sound")
    wave.set_ylim(-1, 1)
    middles = ((timeline.table["start"] + timeline.table["end"]) / 2).to_numpy()
    rows = [timeline.table[name].to_numpy() for name in CLASSES]
    kinds = {"colors": [COLOURS[name] for name in CLASSES], "labels": [NAMES[name] for name in CLASSES]}
    shares.stackplot(middles, *rows, **kinds)
    shares.set_xlim(0, timeline.seconds)
    shares.set_ylim(0, 1)
    shares.set_xlabel("s")
    shares.set_ylabel("probability")
    legend(figure, loc="outside right center")
    return dressed(figure)


def save_picture(figure: Figure, path: Path) -> None:
    """Write a picture as PNG."""
    save_png(path, figure)


def _said(answer: ClipAnswer) -> str:
    assert answer.decision is not None
    return f"{answer.decision}: right with {answer.decision.p_presence:.2f}"
