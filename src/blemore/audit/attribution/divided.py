"""The change in Score between two runs, divided: each share with the changes behind it, and why a rest could not be divided."""

from dataclasses import replace
from pathlib import Path

import blemore
from blemore.audit.attribution import factors as parts
from blemore.audit.attribution.factors import Found
from blemore.audit.attribution.split import Split, split
from joblineage.comparing import Cause
from joblineage.errors import refuse
from joblineage.files import sha256
from joblineage.graph import reached
from joblineage.outcome import UNSEEN, Outcome
from joblineage.record import LOGIC
from joblineage.restoring import Restorer
from joblineage.run_view import RunView
from joblineage.store import Document

PACKAGE = "src/blemore/"


def divide(outcome: Outcome, seeds: int) -> Split:
    """Divide the change in Score between two runs.

    Parameters
    ----------
    seeds : as for `attribution.split`.

    Raises
    ------
    DataError : a run has no score, no fusion or no calibration.
    """
    sides = {"A": outcome.comparison.a, "B": outcome.comparison.b}
    absent = [(side, rule) for side in sides.values() for rule in parts.STAGES if rule not in side.records]
    refuse("--attribute", (f"run {side.name[:12]} has no record of {rule}" for side, rule in absent))
    restorer = Restorer([side.store for side in sides.values()])
    a, b = (parts.found(side, restorer) for side in sides.values())
    division = split(a, b, *outcome.headline["score"], seeds=seeds)
    groups = parts.factors(a, b)
    merged = frozenset().union(*(groups[name] for name in division.merged))
    unstored = [
        _unstored(outcome, part, letter, sides[letter], run.files[part], restorer)
        for part in [*sorted({*a.files, *b.files} - {parts.CLIPS}), parts.CLIPS]
        for letter, run in (("A", a), ("B", b))
        if not run.has(part)
    ]
    shares = [
        replace(share, behind=_behind(outcome, groups.get(share.factor, merged), a, b)) for share in division.shares
    ]
    return replace(division, shares=shares, unstored=unstored, code=_code(outcome))


def _behind(outcome: Outcome, members: frozenset[str], a: Found, b: Found) -> list[str]:
    """The causes that a factor's parts came from."""
    makers = outcome.comparison.b.makers | outcome.comparison.a.makers
    files = {**a.files, **b.files}
    reasons = []
    for cause in outcome.causes:
        reached = {*cause.began, *outcome.comparison.following(cause.began)}
        begins = {
            parts.OPTIONS: "fuse" in cause.began and _of_the_study(cause) and not _of_decoding(cause),
            parts.SEED: "fuse" in cause.began and cause.change.kind == "seed",
            parts.DECODING: _of_decoding(cause),
            parts.CLIPS: "clips" in reached,
        }
        if any(
            begins[member] if member in begins else makers.get(files[member]["path"]) in reached
            for member in sorted(members)
        ):
            reasons.append(str(cause.change))
    return reasons


def _of_the_study(cause: Cause) -> bool:
    """Whether a cause is a parameter, and not one by which an encoder takes part."""
    name = cause.change.name
    return cause.change.kind == "parameter" and (not name.startswith("encoders.") or name.endswith(".module"))


def _of_decoding(cause: Cause) -> bool:
    """Whether a cause is the parameter `decoding`."""
    return cause.change.kind == "parameter" and cause.change.name.partition(" of ")[0].split(".")[-1] == "decoding"


def _unstored(outcome: Outcome, part: str, letter: str, side: RunView, file: Document, restorer: Restorer) -> str:
    """What has to be done before a part can be replayed, and which jobs make it."""
    path, sha = file["path"], file["sha256"]
    maker = [side.makers[path]] if path in side.makers else []
    chain = sorted(reached(maker, side.above), key=lambda name: (side.depths[name], name))  # makers before readers
    jobs = [job for job in chain if job in outcome.comparison.jobs] or maker or ["no recorded job"]
    what = "needs dvc fetch, or retraining" if restorer.versioned(sha) else "needs retraining"
    shown = f"{', '.join(jobs[:4])}{f' and {len(jobs) - 4} more' if len(jobs) > 4 else ''}"
    return f"{part} of {letter} {what}: {path} {sha[:8]} is not stored here ({shown})"


def _code(outcome: Outcome) -> list[str]:
    """Modules of the cheap stages that are not here as a run had them."""
    reasons = []
    folder = Path(blemore.__file__).parent
    for letter, side in (("A", outcome.comparison.a), ("B", outcome.comparison.b)):
        inputs = [input_ for rule in parts.STAGES for input_ in side.records[rule]["inputs"] if input_["role"] in LOGIC]
        sums = {input_["path"]: input_["sha256"] for input_ in inputs}
        modules = [path for path in sorted(sums) if path.startswith(PACKAGE) and not path.startswith(UNSEEN)]
        here = {path: folder / path.removeprefix(PACKAGE) for path in modules}
        other = [path for path, file in here.items() if not (file.is_file() and sha256(file) == sums[path])]
        if other:
            reasons.append(f"needs the other code: {letter} was made with another {', '.join(other)} than the one here")
    return reasons
