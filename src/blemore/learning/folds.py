"""Rows of the probabilities table out of the models of all folds; light imports, no torch."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.reading import load_json
from blemore.tables import check_probabilities, probability_rows, read_probabilities, usable
from joblineage import declare
from joblineage.errors import DataError, MissingDataError, refuse


def gather_folds(folds: Sequence[Path], clips: pd.DataFrame) -> pd.DataFrame:
    """Join the folds' tables: the one row of each train clip, and the mean over folds of each test clip's rows.

    Parameters
    ----------
    folds : sequence of Path
        One probabilities table per fold; together they hold each usable train clip once and each usable test clip in
        every one.
    clips : DataFrame
        Clips table.

    Returns
    -------
    DataFrame
        Probabilities table of all usable clips, sorted by clip.

    Raises
    ------
    DataError
        A clip is missing, unknown, or in the wrong number of tables.
    """
    tables = [read_probabilities(path) for path in folds]
    for path, table in zip(map(Path, folds), tables, strict=True):
        declare.fitted(ModelName.parse(f"{path.parent.name}/{path.stem}"), declare.HANDED_ON, [], table["clip"])
    rows = pd.concat(tables, ignore_index=True)
    clips = usable(clips).sort_values("clip").reset_index(drop=True)
    counts = Counter(rows["clip"])
    expected = dict(zip(clips["clip"], np.where(clips["split"] == "train", 1, len(folds)), strict=True))
    wrong = {clip: number for clip, number in expected.items() if counts[clip] != number}
    faults = [f"clip {clip}: in {counts[clip]} tables, expected in {number}" for clip, number in wrong.items()]
    faults += [f"clip {name}: unknown, no such usable clip" for name in sorted(set(rows["clip"]) - set(clips["clip"]))]
    refuse("fold tables " + ", ".join(map(str, folds)), faults)
    table = mean_of_folds(rows, clips)
    check_probabilities(table, "gathered folds", clips["clip"])
    return table


def mean_of_folds(rows: pd.DataFrame, clips: pd.DataFrame) -> pd.DataFrame:
    """The mean of each clip's rows.

    Parameters
    ----------
    rows : DataFrame
        Probabilities table with any number of rows of each clip.
    clips : DataFrame
        Clips table.

    Returns
    -------
    DataFrame
        Probabilities table of `clips`, in their order.
    """
    rows = rows.sort_values("clip", kind="stable")
    names, starts, counts = np.unique(rows["clip"], return_index=True, return_counts=True)
    # Row after row: the last bits of pandas' mean depend on the other groups.
    means = np.add.reduceat(rows[list(CLASSES)].to_numpy(), starts) / counts[:, None]
    return probability_rows(clips, means[np.searchsorted(names, clips["clip"])])


def join_curves(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Join the loss curves of all folds in one table.

    Parameters
    ----------
    paths : sequence of str or Path
        Files <encoder>/fold<number>.csv.

    Returns
    -------
    DataFrame
        Columns encoder, fold, epoch, loss, inner_loss, learning_rate.
    """
    columns = ["encoder", "fold", "epoch", "loss", "inner_loss", "learning_rate"]
    parts = [
        pd.read_csv(path).assign(encoder=path.parent.name, fold=path.stem.removeprefix("fold"))
        for path in map(Path, paths)
    ]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def check_persons(sidecar: Path, clips: pd.DataFrame) -> dict[str, list[str]]:
    """Refuse a sidecar by which a person of a fold was among those whom the fold's outside model was trained on.

    Parameters
    ----------
    sidecar : Path
        JSON: {"0": ["A26", "A412"], "1": [...]}, the persons behind each fold's model; or {"all": [...]} where one
        model made everything ({"all": []} for a network that saw none of them).
    clips : DataFrame
        Clips table.

    Returns
    -------
    dict of str to list of str
        {fold: persons} for every fold.

    Raises
    ------
    DataError
        There is no such file, or it is of another form; a fold stands twice, is missing, or judges a person that its model saw.
    """
    if not Path(sidecar).is_file():
        raise MissingDataError(str(sidecar), ["no such file: name the persons there, or set persons: null (unknown)"])
    said = load_json(Path(sidecar).read_bytes(), str(sidecar))
    train = usable(clips).query("split == 'train'")
    folds = [str(fold) for fold in sorted(train["fold"].unique())]
    form = 'expected {"0": ["A26", ...], "1": [...]} with a list for every fold, or {"all": [...]}'
    if not isinstance(said, dict) or not all(isinstance(names, list) for names in said.values()):
        raise DataError(str(sidecar), [form])
    if "all" in said:
        said = dict.fromkeys(folds, said["all"])
    faults = [f"fold {fold}: not named; {form}" for fold in folds if fold not in said]
    for fold in folds:
        judged = set(train.loc[train["fold"] == int(fold), "person"])
        seen = sorted(judged & set(map(str, said.get(fold, []))))
        faults += [f"fold {fold}: its model was trained on {person}, whom it judges" for person in seen]
    refuse(sidecar, faults)
    return {fold: [str(person) for person in said[fold]] for fold in folds}


def declare_outside(name: str, rows: pd.Series, clips: pd.DataFrame, persons: Sequence[dict[str, list[str]]]) -> None:
    """Say of each fold of an encoder from outside whom its sidecar names, or that it is unknown.

    Parameters
    ----------
    name : str
        Name of the encoder.
    rows : Series
        Its clips.
    clips : DataFrame
        Clips table.
    persons : sequence of dict
        What `check_persons` gave for its sidecar; empty without one.
    """
    train = clips[clips["split"] == "train"]
    for fold in sorted(train["fold"].unique()):
        judges = clips.loc[clips["clip"].isin(rows) & ((clips["fold"] == fold) | (clips["split"] == "test")), "clip"]
        model = ModelName.of(name, fold)
        for said in persons:
            declare.fitted(model, "outside", train.loc[train["person"].isin(said[str(fold)]), "clip"], judges)
        if not persons:
            declare.fitted(model, declare.UNKNOWN, [], judges)
