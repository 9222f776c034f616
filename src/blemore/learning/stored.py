"""Fitted models in a file: dataclasses of arrays, as safetensors, each array under "<name of the model>.<field>"."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from joblineage.errors import DataError
from joblineage.files import read_bytes, write_bytes

Model = TypeVar("Model")


def write_models(path: Path, models: Mapping[str, Any]) -> None:
    """Write models, whole or not at all, the same models in the same bytes.

    Parameters
    ----------
    path : Path
        The file.
    models : mapping of str to object
        {name: a dataclass whose fields are all arrays}.
    """
    arrays = {
        f"{name}.{field.name}": np.ascontiguousarray(getattr(model, field.name))
        for name, model in models.items()
        for field in fields(model)
    }
    write_bytes(path, save(arrays))


def read_models(path: Path, kinds: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Read the models of a file.

    Parameters
    ----------
    path : Path
        What `write_models` wrote.
    kinds : mapping of str to type
        {name: its dataclass}.

    Returns
    -------
    dict of str to object
        {name: model}.

    Raises
    ------
    DataError
        No such file, no safetensors file, or a model's array is not in it.
    """
    try:
        arrays = load(read_bytes(path))
        return {
            name: kind(**{field.name: arrays[f"{name}.{field.name}"] for field in fields(kind)})
            for name, kind in kinds.items()
        }
    except (SafetensorError, KeyError) as error:
        raise DataError(str(path), [f"expected the arrays of {', '.join(kinds)} ({error})"]) from None


def made_by(fit: Any) -> type[Any]:
    """The class of what a function gives, by its annotation: the same for every model that it fits.

    Parameters
    ----------
    fit : callable
        The function.

    Returns
    -------
    type
        The class.
    """
    return get_type_hints(fit)["return"]
