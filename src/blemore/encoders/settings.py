"""One encoder's settings at one scale: the slice of params.yaml that its jobs see."""

from collections.abc import Mapping
from typing import Any

SCALES = ("tiny", "pretrained")


def encoder_settings(encoders: Mapping[str, Mapping[str, Any]], name: str, scale: str) -> dict[str, Any]:
    """Entry `name` with the chosen scale's block laid flat and the other scale's left out.

    So changing the full-size learning rate reruns nothing of a tiny study.

    Returns
    -------
    {"name", "module", "media", "learning", "scale", **the scale's block}
    """
    entry = encoders[name]
    general = {key: value for key, value in entry.items() if key not in SCALES}
    return {"name": name, "scale": scale, **general, **entry[scale]}
