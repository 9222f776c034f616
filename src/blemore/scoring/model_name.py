"""The name of a model: which step made it, and which folds it was not fitted on."""

import re
from dataclasses import dataclass
from typing import Self

WHOLE = re.compile("[0-9]+")
FINAL = -1
"""In place of a fold: models that leave out no fold. They serve the test clips, whose own fold has this number too."""


@dataclass(frozen=True)
class ModelName:
    """The name of a model within the study; `str` gives the form that records keep, `parse` reads it.

    Parameters
    ----------
    step : str
        Name of an encoder, or of a later step: "fusion", "calibration", ...
    folds : tuple of int or None
        Folds that it must not be fitted on: one that it judges, or several that it serves. () for the model of the test
        clips. None for a model that is bound to no fold.
    parts : tuple of str
        What of the step it is.
    inner : int or None
        Number of the inner fold, for a model that serves a choice among training clips; else None.
    """

    step: str
    folds: tuple[int, ...] | None = ()
    parts: tuple[str, ...] = ()
    inner: int | None = None

    @classmethod
    def of(cls, step: str, outer: int, *parts: str) -> Self:
        """Name the model that judges a fold.

        Parameters
        ----------
        step : str
            Name of an encoder, or of a later step.
        outer : int
            The fold; FINAL for the test clips.
        *parts : str
            What of the step it is.

        Returns
        -------
        ModelName
            The name.
        """
        return cls(step, () if outer == FINAL else (outer,), parts)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name from the form that records keep.

        Parameters
        ----------
        text : str
            What `str` gave.

        Returns
        -------
        ModelName
            The name.

        Examples
        --------
        >>> from blemore.scoring.model_name import ModelName
        >>> name = ModelName.of("fusion", 2, "simplex")
        >>> str(name), ModelName.parse(str(name)) == name
        ('fusion/fold2/simplex', True)
        """
        step, *parts = text.split("/")
        inner = _numbers("inner", parts[-1]) if parts else None
        parts = parts[:-1] if inner else parts
        place = parts[0] if parts else ""
        folds = () if place == "final" else _numbers("folds ", place) or _numbers("fold", place)
        return cls(step, folds, tuple(parts if folds is None else parts[1:]), inner[0] if inner else None)

    @property
    def place(self) -> str:
        """The place in the name: "final", "fold0", "folds 0,1", or "" for a model that is bound to no fold."""
        if not self.folds:
            return "" if self.folds is None else "final"
        return f"fold{self.folds[0]}" if len(self.folds) == 1 else "folds " + ",".join(map(str, self.folds))

    def __str__(self) -> str:
        inner = [] if self.inner is None else [f"inner{self.inner}"]
        return "/".join([self.step, *([self.place] if self.place else []), *self.parts, *inner])


def _numbers(word: str, part: str) -> tuple[int, ...] | None:
    """(0, 1) of "folds 0,1", after the word "folds "; None where the part of a name is not of that form."""
    numbers = part.removeprefix(word).split(",")
    return tuple(map(int, numbers)) if part.startswith(word) and all(map(WHOLE.fullmatch, numbers)) else None
