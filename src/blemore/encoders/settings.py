"""One encoder's settings: the slices of params.yaml that its jobs see."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from blemore.params.families import family

MEDIA_KINDS = ("faces", "body", "audio", "pieces", "probe")
SCALES = ("tiny", "pretrained")
ABOUT_TAKING_PART = ("enabled", "weights", "persons")
HEAD = ("head", "layers")
"""Settings of a frozen encoder's head: another choice fits a head again, and embeds nothing."""
SOURCE = "url"
"""From where a checkpoint's file came: another address changes no job."""
WEIGHTS = ("module", "checkpoint", "revision", "sha256", "file", "features", "service")
"""Settings that decide where an encoder comes from."""


def enabled_encoders(config: Mapping[str, Any]) -> list[str]:
    """Names of the encoders that take part; one whose service is switched off (`gemini.backend: off`) does not."""
    return [
        name
        for name, entry in config["encoders"].items()
        if entry["enabled"] and _service(config, entry).get("backend") not in ("off", False)  # YAML 1.1 reads off so
    ]


def kinds_of(entry: Mapping[str, Any]) -> list[str]:
    """Kinds of media that an encoder reads, by its entry or settings; none where it reads a file from outside."""
    if "file" in entry:
        return []
    return [entry["media"]] if isinstance(entry["media"], str) else list(entry["media"])


def shards_of(settings: Mapping[str, Any], files: Iterable[str | Path]) -> list[Any]:
    """The prepared files that an encoder reads, shard by shard: a path each, or for several kinds a tuple of paths.

    files : all shards of its first kind, then all of the next, the same shards in the same order.
    """
    paths, media = [Path(file) for file in files], settings.get("media")
    if not isinstance(media, list):
        return paths
    shards = len(paths) // len(media)
    return [tuple(paths[shard::shards]) for shard in range(shards)]


def media_kinds(config: Mapping[str, Any]) -> list[str]:
    """Kinds of media to prepare: what enabled encoders read, the faces (for individuals and pictures), probe.

    An encoder whose service is switched off counts, so that what it would cost can be asked.
    """
    read = {"faces", "probe"}
    read |= {kind for entry in config["encoders"].values() if entry["enabled"] for kind in kinds_of(entry)}
    return [kind for kind in MEDIA_KINDS if kind in read]


def media_files(config: Mapping[str, Any]) -> dict[str, str]:
    """{kind: path with "{shard}"} of the media to prepare, below the present folder.

    A kind that is here stays when its last reader is switched off: the records of the jobs that made it list it.
    """
    asked = media_kinds(config)
    kinds = [kind for kind in MEDIA_KINDS if kind in asked or any(Path("results/media", kind).glob("*.parquet"))]
    return {kind: f"results/media/{kind}/{{shard}}.parquet" for kind in kinds}


def encoder_settings(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Entry `name` with its scale's block laid flat and the other scale's left out.

    So changing the full-size learning rate reruns nothing of a tiny study.

    Parameters
    ----------
    config : the whole of params.yaml.

    Returns
    -------
    {"name", "module", "learning", "scale", **what else the entry says, **the scale's block}. The scale is the entry's
    own `weights`, else the study's. A service finds the block of its family's name at the top level under "service",
    together with "dataset".
    """
    entry = config["encoders"][name]
    scale = entry.get("weights", config["weights"])
    general = {key: value for key, value in entry.items() if key not in (*SCALES, *ABOUT_TAKING_PART)}
    settings = {"name": name, "scale": scale, **general, **entry.get(scale, {})}
    if service := _service(config, entry):
        settings["service"] = {**service, "dataset": config["dataset"]}
    return settings


def _service(config: Mapping[str, Any], entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The block of the parameters that says how an entry's service is asked; empty for all other families."""
    return config[entry["module"]] if family(entry["module"]).kind == "service" else {}


def network_settings(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The part of an encoder's settings that decides its network, or its features."""
    settings = encoder_settings(config, name)
    return {key: value for key, value in settings.items() if key not in (*HEAD, SOURCE, settings.get("head"))}


def head_settings(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The part of a frozen encoder's settings that decides its head."""
    settings = encoder_settings(config, name)
    return {key: settings[key] for key in ("name", *HEAD, settings.get("head")) if key in settings}


def weights_settings(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The part of an encoder's settings that says whose code and weights it is."""
    settings = encoder_settings(config, name)
    return {key: settings[key] for key in ("name", "scale", *WEIGHTS) if key in settings}


def unknown_disjointness(config: Mapping[str, Any]) -> list[str]:
    """Encoders from outside of which nobody says whom their models were trained on."""
    entries = config["encoders"]
    return [name for name in enabled_encoders(config) if "persons" in entries[name] and not entries[name]["persons"]]


def origin(config: Mapping[str, Any], name: str) -> str:
    """What an encoder's figures can tell, in one word for tables and plots.

    "finetuned" (trained on the study's clips), "pretrained" (frozen, from a checkpoint), "computed" (no weights at
    all), "random" (frozen and never trained), "stand-in" (in place of a service), "service", "outside".
    """
    settings = encoder_settings(config, name)
    kind = family(settings["module"]).kind
    if kind in ("outside", "computed"):
        return kind
    if kind == "service":
        return "stand-in" if settings["service"]["backend"] == "stand-in" else "service"
    if settings["learning"] == "finetuned":
        return "finetuned"
    return "pretrained" if settings["scale"] == "pretrained" else "random"
