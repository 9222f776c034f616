"""The roster: every clip of a study, who shows what in it, and its fold. Known before a single clip is opened.

Made from the names of the files and from the challenge's `train_metadata.csv`, which must agree. All faults are
reported at once. No clip is opened here: names and the two small tables are enough. Folds come from the metadata,
clip by clip, or from a table of persons; they never share a person.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from blemore.datasets.names import TEST_NAME, ClipName, parse_name
from blemore.datasets.template import TEMPLATE, read_template
from blemore.datasets.withdrawn import NOBODY, Withdrawn
from blemore.scoring import spelling
from blemore.scoring.columns import clip_names, missing_columns, numbers, read_columns
from blemore.scoring.labels import CLASSES, check_labels
from blemore.scoring.reading import once
from blemore.tables import NO_FOLD, ROSTER_COLUMNS
from joblineage.errors import DataError, refuse

METADATA = "train_metadata.csv"

LABEL_COLUMNS = ("mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience")


def read_roster(
    root: Path,
    files: Sequence[str],
    folds_csv: Path | None = None,
    folds: int | None = None,
    withdrawn: Withdrawn = NOBODY,
) -> pd.DataFrame:
    """The checked roster of a data set named like BLEMORE.

    Parameters
    ----------
    root : folder with `train_metadata.csv` and, optionally, `submission_template.json`.
    files : paths below root, "train/<name>.mov" and "test/test_<number>.mov", in any order; they need not exist.
    folds_csv : table with the columns person, fold that replaces the metadata's folds (optional). It must name
        every person of the training clips; further persons are ignored.
    folds : number of folds that the study expects, numbered from 0; without it, any number from 2 is right.
    withdrawn : whose clips are passed over, whether they lie there or not. A test clip among them for which the template
        asks stays in the roster, without a file: it is decided like one that cannot be read.

    Returns
    -------
    Columns ``tables.ROSTER_COLUMNS``, sorted by clip. The order of a blend's emotions is that of its name.
    `mix` and the saliences are float64, NaN where missing.

    Raises
    ------
    DataError : every fault of names, metadata, folds and template.
    """
    root = Path(root)
    train, test, faults = _sort_files(withdrawn.kept(files))
    asked, template_faults = template_clips(root / TEMPLATE)
    gone = pd.DataFrame({"clip": [clip for clip in asked or () if withdrawn.holds(clip)]}, dtype="str")
    parsed, name_faults = _parse_names(train["clip"])
    faults += name_faults
    if train.empty:
        faults.append("there is no training clip, expected train/A<id>_..._ver<n>.mov")
    faults += template_faults
    if asked is not None:
        faults += _unlike(asked, [*test["clip"], *gone["clip"]], "test", TEMPLATE, "not in")
    metadata, table_faults = read_table(root / METADATA, ("clip", *LABEL_COLUMNS, *(() if folds_csv else ("fold",))))
    if folds_csv:
        persons, person_faults = read_table(Path(folds_csv), ("person", "fold"))
        table_faults += person_faults
    faults += table_faults
    if table_faults:
        raise DataError(str(root), faults)
    nameless = metadata["clip"].isna()
    faults += once((f"{METADATA}: row {row + 1}" for row in np.flatnonzero(nameless)), "filename is empty")
    metadata = metadata[~nameless].assign(clip=lambda table: clip_names(table["clip"]))
    metadata = metadata[~metadata["clip"].map(withdrawn.holds).astype(bool)]
    faults += _metadata_faults(metadata, train["clip"], parsed)

    where, table, folds_of = METADATA, metadata, _folds_of_clips
    if folds_csv:
        where, table, folds_of = Path(folds_csv).name, persons, folds_of_persons
    fold_of, fold_faults = folds_of(table, where, parsed["person"])
    faults += fold_faults + numbering_faults(fold_of, where, folds)
    refuse(root, faults)

    table = train.merge(parsed.reset_index(), on="clip")
    table["fold"] = table["clip"].map(fold_of)
    table = pd.concat([table, pd.concat([test, gone]).assign(split="test", fold=NO_FOLD)])
    numbers = dict.fromkeys(("mix", "emotion_1_salience", "emotion_2_salience"), "float64")
    table = table.reindex(columns=list(ROSTER_COLUMNS)).astype({"fold": "int64"} | numbers)
    return table.sort_values("clip", kind="stable").reset_index(drop=True)


def _sort_files(files: Iterable[str]) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Train files and test files (columns file, clip, split), and the faults of files that are neither."""
    table = pd.DataFrame({"file": list(files)}, dtype="str")
    table["clip"] = clip_names(table["file"])
    table["split"] = table["file"].str.extract(r"^([^/]*)/", expand=False)
    strays = table["file"][~table["split"].isin(["train", "test"])]
    faults = [f"{file}: neither in train/ nor in test/" for file in strays]
    faults += [
        f"clip {clip}: in more than one file: {', '.join(sorted(group))}"
        for clip, group in table[table["clip"].duplicated(keep=False)].groupby("clip")["file"]
    ]
    table = table.drop_duplicates("clip")
    test = table[table["split"] == "test"]
    odd = test["file"][test["clip"].map(TEST_NAME.fullmatch).isna()]
    faults += [f"{file}: not a test clip's name, expected test_<number>.mov" for file in odd]
    return table[table["split"] == "train"], test, faults


