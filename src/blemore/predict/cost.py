"""How long a clip takes on one CPU core, before the first one is looked at."""

from typing import Any

from blemore.params.families import family
from blemore.params.parts import DATA_SET
from blemore.planning.costs import network_of
from blemore.predict.contents import Contents


def seconds_per_clip(contents: Contents) -> tuple[float, list[str]]:
    """CPU seconds of one clip, by what was measured of each network; and the encoders of which nothing was.

    A finetuned encoder runs once for each fold. Media as the study's data set says that a clip of it takes.
    """
    about, total, unknown = contents.about, 0.0, []
    total += getattr(DATA_SET.load(about["dataset"]), "SECONDS_OF_PREPARING", 0.0)
    for name in about["fusion"]["encoders"]:
        seconds = _forward(contents.settings(name))
        runs = about["folds"] if contents.settings(name)["learning"] == "finetuned" else 1
        total += runs * (seconds or 0.0)
        unknown += [] if seconds else [name]
    return total, unknown


def _forward(settings: dict[str, Any]) -> float | None:
    """CPU seconds of one clip in one network; None if not measured."""
    network = network_of(settings)
    return network["forward_cpu_seconds"] if network else family(settings["module"]).seconds.get(settings["learning"])
