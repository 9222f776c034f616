"""`blemore layers`: try every range of a frozen network's layers.

Imports stand inside the command: `blemore --help` must not wait for pandas.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from joblineage.errors import DataError, MissingDataError
from joblineage.files import read_yaml
from joblineage.telling import say

if TYPE_CHECKING:
    from blemore.evaluate.layers.study import LayerStudy

FEATURES = Path("results/features")
SELECTION = (
    "Picking the best range by this table is a selection on the same clips: its Score is too high. "
    '"picked on the other folds" is what such a choice is worth.'
)

SHORTCUT = (
    "The decoder of a fold is fitted on rows of the other folds, whose heads saw that fold in training: the usual shortcut of stacking. "
    "arXiv 2603.23650 chose layers 6 to 12 on BLEMORE's training persons: on these, they are no choice made beforehand."
)


def layers(
    encoders: Annotated[
        list[str], typer.Argument(help="Encoders of the study in this folder, or features files (.parquet).")
    ],
    clips: Annotated[Path, typer.Option(help="Clips table.")] = Path("results/clips/clips.parquet"),
    out: Annotated[Path, typer.Option(help="Folder for the table and a picture of each encoder.")] = Path(
        "studies/layers"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the linear heads' folds.")] = 17,
) -> None:
    """The honest Score of every range of layers of frozen encoders, and how far the paper's 6 to 12 are from the best."""
    import pandas as pd

    from blemore.evaluate.drawing import save_png
    from blemore.evaluate.layers.study import draw_layers, study_layers
    from blemore.evaluate.summary import DEMO_NOTE
    from blemore.learning.heads.run import has_layers
    from blemore.tables import read_clips, write_csv

    files = {name: Path(name) if name.endswith(".parquet") else FEATURES / f"{name}.parquet" for name in encoders}
    names = {name: path.stem for name, path in files.items()}
    study = _params()
    keeping = [name for name, entry in study.get("encoders", {}).items() if _keeps_layers(entry)]
    faults = [_absent(path, keeping) for path in files.values() if not path.is_file()]
    faults += [f"{name}: named twice" for name in set(names.values()) if list(names.values()).count(name) > 1]
    if not clips.is_file():
        faults.append(f"{clips}: not there; `snakemake {clips}` makes it, or name one with --clips")
    faults += [
        f"{path}: its features hold no layers: only an encoder that keeps them can be studied"
        for path in files.values()
        if path.is_file() and not has_layers(path)
    ]
    if faults:
        raise MissingDataError("blemore layers", faults)
    table = read_clips(clips)
    note = DEMO_NOTE if study.get("dataset") == "demo" else None
    tables = []
    for name, path in files.items():
        layer_study = study_layers(path, table, names[name], seed=seed)
        save_png(out / f"{names[name]}.png", draw_layers(layer_study), note)
        tables.append(layer_study.table)
        say(*_lines(names[name], layer_study))
    write_csv(pd.concat(tables, ignore_index=True), out / "layers.csv")
    say(SELECTION, SHORTCUT)
    if note is not None:
        say(note)
    say(f"written: {out / 'layers.csv'} and a picture of each encoder")


def _params() -> dict[str, Any]:
    """The parameters of this folder's study; {} if there is none."""
    params = Path("params.yaml")
    if not params.is_file():
        return {}
    settings = read_yaml(params)
    if not isinstance(settings, dict):
        raise DataError(str(params), ["expected a block of keys"])
    return settings


def _keeps_layers(entry: Mapping[str, Any]) -> bool:
    """Whether an encoder of params.yaml has features of every layer."""
    scales = [entry.get(scale, {}) for scale in ("tiny", "pretrained")]
    return bool(entry.get("enabled")) and any("layers" in scale for scale in scales)


def _absent(path: Path, keeping: list[str]) -> str:
    """What to say of a features file that is not there."""
    if keeping and path.parent == FEATURES and path.stem not in keeping:
        return f"{path.stem}: has no features of single layers; in this study these encoders have: {', '.join(keeping)}"
    return f"{path}: not there; `snakemake {path}` makes it" if path.parent == FEATURES else f"{path}: not there"


def _lines(name: str, study: "LayerStudy") -> list[str]:
    """What to say of one encoder."""
    from blemore.evaluate.layers.study import PAPER

    table = study.table
    best = table[(table["first"] == study.best[0]) & (table["last"] == study.best[1])].iloc[0]
    lines = [
        f"{name}: {len(table)} ranges of layers, {study.seconds:.2f} s of CPU time each",
        f"  best: layers {study.best[0]} to {study.best[1]}, Score {best['score']:.3f}"
        f" (90 % over {best['persons']} persons: {best['score_low']:.3f} to {best['score_high']:.3f})",
        f"  picked on the other folds: Score {study.picked:.3f}",
    ]
    if study.paper is None:
        return [*lines, f"  layers {PAPER[0]} to {PAPER[1]} (arXiv 2603.23650): the network does not have them"]
    difference, low, high = study.paper
    there = table[(table["first"] == PAPER[0]) & (table["last"] == PAPER[1])].iloc[0]
    return [
        *lines,
        f"  layers {PAPER[0]} to {PAPER[1]} (arXiv 2603.23650): Score {there['score']:.3f}, {difference:.3f} below the best"
        f" (90 %, paired over persons: {low:.3f} to {high:.3f})",
    ]
