"""Consent withdrawn: persons and clips that are never listed, imported or generated again.

`withdrawn.json` in the study's folder belongs in git: every clone honours it. `blemore withdraw` writes it; a list of

    {"person": "A26", "date": "2026-11-23", "sha256": ["..."]}        all training clips of a person
    {"clip": "test_0007", "date": "2026-11-23", "sha256": ["..."]}    one clip; a test clip's name shows no person

`sha256` are those of the clips that were removed: their content is known also under another name. No entry is ever taken
out: one that no longer holds gets `"revoked": {"date": "2026-12-01", "by": "ann", "reason": "consent given again"}`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from blemore.params.schema import check_list
from blemore.scoring.reading import load_json
from joblineage.errors import DataError, MissingDataError
from joblineage.files import write_json

FILE = "withdrawn.json"
REASON = "withdrawn"
"""In a clips table's column `quarantine`: a withdrawn test clip, which the challenge's template still asks for."""

NAME = {"type": "string", "pattern": "^[A-Za-z0-9]+(_[A-Za-z0-9]+)*$"}
DATE = {"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
LINE = {"type": "string", "pattern": r"^[^\x00-\x1f\x7f-\x9f]*\S[^\x00-\x1f\x7f-\x9f]*$", "maxLength": 500}
REVOKED = {"date": DATE, "by": LINE, "reason": LINE}
ENTRY = {
    "person": {"type": "string", "pattern": "^[A-Za-z0-9]+$"},
    "clip": NAME,
    "date": DATE,
    "sha256": {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "uniqueItems": True},
    "revoked": {
        "type": "object",
        "properties": REVOKED,
        "required": [*REVOKED],
        "additionalProperties": False,
    },
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
        entries = [{"person": name} for name in persons] + [{"clip": name} for name in clips]
        return cls(tuple({**entry, "date": "", "sha256": []} for entry in entries))

    def of(self, kind: str, name: str) -> list[Mapping[str, Any]]:
        """The entries of a person or clip, revoked ones too, in their order."""
        return [entry for entry in self.entries if entry.get(kind) == name]

    @cached_property
    def standing(self) -> list[Mapping[str, Any]]:
        """The entries that were not revoked."""
        return [entry for entry in self.entries if "revoked" not in entry]

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """{"persons", "clips"}, sorted: what a job needs to know, without dates."""
        return {f"{kind}s": sorted({entry[kind] for entry in self.standing if kind in entry}) for kind in ENTRY_KINDS}

    @cached_property
    def digest(self) -> str:
        """sha256 of `names`: with it as a parameter a job runs again when they change, and its record names nobody."""
        return hashlib.sha256(json.dumps(self.names, sort_keys=True).encode()).hexdigest()

    @cached_property
    def sha256(self) -> frozenset[str]:
        """sha256 of every clip that was removed."""
        return frozenset(digest for entry in self.standing for digest in entry["sha256"])

    def holds(self, clip: str) -> bool:
        """Whether a clip, by its name without extension, was withdrawn, by itself or with its person."""
        return clip in self.names["clips"] or clip.partition("_")[0] in self.names["persons"]

    def adding(self, kind: str, name: str, day: str, sha256: Iterable[str]) -> "Withdrawn":
        """The list with one more entry; of one that stands there already only `sha256` grows.

        Parameters
        ----------
        kind : "person" or "clip". day : "2026-11-23".
        """
        new = {kind: name, "date": day, "sha256": []}
        known = next((entry for entry in self.standing if entry.get(kind) == name), new)
        entry = {**known, "sha256": sorted({*known["sha256"], *sha256})}
        return Withdrawn((*(entry for entry in self.entries if entry is not known), entry))

    def revoking(self, name: str, day: str, by: str, reason: str) -> "Withdrawn":
        """The list in which what was withdrawn by that name, a person's or a clip's, holds no longer; the entry stays.

        Raises
        ------
        DataError : no such entry stands.
        """
        revoked = {"date": day, "by": by, "reason": reason}
        held = [entry for entry in self.standing if name in (entry.get("person"), entry.get("clip"))]
        if not held:
            raise DataError(f"--revoke {name}", ["no person and no clip of this name is withdrawn"])
        return Withdrawn(tuple({**entry, "revoked": revoked} if entry in held else entry for entry in self.entries))

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
    if not path.is_file():
        advice = f"`git checkout {path.name}` brings it back; where nobody has withdrawn it holds []"
        raise MissingDataError(str(path), [f"the list of who withdrew consent is missing: {advice}"])
    return parse_withdrawn(path.read_bytes(), str(path))


def parse_withdrawn(data: bytes, where: str) -> Withdrawn:
    """A denylist out of the file's bytes, checked.

    Raises
    ------
    DataError : not JSON, a key stands twice, or an entry is not in the form above.
    """
    entries = load_json(data, where, strict=True)
    check_list(entries, SCHEMA, where, WORDS)
    return Withdrawn(tuple(entries))


def read_same(path: str | Path, digest: str) -> Withdrawn:
    """The denylist as it was when a job was planned.

    Raises
    ------
    DataError : its names have another digest by now.
    """
    withdrawn = read_withdrawn(path)
    if withdrawn.digest != digest:
        raise DataError(str(path), ["somebody was added or taken out since this run began: start it again"])
    return withdrawn


def known_withdrawn(path: Path) -> Withdrawn:
    """The denylist as `read_withdrawn` gives it; nobody where there is no such file."""
    return read_withdrawn(path) if path.exists() else NOBODY


def write_withdrawn(path: str | Path, withdrawn: Withdrawn) -> None:
    """Write the denylist, checked, whole or not at all."""
    entries = [dict(entry) for entry in withdrawn.entries]
    check_list(entries, SCHEMA, str(path), WORDS)
    write_json(path, entries)
