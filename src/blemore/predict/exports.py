"""Probabilities over time for those who annotate: ELAN (.eaf), Praat (.TextGrid) and tables.

Windows overlap, and an annotation must not: of each window the middle `step` seconds stand for it, so that one window's
annotation ends where the next one's begins.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd

from blemore.predict.answers import Decision
from blemore.predict.timeline import Timeline
from blemore.scoring.labels import CLASSES
from blemore.tables import write_csv, write_table
from joblineage.errors import DataError
from joblineage.files import whole_file

ENDINGS = (".csv", ".parquet", ".eaf", ".TextGrid")
NO_DATE = "1970-01-01T00:00:00+00:00"
"""In an .eaf file, so that the same timeline gives the same bytes."""
Span = tuple[float, float, str]


def write_timeline(timeline: Timeline, path: Path) -> None:
    """Write a timeline in the form that the file's ending names.

    Raises
    ------
    DataError : another ending.
    """
    forms, ending = {".csv": write_csv, ".parquet": write_table}, path.suffix.lower()
    if ending in forms:
        forms[ending](timeline.table, path)
    elif ending == ".eaf":
        write_elan(timeline, path)
    elif ending == ".textgrid":
        write_praat(timeline, path)
    else:
        raise DataError(str(path), [f"ends in {path.suffix or 'nothing'}, expected one of {', '.join(ENDINGS)}"])


def tiers(timeline: Timeline) -> dict[str, list[Span]]:
    """{tier: (start, end, text) of each window's middle}: the answer, how probable it is, and the six probabilities."""
    columns: dict[str, list[str]] = {"answer": [str(Decision.of(row)) for row in _decisions(timeline.table)]}
    for name in ("p_presence", *CLASSES):
        columns[name] = [f"{value:.2f}" for value in timeline.table[name]]
    spans = middles(timeline)
    return {
        name: [(start, end, text) for (start, end), text in zip(spans, texts, strict=True)]
        for name, texts in columns.items()
    }


def middles(timeline: Timeline) -> list[tuple[float, float]]:
    """(start, end) in s of the middle of each window, as long as the step from one to the next, in whole ms."""
    starts, ends = timeline.table["start"], timeline.table["end"]
    step = starts.diff().iloc[1] if len(starts) > 1 else ends.iloc[0] - starts.iloc[0]
    centres = (starts + ends) / 2
    edges = [round(centre, 3) for centre in [centres.iloc[0] - step / 2, *(centres + step / 2)]]
    return list(pairwise(edges))


def write_elan(timeline: Timeline, path: Path) -> None:
    """An ELAN file that links the recording."""
    from pympi.Elan import Eaf

    file = Eaf(author="blemore")
    file.adocument["DATE"] = NO_DATE
    file.add_linked_file(str(timeline.file.resolve()), relpath=timeline.file.name, mimetype="video/mp4")
    for name, spans in tiers(timeline).items():
        file.add_tier(name)
        for start, end, text in spans:
            file.add_annotation(name, round(1000 * start), round(1000 * end), text)
    file.remove_tier("default")
    with whole_file(path) as temporary:
        file.to_file(str(temporary))


def write_praat(timeline: Timeline, path: Path) -> None:
    """A TextGrid with one interval tier for each of `tiers`."""
    from praatio.data_classes.interval_tier import IntervalTier
    from praatio.data_classes.textgrid import Textgrid

    grid = Textgrid(0, timeline.seconds)
    for name, spans in tiers(timeline).items():
        grid.addTier(IntervalTier(name, spans, 0, timeline.seconds))
    with whole_file(path) as temporary:
        grid.save(str(temporary), format="long_textgrid", includeBlankSpaces=True)


def _decisions(table: pd.DataFrame) -> Iterator[dict[str, float]]:
    """Rows as `Decision.of` takes them."""
    for row in table.to_dict("records"):
        saliences = {name: row[f"answer_{name}"] for name in CLASSES}
        yield saliences | {"p_presence": row["p_presence"], "p_salience": 0.0, "p_blend": row["p_blend"]}
