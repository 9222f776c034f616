"""What is known of the checkpoints that a study may name: `known.yaml`, read once."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from blemore.encoders.settings import enabled_encoders, encoder_settings

FILE = Path(__file__).with_name("known.yaml")


@cache
def known() -> dict[str, Any]:
    """The whole file: looked_up, modules, checkpoints, none_needed."""
    return yaml.safe_load(FILE.read_text("utf-8"))


def entry_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of an encoder's checkpoint, found by its hub name or by its file's or folder's name.

    Empty for a checkpoint that the list does not name, and where none is needed.
    """
    name = checkpoint_of(settings)
    if name is None:
        return {}
    for key, entry in known()["checkpoints"].items():
        if name == key or Path(name).name == key.split("/")[-1]:
            return entry
    return {}


def checkpoint_of(settings: Mapping[str, Any]) -> str | None:
    """The checkpoint that the settings name, or the service's model; None where none is needed."""
    if none_needed(settings) is not None:
        return None
    return settings["service"]["model"] if "service" in settings else settings["checkpoint"]


def none_needed(settings: Mapping[str, Any]) -> str | None:
    """Why an encoder needs no checkpoint; None if it needs one."""
    reasons = known()["none_needed"]
    if "service" in settings:
        return None if settings["service"]["backend"] == "api" else reasons["stand-in"]
    if "checkpoint" in settings:
        return None
    return reasons.get(settings["module"], reasons["tiny"])


def study_settings(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Settings of every encoder that takes part, at its scale.

    params : the whole of params.yaml.
    """
    return [encoder_settings(params, name) for name in enabled_encoders(params)]
