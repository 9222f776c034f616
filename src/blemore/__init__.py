"""Blended emotions in short videos. `dir(blemore)` lists the functions for one's own tables (`api.functions`).

Nothing is loaded before one of them is used. This file is an input of every job of a study, so it names none of them:
a new function leaves it as it is.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    from importlib import import_module
    from importlib.util import find_spec

    # `from blemore import tables` looks here first: a module's name must not load the functions.
    if name == "__all__" or not (name.startswith("_") or find_spec(f"{__name__}.{name}")):
        functions = import_module(f"{__name__}.api.functions")
        if name in ("__all__", *functions.__all__, *functions.OF_A_STUDY):
            return getattr(functions, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __getattr__("__all__")
