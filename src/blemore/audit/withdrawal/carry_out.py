"""A planned withdrawal, done, and told in words. Whatever breaks it off, it can be run again: what it works from is never removed.

The order: the denylist first, so that nothing comes in again meanwhile; what a service made next, since only the pieces
tell which it is; then the remotes and DVC's cache; the workspace last.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from blemore.audit.withdrawal.plan import Plan
from blemore.datasets.withdrawn import FILE, read_withdrawn, write_withdrawn
from joblineage import recovery, workspace
from joblineage.errors import DataError
from joblineage.files import write_text

NOTES = "withdrawals"
"""Folder of the notes. Git does not take them: they name a person, and the stores of one machine."""
SHOWN = 20
"""So many of a list's entries are named; more are counted."""
AFTER = """
Until `snakemake submission` (or `dvc repro`) has run again, `blemore lineage verify` says WITHDRAWN. After it, `dvc push` sends
the new study, and `dvc gc --workspace --cloud --remote NAME` keeps the present version alone, without what older ones derived.
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
    write_withdrawn(root / FILE, read_withdrawn(root / FILE).adding(plan.kind, plan.name, today, plan.clips))
    workspace.remove([*plan.vectors, *plan.states])
    failed = {}
    for place, md5s in reversed(plan.objects):
        try:
            place.remove(md5s)
        except Exception as error:  # whatever a store's own library raises: it is told, and the others go on
            failed[place.name] = f"{type(error).__name__}: {error}"
    workspace.remove(root / file for file in plan.files)
    objects = [(place, md5s) for place, md5s in plan.objects if place.name not in failed]
    done = replace(plan, objects=objects, away=plan.away | failed)
    text = note(done, f"Done {now.isoformat(timespec='seconds')}")
    path = root / NOTES / f"{today}-{plan.name}.md"
    write_text(path, (path.read_text("utf-8") + "\n" if path.exists() else "") + text)
    return done, text


def note(plan: Plan, when: str) -> str:
    """The note, as Markdown.

    Parameters
    ----------
    when : "Done 2026-11-26T07:00:00+00:00", or that nothing was done yet.
    """
    folders = sorted(Counter(path.rpartition("/")[0] for path in plan.files).items())
    removed = [
        f"denylist: withdrawn.json names {plan.kind} {plan.name} ({len(plan.clips)} clips); commit it, other clones honour it",
        *(f"{folder}: {number} files" for folder, number in folders[:SHOWN]),
        *([f"... and {len(folders) - SHOWN} more folders"] if len(folders) > SHOWN else []),
        f"cache of services: {len(plan.vectors)} vectors; states of trainings broken off: {len(plan.states)}",
        *(f"{_called(place.name)}: {len(md5s)} objects" for place, md5s in plan.objects),
    ]
    unread = f"{plan.unread} versions of the pieces lie neither here nor in a remote named: which vectors came of them is not known"
    away = [
        *(f"{_called(one)} could not be reached ({why}): run this again when it can" for one, why in plan.away.items()),
        *(f"remote {name} was not named (--remote {name})" for name in plan.unnamed),
        "other clones with their data/, results/ and caches: after `git pull`, run this there too",
        "the files that data was imported from, and backups",
        "what was handed on: submissions, crates, reports, pieces sent to a service",
        *([unread] if plan.unread else []),
    ]
    remains = [
        "git's history: names of clips and persons in what was committed (withdrawn.json itself, so that clones honour it)",
        "results/: tables, trained weights and thresholds of the jobs below, until the study has run again",
        "lineage/: records that name the clips (hashes, no picture or sound)",
        *(
            f"{_called(name)}: {number} derived files (tables of probabilities, trained weights)"
            for name, number in plan.derived.items()
        ),
    ]
    again = [f"{rule}: {number}" for rule, number in plan.again.items()]
    parts = {
        "Removed": removed,
        "Not reached": away,
        "Remains, derived from the clips": remains,
        "Must be done again, trainings included (rule: jobs)": again or ["nothing: no result here hangs on the clips"],
    }
    text = "".join(f"\n## {title}\n\n" + "".join(f"- {line}\n" for line in lines) for title, lines in parts.items())
    return f"# Consent withdrawn: {plan.kind} {plan.name}\n\n{when}.\n{text}{AFTER}"


def _called(name: str) -> str:
    return "DVC's local cache" if name == "local cache" else f"remote {name}"
