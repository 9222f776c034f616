"""A planned withdrawal, done. Whatever breaks it off, it can be run again: what it works from is never removed.

The order: the denylist first, so that nothing comes in again meanwhile; what a service made next, since only the pieces
tell which it is; then the remotes and DVC's cache; the workspace last.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from blemore.audit.withdrawal.note import note
from blemore.audit.withdrawal.plan import Plan
from blemore.datasets.withdrawn import FILE, read_withdrawn, write_withdrawn
from joblineage import recovery, workspace
from joblineage.errors import DataError
from joblineage.files import write_text

NOTES = "withdrawals"
"""Folder of the notes. Git does not take them: they name a person, and the stores of one machine."""


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
    write_text(path, (path.read_text() + "\n" if path.exists() else "") + text)
    return done, text
