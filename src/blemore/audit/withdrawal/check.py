"""Does anything still depend on a clip whose consent was withdrawn."""

from pathlib import Path, PurePosixPath
from typing import Any

from blemore.audit.withdrawal.shortened import lacking
from blemore.datasets.withdrawn import FILE, Withdrawn, known_withdrawn
from joblineage.errors import DataError
from joblineage.graph import Descent, Graph, reached
from joblineage.store import key
from joblineage.study import Checked
from joblineage.verdict import Finding, Verdict

RAW = "data/"
"""Where raw clips lie."""
CLIPS = (".mov", ".flv")
"""How raw clips of the data sets end."""


def check(root: Path, graph: Graph, chain: set[str], *_: Any) -> Checked:
    """A denylist that lacks what an earlier one had; jobs of the present study that made or read a withdrawn clip, and those
    that read what came of one. Of jobs that follow from one another only the first is named.
    """
    try:
        withdrawn = known_withdrawn(root / FILE)
        findings = [Finding(Verdict.WITHDRAWN, FILE, what) for what in lacking(root)]
    except (DataError, OSError) as error:
        what = f"cannot be read, so who withdrew is not known: {' '.join(str(error).split())}"
        return [Finding(Verdict.MISSING, FILE, what)], []
    if not withdrawn.standing:
        return findings, []
    touched = dependents(Descent(graph.store), withdrawn)
    for name in chain:
        record = graph.records[name]
        clips = sorted({PurePosixPath(file["path"]).stem for file in _clips(record, withdrawn, "inputs", "outputs")})
        if clips:
            what = f"made from {len(clips)} clips whose consent was withdrawn ({clips[0]}, ...): run the study again"
        elif name in touched and not touched & set(graph.above(name)):
            what = "made from what came of clips whose consent was withdrawn: run the study again"
        else:
            continue
        findings.append(Finding(Verdict.WITHDRAWN, key(record), what))
    return findings, []


def dependents(descent: Descent, withdrawn: Withdrawn) -> set[str]:
    """Ids of every record, old ones too, that read a withdrawn clip or anything that came of one, by the bytes read."""
    records = descent.store.records
    readers: dict[str, list[str]] = {name: [] for name in records}
    for name, record in records.items():
        for ancestor in descent.above(record):
            readers[ancestor].append(name)
    starts = (name for name, record in records.items() if _clips(record, withdrawn, "inputs"))
    return set(reached(starts, readers.__getitem__))


def is_clip(path: str, withdrawn: Withdrawn) -> bool:
    """Whether a path of the workspace is that of a withdrawn raw clip."""
    name = PurePosixPath(path)
    return path.startswith(RAW) and name.suffix.lower() in CLIPS and withdrawn.holds(name.stem)


def _clips(record: dict[str, Any], withdrawn: Withdrawn, *sides: str) -> list[dict[str, Any]]:
    files = (file for side in sides for file in record[side])
    return [file for file in files if is_clip(file["path"], withdrawn) or file["sha256"] in withdrawn.sha256]
