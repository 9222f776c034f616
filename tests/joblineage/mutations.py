"""One file of a study changed in one way, by a number: whatever lies there, `verify` must give a verdict."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml

from joblineage.store import canonical, digest, merkle_root

KINDS = {
    "record": "lineage/records/*.json",
    "run": "lineage/runs/*.json",
    "object": "lineage/objects/*",
    "metadata": ".snakemake/metadata/**/*",
    "lock": "dvc.lock",
    "cache": "cache/lineage/status.json",
    "result": "results/**/*",
}
"""Kinds of files that are changed, and where they lie."""
NESTED = 100_000
ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        10**400,
        2**53,
        "",
        "x",
        "\0",
        "a\nb",
        "\ud800",
        "../../x",
        "/dev/zero",
        "0" * 64,
        "f" * 64,
    ),
    *([], {}, [[]], [None], {"": None}, {"a": {"b": 1}}, ["x", 1], float("nan"), float("inf"), "9" * 5000, "A" * 300),
)
"""Values that no field expects."""
BYTES: tuple[bytes, ...] = (
    *(
        b"",
        b"[]",
        b"null",
        b"{}",
        b"0",
        b'"x"',
        b"NaN",
        b"1e999",
        b"9" * 5000,
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\0" * 99,
    ),
    *(b"[" * NESTED, b'{"a":' * NESTED, b"[" * 900 + b"]" * 900, b"- " * NESTED, b"caf\xe9: 1", b'{"a":1,"a":2}'),
    *(b"a: 2024-99-99", b"&a [*a]", b'"\\ud800"', b"{", b"stages: 1", b"stages: {a: {outs: 1, deps: 1, cmd: 1}}"),
)
"""What a whole file may hold."""


class Changed:
    """Changes files below a folder and puts them back."""

    def __init__(self, root: Path):
        self.root = root
        self.before: dict[Path, bytes | None] = {}

    def clear(self, path: Path) -> None:
        """Take away what lies there; what it was is kept."""
        if path not in self.before:
            self.before[path] = path.read_bytes() if path.is_file() else None
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def write(self, path: Path, data: bytes) -> None:
        """Other bytes in a file, or a new file."""
        self.clear(path)
        path.write_bytes(data)

    def restore(self) -> None:
        """All as it was."""
        for path, data in self.before.items():
            self.clear(path)
            if data is not None:
                path.write_bytes(data)


@contextmanager
def mutated(root: Path, seed: int) -> Iterator[tuple[str, Path]]:
    """The study with one change, the same for the same seed: (kind of file, the file). Afterwards it is as it was.

    Parameters
    ----------
    root : folder of a study; its files, not links to those of another one.
    """
    chance, changed = random.Random(seed), Changed(root)
    there = {kind: sorted(path for path in root.glob(one) if path.is_file()) for kind, one in KINDS.items()}
    kind = chance.choice([kind for kind, paths in there.items() if paths])
    path = chance.choice(there[kind])
    try:
        chance.choice((_other_bytes, _other_thing, _cut, _other_value, _other_value, _other_value))(
            changed, path, chance
        )
        yield kind, path
    finally:
        changed.restore()


def _other_bytes(changed: Changed, path: Path, chance: random.Random) -> None:
    changed.write(path, chance.choice(BYTES))


def _cut(changed: Changed, path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if data and chance.random() < 0.5:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    else:
        del data[chance.randrange(max(1, len(data))) :]
    changed.write(path, bytes(data))


def _other_thing(changed: Changed, path: Path, chance: random.Random) -> None:
    changed.clear(path)
    chance.choice(THINGS)(path)


THINGS: tuple[Callable[[Path], object], ...] = (
    lambda path: None,
    lambda path: path.mkdir(),
    lambda path: os.mkfifo(path),
    lambda path: path.symlink_to(path.name),
    lambda path: path.symlink_to("nowhere"),
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.symlink_to(path.parent),
)
"""What may lie in the place of a file."""


def _other_value(changed: Changed, path: Path, chance: random.Random) -> None:
    """One value of a document is another; half of the records and runs get a fitting name, and are listed, again."""
    try:
        value = yaml.safe_load(path.read_bytes()) if path.name == "dvc.lock" else json.loads(path.read_bytes())
    except (ValueError, yaml.YAMLError):
        return _cut(changed, path, chance)
    spots = list(_spots(value))
    if not spots:
        return _cut(changed, path, chance)
    where, name = chance.choice(spots)
    what, odd = chance.randrange(8), chance.choice(ODD)
    if what == 0:
        del where[name]
    elif what == 1 and isinstance(where, dict):
        where[chance.choice(("more", "", "\0"))] = odd
    elif what == 2 and path.parent.name == "records":  # a job that reads what it makes, or what another makes of that
        where = value["inputs"] or value["outputs"]
        where[0]["path"] = chance.choice(value["outputs"])["path"]
    else:
        where[name] = odd
    data = json.dumps(value).encode(errors="surrogatepass")
    if path.parent.parent.name != "lineage" or chance.random() < 0.5:
        return changed.write(path, data)
    with suppress(ValueError):  # what cannot be written so stays spelled as it is
        data = canonical(value)
    renamed = path.with_name(digest(data) + path.suffix)
    changed.clear(path)
    changed.write(renamed, data)
    if path.parent.name == "records":
        _relist(changed, path.stem, renamed.stem)


def _relist(changed: Changed, old: str, new: str) -> None:
    """Runs that listed a record list it under its new name."""
    for path in sorted((changed.root / "lineage/runs").glob("*.json")):
        run = json.loads(path.read_bytes())
        for part in ("executed", "reused", "superseded"):
            run[part] = sorted(new if one == old else one for one in run[part])
        run["root"] = merkle_root([*run["executed"], *run["reused"]])
        changed.clear(path)
        changed.write(path.with_name(f"{digest(canonical(run))}.json"), canonical(run))


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """(list or object, index or name) of every value in a document."""
    names: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from _spots(value[name])
