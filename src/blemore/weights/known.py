"""What is known of the checkpoint that an encoder of a study reads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blemore.encoders.families import Checkpoint, checkpoints, family
from blemore.encoders.settings import enabled_encoders, encoder_settings

RANDOM = "small network with random weights drawn from the study's seed"


def entry_of(settings: Mapping[str, Any]) -> Checkpoint | None:
    """What is known of an encoder's checkpoint, found by its hub name or by its file's or folder's name.

    None for a checkpoint that no family knows, and where none is needed.
    """
    name = checkpoint_of(settings)
    if name is None:
        return None
    last = Path(name).name
    return next((one for key, one in checkpoints().items() if name == key or last == key.split("/")[-1]), None)


def looked_up() -> str:
    """The day since which what the families say of their checkpoints was looked up, as 2026-11-23."""
    return min(one.looked_up for one in checkpoints().values())


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
