"""Under which terms a study's networks stand: one entry per encoder, for results/licences.json."""

from collections.abc import Iterable, Mapping
from typing import Any

from blemore.encoders.families import family
from blemore.encoders.weight_files import weight_files
from blemore.weights.known import checkpoint_of, entry_of, looked_up, none_needed
from joblineage.files import sha256


def licences(encoders: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Licences of code and weights apart, and the sha256 of what was loaded; what nobody told us is listed as unknown.

    Parameters
    ----------
    encoders : settings of every encoder that takes part, as `encoder_settings` gives them.

    Returns
    -------
    looked_up (the day), and encoders: name -> scale, module, checkpoint, revision, source, paper, code, original_code, weights, said_by, note, files
    (file name -> sha256; empty where no file is read) and unknown (names of the entries that nobody told us).
    """
    return {"looked_up": looked_up(), "encoders": {settings["name"]: _licence(settings) for settings in encoders}}


def _licence(settings: Mapping[str, Any]) -> dict[str, Any]:
    general = {"scale": settings["scale"], "module": settings["module"], "checkpoint": checkpoint_of(settings)}
    reason = none_needed(settings)
    if reason is not None:
        said = family(settings["module"])
        code = said.other_code.get(settings.get("features", ""), said.code)
        unknown = [] if code else ["code", "weights"]
        return {**general, "code": code, "weights": None, "note": reason, "unknown": unknown}
    entry = entry_of(settings)
    terms = entry.get("licence", {})
    files = {} if "service" in settings else {file.name: sha256(file) for file in weight_files(settings)}
    told = {
        "revision": settings.get("revision"),
        "source": entry.get("source"),
        "paper": entry.get("paper"),
        **{key: terms.get(key) for key in ("code", "original_code", "weights", "said_by")},
        "note": entry.get("note") if entry else "no checkpoint that this package knows: read its licence yourself",
    }
    unknown = [key for key, value in told.items() if value is None and key != "note"]
    if "service" in settings:
        unknown = [key for key in unknown if key not in ("revision", "original_code", "paper")]
    return {**general, **told, "files": files, "unknown": unknown}
