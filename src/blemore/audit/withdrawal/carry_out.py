"""A planned withdrawal, carried out and reported. Whatever breaks it off, it can be run again: what it works from is never removed.

The order: the denylist first, so that nothing comes in again meanwhile; what a service made next, since only the pieces
tell which it is; then the remotes and DVC's cache; the workspace last.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from blemore.audit.withdrawal.places import forget
from blemore.audit.withdrawal.plan import Plan
from blemore.audit.withdrawal.shortened import KEPT, whole
from blemore.audit.withdrawal.traces import Trace
from blemore.datasets.sources import without_rows
from blemore.datasets.withdrawn import FILE, NOBODY, Withdrawn, write_withdrawn
from joblineage import recovery, workspace
from joblineage.capture import user
from joblineage.errors import DataError
from joblineage.files import write_bytes, write_text

NOTES = Path(KEPT).parent
"""Folder of the notes. Git does not take them: they name a person, and the stores of one machine."""
SHOWN = 20
"""So many of a list's entries are named; more are counted."""
AFTER = """
Until `snakemake submission` (or `dvc repro`) has run again, `blemore lineage verify` says WITHDRAWN. After it, `dvc push` sends
the new study, and `dvc gc --workspace --cloud --remote NAME` keeps the present version alone, without what older ones derived.
Then run this once more: it removes that run's log, and shows what still names them.
A person's test clips carry no name: withdraw them one by one with --clip.
"""


def carry_out(root: Path, plan: Plan) -> tuple[Plan, str]:
    """Do it, and keep the note.

    Returns
    -------
    the plan as it was carried out (a store that failed is away), and the note.

    Raises
    ------
    DataError : a run is at work in this workspace.
    """
    if recovery.survey(root)[0]:
        raise DataError(str(root), ["a run is at work here: wait for it, or end it first"])
    now = datetime.now(UTC)
    today = now.date().isoformat()
    keep(root, whole(root)[0].adding(plan.kind, plan.name, today, plan.clips))
    workspace.remove([*plan.vectors, *plan.states])
    failed = {}
    for place, md5s in reversed(plan.objects):
        try:
            place.remove(md5s)
        except Exception as error:  # whatever a store's own library raises: it is reported, and the others go on
            failed[place.name] = f"{type(error).__name__}: {error}"
    workspace.remove(root / file for file in plan.files)
    for table in (root / name for name in plan.remains.tables):
        write_bytes(table, without_rows(table.read_bytes(), NOBODY.adding(plan.kind, plan.name, today, ())))
    forget(root)
    objects = [(place, md5s) for place, md5s in plan.objects if place.name not in failed]
    done = replace(plan, objects=objects, away=plan.away | failed)
    text = note(done, f"Done {now.isoformat(timespec='seconds')}")
    path = root / NOTES / f"{today}-{plan.name}.md"
    write_text(path, (path.read_text("utf-8") + "\n" if path.exists() else "") + text)
    return done, text


def keep(root: Path, withdrawn: Withdrawn) -> None:
    """Write the denylist, and the copy that a rolled back one is noticed by."""
    write_withdrawn(root / FILE, withdrawn)
    write_withdrawn(root / KEPT, withdrawn)


def take_back(root: Path, name: str, reason: str) -> None:
    """Consent was given again: what was withdrawn by that name holds no longer, from the next run on.

    Raises
    ------
    DataError : nothing is withdrawn by that name, or `reason` is empty or no single line.
    """
    today = datetime.now(UTC).date().isoformat()
    keep(root, whole(root)[0].revoking(name, today, user() or "unknown", reason))


def note(plan: Plan, when: str) -> str:
    """The note, as Markdown.

    Parameters
    ----------
    when : "Done 2026-11-26T07:00:00+00:00", or that nothing was done yet.
    """
    removed = [
        f"denylist: withdrawn.json names {plan.kind} {plan.name} ({len(plan.clips)} clips); commit it, other clones honour it",
        *_folders(plan.files),
        *(f"{table}: the rows" for table in plan.remains.tables),
        f"cache of services: {len(plan.vectors)} vectors; states of trainings broken off: {len(plan.states)}",
        *(f"{_called(place.name)}: {len(md5s)} objects" for place, md5s in plan.objects),
        "what DVC remembers of names of files, outside this folder",
    ]
    unread = f"{plan.unread} versions of the pieces lie neither here nor in a remote named: which vectors came of them is not known"
    away = [
        *(
            f"{_called(remote)} could not be reached ({why}): run this again when it can"
            for remote, why in plan.away.items()
        ),
        *(f"remote {name} was not named (--remote {name})" for name in plan.unnamed),
        "other clones with their data/, results/ and caches: after `git pull`, run this there too",
        "the files that data was imported from, and backups",
        "what was handed on: submissions, crates, reports, pieces sent to a service",
        *([unread] if plan.unread else []),
    ]
    left = plan.remains
    committed = [remnant.path for remnant in left.committed]
    remains = [
        f"this commit's files (`git grep -lw {plan.name}`): {', '.join(committed[:SHOWN]) or 'none'}"
        + ", ..." * (len(committed) > SHOWN),
        f"git's history: `git log --all --oneline -S {plan.name}` says where; only a rewritten one (`git filter-repo`) is without",
        "withdrawn.json and withdrawals/: so that nobody comes in again",
        *(f"{line}, until the study has run again" for line in _folders(remnant.path for remnant in left.again)),
        *(
            f"{line} of records: names and hashes, no picture or sound"
            for line in _folders(record.path for record in left.records)
        ),
        "cache/gemini*/ledger.jsonl: what was paid, without a name",
        *(
            f"{_called(name)}: {number} derived files (tables of probabilities, trained weights), until `dvc gc`"
            for name, number in plan.derived.items()
        ),
    ]
    again = [f"{rule}: {number}" for rule, number in plan.again.items()]
    parts = {
        "Removed": removed,
        "Not reached": away,
        "Still names them": remains,
        "Yours, and still names them: look at each": _each(left.yours),
        "Could not be looked into": _each(left.unread),
        "Must be done again, trainings included (rule: jobs)": again
        or ["nothing: no result here depends on the clips"],
    }
    text = "".join(f"\n## {title}\n\n" + "".join(f"- {line}\n" for line in lines) for title, lines in parts.items())
    return f"# Consent withdrawn: {plan.kind} {plan.name}\n\n{when}.\n{text}{AFTER}"


def _folders(paths: Iterable[str]) -> list[str]:
    """How many files in each folder, a line each; of very many folders only the number."""
    counted = Counter(path.rpartition("/")[0] or path for path in paths)
    lines = [f"{folder}: {number} files" for folder, number in sorted(counted.items())]
    return lines[:SHOWN] + [f"... and {len(lines) - SHOWN} more folders"] * (len(lines) > SHOWN)


def _each(traces: list[Trace]) -> list[str]:
    """A line for each; where a folder has very many of them, one for the folder."""
    folders = Counter(trace.path.rpartition("/")[0] for trace in traces)
    many = {folder: number for folder, number in folders.items() if number > SHOWN}
    lines = [f"{trace.path}: {trace.what}" for trace in traces if trace.path.rpartition("/")[0] not in many]
    return [*lines, *(f"{folder}: {number} files" for folder, number in many.items())] or ["nothing was found"]


def _called(name: str) -> str:
    return "DVC's local cache" if name == "local cache" else f"remote {name}"
