"""Which fold a clip is in: by the metadata, clip by clip, or by a table of persons. Folds never share a person."""

import pandas as pd


def _whole_numbers(values: pd.Series, where: str, keys: pd.Series) -> tuple[pd.Series, list[str]]:
    """Text as whole numbers from 0 (missing where it is none), and a fault for each that is none."""
    good = values.str.fullmatch(r"\d+(\.0+)?").fillna(False).astype(bool)
    faults = [
        f"{where}: {key}: fold must be a whole number from 0, found {'nothing' if pd.isna(value) else repr(value)}"
        for key, value in zip(keys[~good], values[~good], strict=True)
    ]
    return pd.to_numeric(values.where(good)), faults


def folds_of_clips(metadata: pd.DataFrame, where: str, persons: pd.Series) -> tuple[pd.Series, list[str]]:
    """Fold of each clip (index clip, missing where unreadable) by the metadata, and its faults.

    Parameters
    ----------
    metadata : columns clip, fold, both as text.
    where : the table's name, for the messages.
    persons : person of each training clip, index clip. A person's clips must all be in one fold.
    """
    numbers, faults = _whole_numbers(metadata["fold"], where, "clip " + metadata["clip"])
    folds = numbers.set_axis(metadata["clip"])[~metadata["clip"].duplicated().to_numpy()]
    counts = folds.groupby([persons.reindex(folds.index), folds]).size()
    for person, own in counts.groupby(level=0):
        if len(own) > 1:
            places = ", ".join(f"{int(fold)} ({clips} clips)" for (_, fold), clips in own.items())
            faults.append(f"person {person}: in folds {places}; all clips of a person belong in one fold")
    return folds, faults


def folds_of_persons(table: pd.DataFrame, where: str, persons: pd.Series) -> tuple[pd.Series, list[str]]:
    """Fold of each clip by a table of persons, and its faults.

    Parameters
    ----------
    table : columns person, fold, both as text.
    where : the table's name, for the messages.
    persons : person of each training clip, index clip. Each needs a row; rows of others are ignored.
    """
    numbers, faults = _whole_numbers(table["fold"], where, "person " + table["person"].fillna("(none)"))
    doubled = table["person"].duplicated()
    faults += [f"{where}: person {person}: in more than one row" for person in table["person"][doubled].unique()]
    folds = numbers[~doubled].set_axis(table["person"][~doubled])
    absent = sorted(set(persons) - set(folds.index))
    faults += [f"{where}: person {person}: no row, every person of the training clips needs one" for person in absent]
    return persons.map(folds), faults


def numbering_faults(folds: pd.Series, where: str, expected: int | None) -> list[str]:
    """Folds are numbered 0, 1, ... without a gap; there are as many as expected, and two at least."""
    used = {int(fold) for fold in folds.dropna()}
    if len(used) < 2:
        return [f"{where}: at least two folds are needed, found {sorted(used)}"]
    wanted = range(max(used) + 1 if expected is None else expected)
    faults = [f"{where}: no clip is in fold {fold} of 0..{wanted[-1]}" for fold in sorted(set(wanted) - used)[:20]]
    above = sorted(used - set(wanted))
    if above:
        faults.append(f"{where}: fold {', '.join(map(str, above))}, but the study has folds 0..{wanted[-1]}")
    return faults
