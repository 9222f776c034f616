"""Consent withdrawn: persons and clips that are never listed, imported or generated again.

`withdrawn.json` in the study's folder belongs in git: every clone honours it. `blemore withdraw` writes it; a list of

    {"person": "A26", "date": "2026-11-23", "sha256": ["..."]}        all training clips of a person
    {"clip": "test_0007", "date": "2026-11-23", "sha256": ["..."]}    one clip; a test clip's name shows no person

`sha256` are those of the clips that were removed: their content is known also under another name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from blemore.params.schema import check_list
from joblineage.errors import MissingDataError
from joblineage.files import read_json, write_json

FILE = "withdrawn.json"
REASON = "withdrawn"
"""In a clips table's column `quarantine`: a withdrawn test clip, which the challenge's template still asks for."""

NAME = {"type": "string", "pattern": "^[A-Za-z0-9]+(_[A-Za-z0-9]+)*$"}
ENTRY = {
    "person": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
    "clip": NAME,
    "date": {"type": "string", "format": "date", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "sha256": {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "uniqueItems": True},
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": ENTRY,
        "required": ["date", "sha256"],
        "oneOf": [{"required": ["person"]}, {"required": ["clip"]}],
        "$comment": "needs either a person or a clip",
        "additionalProperties": False,
    },
}
WORDS = ("what was withdrawn", "entry")


@dataclass(frozen=True)
class Withdrawn:
    """Who and what was withdrawn.

    entries : as in the file.
    """

    entries: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def named(cls, persons: Iterable[str], clips: Iterable[str]) -> "Withdrawn":
        """Out of names alone, as `names` gives them."""
        found = [{"person": name} for name in persons] + [{"clip": name} for name in clips]
        return cls(tuple({**entry, "date": "", "sha256": []} for entry in found))

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """{"persons", "clips"}, sorted: what a job needs to know, without dates."""
        return {f"{kind}s": sorted({entry[kind] for entry in self.entries if kind in entry}) for kind in ENTRY_KINDS}

    @cached_property
    def sha256(self) -> frozenset[str]:
        """sha256 of every clip that was removed."""
        return frozenset(digest for entry in self.entries for digest in entry["sha256"])

    def holds(self, clip: str) -> bool:
        """Whether a clip, by its name without extension, was withdrawn, by itself or with its person."""
        return clip in self.names["clips"] or clip.partition("_")[0] in self.names["persons"]

    def adding(self, kind: str, name: str, day: str, sha256: Iterable[str]) -> "Withdrawn":
        """The list with one more entry; of one that is there already only `sha256` grows.

        Parameters
        ----------
        kind : "person" or "clip". day : "2026-11-23".
        """
        known = next(
            (entry for entry in self.entries if entry.get(kind) == name), {kind: name, "date": day, "sha256": []}
        )
        entry = {**known, "sha256": sorted({*known["sha256"], *sha256})}
        return Withdrawn((*(one for one in self.entries if one.get(kind) != name), entry))

    def kept(self, files: Iterable[str]) -> list[str]:
        """The paths of clips that were not withdrawn."""
        return [file for file in files if not self.holds(PurePosixPath(file).stem)]


ENTRY_KINDS = ("person", "clip")
NOBODY = Withdrawn()


def read_withdrawn(path: str | Path) -> Withdrawn:
    """The denylist, checked.

    Raises
    ------
    MissingDataError : no such file. Nothing is guessed: a lost file must not bring anybody back.
    DataError : not JSON, or an entry is not in the form above.
    """
    path = Path(path)
    if not path.exists():
        advice = f"`git checkout {path.name}` brings it back; where nobody has withdrawn it holds []"
        raise MissingDataError(str(path), [f"the list of who withdrew consent is missing: {advice}"])
    entries = read_json(path)
    check_list(entries, SCHEMA, str(path), WORDS)
    return Withdrawn(tuple(entries))


def known_withdrawn(path: Path) -> Withdrawn:
    """The denylist as `read_withdrawn` gives it; nobody where there is no such file."""
    return read_withdrawn(path) if path.exists() else NOBODY


def write_withdrawn(path: str | Path, withdrawn: Withdrawn) -> None:
    """Write the denylist, checked, whole or not at all."""
    entries = [dict(entry) for entry in withdrawn.entries]
    check_list(entries, SCHEMA, str(path), WORDS)
    write_json(path, entries)
