"""A list of who withdrew that was rolled back would take somebody in again: it is compared with every list known from before.

Known are the copy that the last withdrawal on this machine kept, those that this study's runs kept in lineage/, and those in
git's history, on any branch. A list that was in none of them is not known.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from blemore.datasets.withdrawn import ENTRY_KINDS, FILE, Withdrawn, known_withdrawn, parse_withdrawn
from joblineage.errors import DataError, refuse
from joblineage.files import parse_json
from joblineage.store import FOLDER
from joblineage.workspace import committed

KEPT = "withdrawals/withdrawn.json"
"""The list as the last withdrawal on this machine left it. Git does not take it, so git does not roll it back."""


def refuse_shortened(root: Path) -> None:
    """Refuse a list that lacks what an earlier one had: before anything is planned or imported.

    Raises
    ------
    DataError : one fault for each person or clip, with the command.
    """
    refuse(str(root / FILE), lacking(root))


def lacking(root: Path) -> list[str]:
    """One sentence for each person or clip of whom the present list lacks what an earlier one had."""
    _, missing = whole(root)
    return [
        f"lacks {kind} {name}, or hashes of its clips, which an earlier list has ({source}): `blemore withdraw --{kind} "
        f"{name}` puts that back; if consent was given again, `blemore withdraw --revoke {name} --reason WHY`"
        for (kind, name), source in missing.items()
    ]


def whole(root: Path) -> tuple[Withdrawn, dict[tuple[str, str], str]]:
    """The present list with all that earlier ones say more, and {(kind, name): the earlier list that says more}.

    The n-th entry of a name is compared with the n-th one: whoever withdrew, came back and withdrew again has two.
    """
    entries = list(known_withdrawn(root / FILE).entries)
    missing: dict[tuple[str, str], str] = {}
    for source, known in _earlier(root):
        for kind, name in {
            (kind, entry[kind]): None for entry in known.entries for kind in ENTRY_KINDS if kind in entry
        }:
            for mine, theirs in zip_longest(Withdrawn(tuple(entries)).of(kind, name), known.of(kind, name)):
                if theirs is None or (mine and {*theirs["sha256"]} <= {*mine["sha256"]}):
                    continue
                missing.setdefault((kind, name), source)
                if mine is None:
                    entries.append(theirs)
                else:
                    sums = sorted({*mine["sha256"], *theirs["sha256"]})
                    entries[entries.index(mine)] = {**mine, "sha256": sums}
    return Withdrawn(tuple(entries)), missing


def _earlier(root: Path) -> Iterator[tuple[str, Withdrawn]]:
    """(where it is known from, list). What cannot be read is passed over: `verify` speaks of broken copies."""
    where = {data: place for place, data in _copies(root)}  # each content once
    for data, place in where.items():
        with suppress(DataError):
            yield place, parse_withdrawn(data, place)


def _copies(root: Path) -> Iterator[tuple[str, bytes]]:
    """(where, bytes) of every copy."""
    yield from (("git's history", data) for data in committed(root, FILE))
    for path in (root / FOLDER / "runs").glob("*.json"):  # no Store, which reads all records too
        with suppress(OSError, ValueError, KeyError, TypeError):
            yield (
                "a run's copy",
                (root / FOLDER / "objects" / parse_json(path.read_bytes())["study"][FILE]).read_bytes(),
            )
    with suppress(OSError):
        yield KEPT, (root / KEPT).read_bytes()
