"""Which checkpoints of a study are there, missing or wrong; nothing is loaded and no network is asked."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from blemore.encoders.weight_files import (
    CONFIG,
    FILES,
    WEIGHTS,
    file_fault,
    how_to_get,
    is_hub_name,
    model_type,
    off,
    path_of,
    weight_files,
)
from blemore.params.families import family
from blemore.weights.catalogue import checkpoint_of, entry_of, none_needed
from joblineage.files import sha256


def missing_checkpoints(encoders: Iterable[Mapping[str, Any]]) -> list[str]:
    """One fault for each checkpoint that is missing or plainly wrong, with the line that switches its encoder off.

    Reads only the beginnings and ends of files, so that it costs nothing at each start of the workflow.

    encoders : settings of every encoder that takes part, as `encoder_settings` gives them.
    """
    return [
        f"encoder {settings['name']}: {fault}; or switch it off with {off(settings)}"
        for settings in encoders
        if (fault := _first_fault(settings))
    ]


def state(settings: Mapping[str, Any]) -> dict[str, Any]:
    """How it stands with one encoder's checkpoint; the files that are there are read whole, for their sha256.

    Returns
    -------
    encoder, scale, checkpoint, state ("there", "missing", "wrong", "none needed" or "service"), said (why, what to
    do; "" if nothing), files (path -> sha256), hub, revision (pinned in the parameters), known_revision, off (the
    line that switches the encoder off).
    """
    entry = entry_of(settings)
    report = {
        "encoder": settings["name"],
        "scale": settings["scale"],
        "checkpoint": checkpoint_of(settings),
        "hub": entry.get("hub"),
        "revision": settings.get("revision"),
        "known_revision": entry.get("revision"),
        "off": off(settings),
        "files": {},
    }
    if (reason := none_needed(settings)) is not None:
        return report | {"state": "none needed", "said": reason}
    if "service" in settings:
        command = family(settings["module"]).priced_by
        return report | {"state": "service", "said": f"`{command}` says what it costs and what is sent"}
    files = weight_files(settings)
    report["files"] = {str(file): sha256(file) for file in files}
    if fault := _first_fault(settings):
        return report | {
            "state": "wrong" if files or path_of(settings["checkpoint"]).exists() else "missing",
            "said": fault,
        }
    wanted = dict(entry.get("files", {}))
    if "sha256" in settings:
        wanted[files[-1].name] = settings["sha256"]
    differing = [
        f"{path} has sha256 {digest}, expected {wanted[Path(path).name]}"
        for path, digest in report["files"].items()
        if wanted.get(Path(path).name) not in (None, digest)
    ]
    if differing:
        return report | {"state": "wrong", "said": "; ".join(differing)}
    unsure = "" if any(wanted.get(file.name) for file in files) else "its sha256 is not known here, nothing to compare"
    return report | {"state": "there", "said": unsure}


def _first_fault(settings: Mapping[str, Any]) -> str | None:
    """What keeps a checkpoint from being read, as far as one can see without reading it whole; None if nothing."""
    if none_needed(settings) is not None or "service" in settings:
        return None
    files = weight_files(settings)
    if not files:
        return _absence(settings)
    if faults := [f"{file} {fault}" for file in files if (fault := file_fault(file))]:
        return faults[0]
    wanted = family(settings["module"]).model_types
    kind = model_type(settings)
    if wanted and kind not in wanted:
        reads = f"module {settings['module']} reads {' or '.join(wanted)}"
        place = f"encoders: {settings['name']}: {settings['scale']}: checkpoint"
        return f"{settings['checkpoint']} is a {kind} network by its {CONFIG}, {reads}: name another in {place}"
    return None


def _absence(settings: Mapping[str, Any]) -> str:
    """What exactly is not there, and how to get it."""
    name = settings["checkpoint"]
    folder = path_of(name)
    advice = how_to_get(settings)
    form = family(settings["module"]).form
    wanted = [WEIGHTS[0]] if form == "timm" else [CONFIG, " or ".join(WEIGHTS)]
    if form not in FILES and folder.is_dir():
        lacking = [names for names in wanted if not any((folder / part).is_file() for part in names.split(" or "))]
        return f"folder {name} holds no {', and no '.join(lacking)}: {advice}"
    kind = f"weights {name}" if is_hub_name(name) else f"file {name}" if Path(name).suffix else f"folder {name}"
    return f"no {kind} on this machine: {advice}"