def _parse_names(clips: pd.Series) -> tuple[pd.DataFrame, list[str]]:
    """What the readable names say (index clip), and the faults of the others."""
    rows, faults = {}, []
    for clip in clips:
        try:
            name = parse_name(clip)
        except ValueError as error:
            faults.append(f"clip {clip}: {error}")
        else:
            rows[clip] = (*name, name.mix)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[*ClipName._fields, "mix"])
    return table.rename_axis("clip"), faults


def template_clips(path: Path) -> tuple[list[str] | None, list[str]]:
    """Test clips that the challenge's template asks for, None where it is absent or unreadable, and its faults."""
    if not path.exists():
        return None, []
    try:
        return clip_names(read_template(path)), []
    except DataError as error:
        return None, [f"{path.name}: {fault}" for fault in error.faults]


def _unlike(listed: Iterable[str], present: Iterable[str], folder: str, table: str, without: str) -> list[str]:
    """Where a table and the clips found in a folder disagree."""
    listed, present = set(listed), set(present)
    absent, strange = sorted(listed - present), sorted(present - listed)
    return [
        *once((f"clip {clip}" for clip in absent), f"in {table}, but there is no such file in {folder}/"),
        *once((f"clip {clip}" for clip in strange), f"in {folder}/, but {without} {table}"),
    ]


def read_table(path: Path, columns: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The named columns of a table as text (empty cells missing), and its faults."""
    if not path.exists():
        return pd.DataFrame(), [f"{path} is missing"]
    try:
        raw = read_columns(path, as_text=columns)
    except DataError as error:
        return pd.DataFrame(), [f"{path.name}: {fault}" for fault in error.faults]
    if missing := missing_columns(raw, columns):
        return pd.DataFrame(), [f"{path.name}: {fault}" for fault in missing]
    table = pd.DataFrame({name: raw[name] for name in columns}, dtype="str")
    table = table.apply(lambda cells: cells.str.strip())
    for name in {"emotion_1", "emotion_2"} & set(columns):
        table[name] = table[name].map(spelling.emotion, na_action="ignore")
    return table, []


def _metadata_faults(metadata: pd.DataFrame, clips: pd.Series, parsed: pd.DataFrame) -> list[str]:
    """Where metadata and files disagree, and labels that are wrong in themselves."""
    faults = check_labels(metadata, METADATA)
    faults += _unlike(metadata["clip"], clips, "train", METADATA, "without a row in")
    known = metadata["emotion_1"].isin(CLASSES) & (metadata["emotion_2"].isna() | metadata["emotion_2"].isin(CLASSES))
    rows = metadata[known & metadata["clip"].isin(parsed.index)].drop_duplicates("clip")
    both = zip(rows["clip"], _label_text(parsed.loc[rows["clip"]]), _label_text(rows), strict=True)
    return faults + [f"clip {clip}: the name says {a}, {METADATA} says {b}" for clip, a, b in both if a != b]


def _label_text(table: pd.DataFrame) -> list[str]:
    """Labels as comparable text, "ang" or "ang 70 + sad 30", whichever emotion the table names first."""
    shares = [numbers(table[f"emotion_{k}_salience"]) for k in (1, 2)]
    texts = []
    for first, second, share_1, share_2 in zip(table["emotion_1"], table["emotion_2"], *shares, strict=True):
        pair = (
            []
            if pd.isna(second)
            else sorted([(first, share_1), (second, share_2)], key=lambda part: CLASSES.index(part[0]))
        )
        texts.append(" + ".join(f"{name} {share:g}" for name, share in pair) or first)
    return texts


def _whole_numbers(values: pd.Series, where: str, keys: pd.Series) -> tuple[pd.Series, list[str]]:
    """Text as whole numbers from 0 (missing where it is none), and a fault for each that is none."""
    good = values.str.fullmatch(r"[0-9]+(\.0+)?").fillna(False).astype(bool)
    faults = [
        f"{where}: {key}: fold must be a whole number from 0, found {'nothing' if pd.isna(value) else repr(value)}"
        for key, value in zip(keys[~good], values[~good], strict=True)
    ]
    return pd.to_numeric(values.where(good)), faults


def _folds_of_clips(table: pd.DataFrame, where: str, persons: pd.Series) -> tuple[pd.Series, list[str]]:
    """Fold of each clip (index clip, missing where unreadable) by the metadata, and its faults; persons : index clip."""
    numbers, faults = _whole_numbers(table["fold"], where, "clip " + table["clip"])
    folds = numbers.set_axis(table["clip"])[~table["clip"].duplicated().to_numpy()]
    counts = folds.groupby([persons.reindex(folds.index), folds]).size()
    for person, own in counts.groupby(level=0):
        if len(own) > 1:
            places = ", ".join(f"{int(fold)} ({clips} clips)" for (_, fold), clips in own.items())
            faults.append(f"person {person}: in folds {places}; all clips of a person belong in one fold")
    return folds, faults


def folds_of_persons(table: pd.DataFrame, where: str, persons: pd.Series) -> tuple[pd.Series, list[str]]:
    """Fold of each clip by a table of persons, and its faults; persons : index clip, each needs a row."""
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
