"""`blemore features ...`: features that others made, such as the organisers' own, and what they are worth.

Exit codes: 0 done; 1 files are missing or wrong (nothing is written).
Imports stand inside the commands: `blemore --help` must not wait for numpy.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from joblineage.errors import DataError, refuse
from joblineage.telling import say

app = typer.Typer(help="Features that others made: import them, fit a head on them.", no_args_is_help=True)

Denylist = Annotated[
    Path, typer.Option("--withdrawn", help="List of who withdrew consent (none where there is no such file).")
]


@app.command("import")
def import_command(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders or zips of one network's files, one a clip: train, test.")
    ],
    clips: Annotated[
        list[Path],
        typer.Option(
            help="Clips that must be there: clips.parquet, or train_metadata.csv and submission_template.json."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write, outside/NAME.npz.")],
    mean: Annotated[
        bool, typer.Option("--mean", help="The mean over frames alone, not the kit's 7 statistics.")
    ] = False,
    unseen: Annotated[
        bool,
        typer.Option("--unseen", help="The network was trained on no clip of the challenge: written beside OUT."),
    ] = False,
    denylist: Denylist = Path("withdrawn.json"),
) -> None:
    """One file a clip (.npy, frames by values; OpenFace 3's .csv) -> one row of statistics a clip, for module precomputed."""
    from blemore.datasets.features import read_features
    from blemore.datasets.withdrawn import known_withdrawn
    from joblineage.files import write_json

    if out.suffix != ".npz":
        raise DataError(str(out), ["its name must end with .npz"])
    known = {clip: needed for path in clips for clip, needed in listed(path).items()}
    features = read_features(paths, known, mean_alone=mean, withdrawn=known_withdrawn(denylist))
    sidecar = out.with_suffix(".json")
    features.write(out)
    if unseen:
        write_json(sidecar, {"all": []})
    say(f"{out}: {len(features.clips)} clips, {features.values.shape[1]} features each")
    if features.withdrawn:
        say(f"{features.withdrawn} file(s) of withdrawn clips were passed over")
    if features.few and not mean:
        say("no clip has more than two frames, most statistics are copies of the mean: --mean is enough")
    persons = sidecar if unseen else "null"
    entry = f"enabled: true, module: precomputed, learning: frozen, file: {out}, persons: {persons}"
    say("In params.yaml, under encoders:", f"  {out.stem.lower()}: {{{entry}}}")
    if not unseen:
        say(
            "persons: null means that the network's training persons are unknown; --unseen says that it saw none of them"
        )


def listed(path: Path) -> dict[str, bool]:
    """Clips of a table or of the challenge's template -> whether a file of each must be there (it was not set aside)."""
    from blemore.datasets.template import read_template
    from blemore.scoring.columns import clip_names, missing_columns, read_columns

    if path.suffix.lower() in (".json", ".zip"):
        return dict.fromkeys(clip_names(read_template(path)), True)
    table = read_columns(path)
    refuse(path, missing_columns(table, ["clip"]))
    reasons = table.get("quarantine", [""] * len(table["clip"]))
    return {clip: not reason for clip, reason in zip(clip_names(table["clip"]), reasons, strict=True)}


@app.command("fit")
def fit_command(
    features: Annotated[Path, typer.Argument(help="Features, an .npz file with X and filenames.")],
    truth: Annotated[Path, typer.Option(help="Labels in the form of the challenge's train_metadata.csv.")],
    out: Annotated[Path, typer.Option(help="Probabilities to write, .csv or .parquet.")],
    head: Annotated[str, typer.Option(help="linear, or mlp, one hidden layer as in the challenge's kit.")] = "linear",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the head.")] = 17,
) -> None:
    """Features -> probabilities, without a workflow: out-of-fold for labelled clips, the fold models' mean for test clips."""
    import numpy as np

    from blemore.api import given
    from blemore.encoders.precomputed import build
    from blemore.learning.heads.run import fold_probabilities
    from blemore.tables import probability_rows, write_csv, write_probabilities

    if out.suffix not in (".csv", ".parquet"):
        raise DataError(str(out), ["its name must end with .csv or .parquet"])
    vectors = dict(build({}).read(features))
    clips = _clips(given.labels(truth), vectors, str(features))
    x = np.stack([vectors[clip] for clip in clips["clip"]])
    values = fold_probabilities(x, clips, {"name": features.stem, "head": head}, seed=seed)
    table = probability_rows(clips, values)
    if out.suffix == ".csv":
        write_csv(table, out)
    else:
        write_probabilities(table, out)
    train = int((clips["split"] == "train").sum())
    say(f"{out}: out-of-fold rows of {train} labelled clips, {len(clips) - train} test clips")


def _clips(shown: Any, vectors: dict[str, Any], where: str) -> Any:
    """A clips table of the labelled clips, and of the test clips that have features, sorted by clip."""
    import pandas as pd

    from blemore.api import given
    from blemore.datasets.names import TEST_NAME
    from blemore.scoring.persons import folds_over_persons
    from blemore.scoring.reading import once
    from blemore.tables import NO_FOLD

    labelled = pd.DataFrame({**shown.columns, "person": given.persons(shown), "split": "train"})
    if "fold" not in labelled:
        labelled["fold"] = folds_over_persons(pd.factorize(labelled["person"], sort=True)[0])
    tests = sorted(clip for clip in vectors.keys() - set(labelled["clip"]) if TEST_NAME.fullmatch(clip))
    absent = (f"clip {clip}" for clip in labelled["clip"] if clip not in vectors)
    strange = (f"clip {clip}" for clip in sorted(vectors.keys() - {*labelled["clip"], *tests}))
    refuse(where, [*once(absent, "has a label, but no features"), *once(strange, "has features, but no label")])
    test = pd.DataFrame({"clip": tests, "split": "test", "fold": NO_FOLD})
    clips = pd.concat([labelled, test], ignore_index=True)
    return clips.astype({"fold": int}).sort_values("clip", ignore_index=True)
