"""What still names a person or a clip, sorted by who has to do something about it: this command, the next run, people."""

from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from blemore.audit.withdrawal.traces import Trace, Traces
from blemore.datasets.roster import METADATA as TABLE
from joblineage.files import matches
from joblineage.store import FOLDER
from joblineage.workspace import METADATA, tracked

DERIVED = (
    *("logs/", ".snakemake/log/", ".snakemake/iocache/", ".snakemake/auxiliary/", ".snakemake/scripts/"),
    *(".snakemake/incomplete/", "cache/lineage/", "dvc_plots/"),
)
"""What runs and commands of this study wrote beside its results, and rewrite where needed."""
PAGE = "lineage.html"
IMPORTED = f"data/*/{TABLE}"
LISTS = ("withdrawn.json", "withdrawals/")
"""They name who must not come in again."""


@dataclass(frozen=True)
class Remains:
    """Places by what becomes of them; paths below the workspace.

    derived : go now. tables : imported metadata, of which the rows go now.
    again : the next run makes them again. records : of lineage/, which no run rewrites.
    committed : files that git knows. yours : all others. unread : what could not be looked into.
    """

    derived: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    again: list[Trace] = field(default_factory=list)
    records: list[Trace] = field(default_factory=list)
    committed: list[Trace] = field(default_factory=list)
    yours: list[Trace] = field(default_factory=list)
    unread: list[Trace] = field(default_factory=list)


def remains(traces: Traces, root: Path, made: Container[str]) -> Remains:
    """Sort what was found.

    Parameters
    ----------
    made : files that jobs made.
    """
    committed = tracked(root)
    left = Remains(unread=traces.unread)
    for trace in traces.named:
        if trace.path.startswith(LISTS):
            continue
        if trace.path.startswith(DERIVED) or trace.path == PAGE:
            left.derived.append(trace.path)
        elif matches(trace.path, [IMPORTED]) and trace.path not in made:
            left.tables.append(trace.path)
        elif trace.path in made or trace.path.startswith(("results/", METADATA)):
            left.again.append(trace)
        elif trace.path.startswith(f"{FOLDER}/"):
            left.records.append(trace)
        else:
            (left.committed if trace.path in committed else left.yours).append(trace)
    return left
