"""One encoder's checkpoint to this machine: its licence first, then its files, compared with their sha256."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from blemore.encoders.hub import from_hub
from blemore.encoders.weight_files import fetched_files, is_hub_name, off, online, path_of
from blemore.weights.catalogue import entry_of
from blemore.weights.check import state
from blemore.weights.sources import from_address, from_package
from joblineage.errors import DataError, MissingDataError
from joblineage.files import sha256, whole_file
from joblineage.telling import say

UNKNOWN = "unknown"
"""What `--accept` takes for a licence that is unknown."""


def fetch(settings: Mapping[str, Any], agreed: Callable[[str, str], bool]) -> dict[str, Any]:
    """Have the checkpoint of an encoder on this machine.

    Parameters
    ----------
    settings : the encoder's, at full size, as `encoder_settings` gives them.
    agreed : asked (licence, why) where the licence forbids something or is unknown; whether the person agrees.

    Returns
    -------
    As `check.state`.

    Raises
    ------
    MissingDataError : it is to be had nowhere that this command could ask, says where a person gets it; or the network
        is not to be asked.
    DataError : the licence is not agreed to; the source refuses; what came is not the file that is meant.
    """
    status, where = state(settings), f"encoder {settings['name']}"
    if status["state"] in ("there", "none needed", "service"):
        return status
    name, entry = settings["checkpoint"], entry_of(settings)
    if status["state"] == "wrong":
        raise DataError(where, [f"{status['said']}. Nothing is written over: remove it, and call again"])
    if not online():
        raise MissingDataError(where, ["HF_HUB_OFFLINE (or TRANSFORMERS_OFFLINE) forbids to ask any network: unset it"])
    source = _source(settings, entry)
    if source is None:
        raise MissingDataError(where, [_where_a_person_gets_it(settings, entry)])
    terms = entry.get("licence", {"weights": None, "said_by": "nothing is known of this checkpoint here"})
    licence, why = terms["weights"] or UNKNOWN, reason_to_ask(entry)
    say(f"{settings['name']}: {name}, licence of the weights: {licence}; {terms['said_by']}", err=True)
    if why and not agreed(licence, f"{name}: {why}"):
        fault = f"{why}. Say that you keep to it with --accept '{licence}', or switch it off: {off(settings)}"
        raise DataError(where, [fault])
    source(entry.get("files", {}) | ({Path(name).name: settings["sha256"]} if "sha256" in settings else {}))
    status = state(settings)
    if status["state"] != "there":
        raise DataError(where, [f"what came is {status['state']}: {status['said']}"])
    return status


def reason_to_ask(entry: Mapping[str, Any]) -> str:
    """Why a person has to agree before the weights come; "" where the licence is known to forbid nothing."""
    terms = entry.get("licence", {})
    if terms.get("weights") is None:
        return "the licence of these weights is not known here"
    return f"the licence {terms['weights']} forbids {terms['forbids']}" if terms["forbids"] else ""


def _source(settings: Mapping[str, Any], entry: Mapping[str, Any]) -> Callable[[Mapping[str, str | None]], None] | None:
    """What gets the files, given their sha256; None if there is no public place that is known."""
    name = settings["checkpoint"]
    if "url" in settings:
        return lambda wanted: _put_address(settings["url"], path_of(name), wanted)
    if is_hub_name(name):
        return lambda wanted: _into_the_cache(settings, wanted)
    if entry.get("package"):
        return lambda wanted: _put_package(entry["package"], path_of(name).parent, wanted)
    if entry.get("hub"):
        return lambda wanted: _put_hub(entry, path_of(name), wanted)
    return None


def _where_a_person_gets_it(settings: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    name = settings["checkpoint"]
    if not entry:
        place = f"encoders: {settings['name']}: {settings['scale']}"
        return f"{name} is no checkpoint that is known here: put it there yourself, or say {place}: url and sha256"
    note = f" ({entry['note']})" if entry["note"] else ""
    return f"{name} has no public address that a program could ask. A person gets it from {entry['source']}{note}"


def _put_address(url: str, target: Path, wanted: Mapping[str, str | None]) -> None:
    """What came of a cut connection stays beside the target, for the next call."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    from_address(url, part)
    _put({target.name: part}, target.parent, wanted)
    part.unlink()


def _put_package(package: Mapping[str, Any], folder: Path, wanted: Mapping[str, str | None]) -> None:
    with tempfile.TemporaryDirectory() as place:
        _put(from_package(package, Path(place)), folder, wanted)


def _put_hub(entry: Mapping[str, Any], target: Path, wanted: Mapping[str, str | None]) -> None:
    """Files of a repository into the study: one file beside its name, else all into the folder."""
    folder = target.parent if target.suffix else target
    files = {name: from_hub(entry["hub"], name, entry["revision"]) for name in entry["files"]}
    there = {name: file for name, file in files.items() if file is not None}
    if lacking := files.keys() - there.keys():
        raise DataError(
            entry["hub"], [f"the hub's repository has no {', '.join(sorted(lacking))}: see {entry['source']}"]
        )
    _put(there, folder, wanted)


def _into_the_cache(settings: Mapping[str, Any], wanted: Mapping[str, str | None]) -> None:
    """Files of a hub name into the hub's cache, where the encoder looks for them."""
    files = fetched_files(settings)
    if not files:
        fault = "the hub's repository holds no weights of a name that this family reads"
        raise DataError(f"encoder {settings['name']}", [f"{settings['checkpoint']}: {fault}"])
    for file in files:  # the parameters' sha256 is that of the weights, which come last
        own = {file.name: settings["sha256"]} if "sha256" in settings and file == files[-1] else {}
        _compare(file.name, file, {**wanted, **own})


def _put(files: Mapping[str, Path], folder: Path, wanted: Mapping[str, str | None]) -> None:
    """Files into a folder, all or, where one is not what is meant, none."""
    for name, file in files.items():
        _compare(name, file, wanted)
    with ExitStack() as places:
        for name, file in files.items():
            shutil.copyfile(file, places.enter_context(whole_file(folder / name)))


def _compare(name: str, file: Path, wanted: Mapping[str, str | None]) -> None:
    """Refuse, and remove, a file that is not the one that is meant.

    Raises
    ------
    DataError : it has another sha256.
    """
    expected, digest = wanted.get(name), sha256(file)
    if expected not in (None, digest):
        file.resolve().unlink()
        file.unlink(missing_ok=True)  # of the hub's cache, a link
        raise DataError(
            name, [f"what came has sha256 {digest}, expected {expected}: it is not kept. Is it another version?"]
        )
