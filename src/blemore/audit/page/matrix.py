"""The leaks' table of persons x models so that it fits a page.

Models that saw and judged the same persons share a row. Persons who stay unnamed share a column where they stand alike.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

from blemore.audit.leaks.audit import check
from blemore.audit.leaks.matrix import NEITHER, PRETRAINING, UNKNOWN
from blemore.audit.leaks.models import TEST
from joblineage.graph import Graph


def trained_on(graph: Graph, artifact: str | None, hides: Callable[[str], bool]) -> dict[str, Any] | None:
    """The table of the whole study, or of one file's chain; None where no job says whom it was fitted on.

    Returns
    -------
    {"columns": names or counts of persons, the test clips, what a network had seen before; "rows": (place, steps, a word
    of `SIGNS` per column) of each; "checked": as in `Audit`; "leaks": names of what leaks; "unknown": sentences}.
    """
    audit = check(graph, artifact, media=False)
    table = audit.matrix
    if not table.columns:
        return None
    of = {person: [column.cells[k] for column in table.columns] for k, person in enumerate(table.persons)}
    of[PRETRAINING] = [UNKNOWN if column.pretraining else NEITHER for column in table.columns]
    hidden = [person for person in table.persons if hides(person)]
    columns = {person: of[person] for person in table.persons if person not in hidden and person != TEST}
    columns |= _alike({person: of[person] for person in hidden}) | {name: of[name] for name in (TEST, PRETRAINING)}
    rows: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for k, column in enumerate(table.columns):
        rows[(column.place, *(cells[k] for cells in columns.values()))].append(column.step)
    return {
        "columns": list(columns),
        "rows": [(place, steps, list(cells)) for (place, *cells), steps in rows.items()],
        "checked": audit.checked,
        "leaks": list(dict.fromkeys(finding.node for finding in audit.findings)),
        "unknown": audit.unknown,
    }


def _alike(hidden: dict[str, list[str]]) -> dict[str, list[str]]:
    """{"group 1: 3 persons": their cells}, of persons who stand alike in every row, unnamed."""
    groups = Counter(map(tuple, hidden.values()))
    ordered = sorted(groups.items(), key=lambda pair: (-pair[1], pair[0]))  # in no order of names
    return {
        f"group {k}: {count} person{'s' if count > 1 else ''}": list(cells)
        for k, (cells, count) in enumerate(ordered, start=1)
    }
