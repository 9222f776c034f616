"""Blended emotions in short videos. `dir(blemore)` lists the functions for one's own tables (`api.functions`).

Nothing is loaded before one of them is used. This file is an input of every job of a study, so it names none of them:
a new function leaves it as it is.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    from importlib.util import find_spec

    if find_spec(f"{__name__}.{name}"):  # `from blemore import tables` looks here first
        raise AttributeError(f"{__name__}.{name} is a module: import it")
    return getattr(import_module(f"{__name__}.api.functions"), name)


def __dir__() -> list[str]:
    return __getattr__("__all__")
