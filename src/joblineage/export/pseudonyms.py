"""Which private names an export may tell: none, unless it is asked to.

A study says which names are private, "A412": they may occur in file names, in paths, in wildcards and in tables. In an
export each is a pseudonym, HMAC-SHA256 of the name under a random salt: the same one all over the export. A salt that is
not kept cannot be asked again who was who.
"""

import hmac
import io
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage.errors import DataError
from joblineage.files import write_bytes

SALT_BYTES = 32
PICTURE = re.compile(r'"data:[^"]*"')
"""A picture inside a page: letters and digits that mean nothing."""


@dataclass(frozen=True)
class Names:
    """The private names of a study, and what an export calls them.

    private : as the study has them.
    salt : of the pseudonyms; None: the export tells the names.
    kept : whether somebody keeps the salt, so that the pseudonyms are of use.
    """

    private: frozenset[str]
    salt: bytes | None
    kept: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any of the names: A41 is not found in A412, nor in BA41."""
        words = "|".join(map(re.escape, sorted(self.private))) or r"(?!)"
        return re.compile(rf"(?<![A-Za-z0-9])(?:{words})(?![0-9])")

    def pseudonym(self, name: str) -> str:
        """What this export says for a name: "p" and ten hex digits, or the name itself."""
        return name if self.salt is None else "p" + hmac.digest(self.salt, name.encode(), "sha256").hex()[:10]

    def shown(self, value: Any) -> Any:
        """JSON's kind of value with every private name replaced, in keys too.

        Lists that held names are sorted again: a name's place among the others would give it away.
        """
        if self.salt is None:
            return value
        if isinstance(value, str):
            return self._pattern.sub(lambda match: self.pseudonym(match[0]), value)
        if isinstance(value, Mapping):
            pairs = [(self.shown(name), self.shown(inner)) for name, inner in value.items()]
            return dict(sorted(pairs) if any(map(self.tells, value)) else pairs)
        if isinstance(value, list | tuple):
            shown = [self.shown(inner) for inner in value]
            return sorted(shown, key=str) if shown != list(value) else shown
        return value

    def tells(self, text: str) -> bool:
        """Whether a text holds one of them."""
        return bool(self._pattern.search(text))

    def copy(self, table: bytes) -> bytes:
        """A Parquet table with every name replaced, its rows sorted again: their places too would give names away."""
        import pandas as pd

        read = pd.read_parquet(io.BytesIO(table))
        words = [name for name in read.columns if not pd.api.types.is_numeric_dtype(read[name])]
        for name in words:
            read[name] = read[name].map({code: self.shown(code) for code in read[name].dropna().unique()})
        target = io.BytesIO()
        read.sort_values([*words, *read.columns.difference(words)], ignore_index=True).to_parquet(target, index=False)
        return target.getvalue()

    def named_in(self, data: bytes, name: str) -> bool:
        """Whether a file names one of them: a table in any of its cells, a text anywhere; pictures and numbers do not.

        Parameters
        ----------
        data : the file's bytes. name : its path, which tells a Parquet table.
        """
        if self.tells(name):
            return True
        if name.endswith(".parquet"):
            return any(map(self.tells, _words(data)))
        try:
            return self.tells(PICTURE.sub('""', data.decode()))
        except UnicodeDecodeError:
            return False


def _words(table: bytes) -> Iterable[str]:
    """A Parquet table's columns, metadata, and what its cells hold besides numbers and bytes, each once."""
    import pyarrow.parquet as pq
    from pyarrow import types

    read = pq.read_table(io.BytesIO(table))
    words = {str(read.schema)}  # a schema is shown with its metadata
    for column in read.columns:
        if not (types.is_primitive(column.type) or types.is_binary(column.type)):
            words |= set(map(str, column.to_pylist()))
    return words


def salt_from(path: Path | None) -> bytes:
    """The salt in a file, which only its owner can read; made where there is none. Without a file one that nobody keeps.

    Raises
    ------
    DataError : the file holds no salt.
    """
    salt = secrets.token_bytes(SALT_BYTES)
    if path is None:
        return salt
    if not path.exists():
        write_bytes(path, f"{salt.hex()}\n".encode(), 0o600)
    try:
        kept = bytes.fromhex(path.read_text("utf-8").strip())
    except ValueError:
        kept = b""
    if len(kept) < SALT_BYTES:
        raise DataError(str(path), [f"holds no salt, which is {2 * SALT_BYTES} hex digits; a new file is made for you"])
    return kept
