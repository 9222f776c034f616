"""Who was seen by what: every fit says here on which clips it was fitted and which clips it judges.

Said where the data go in, out of the very masks that select them; the job's lineage record takes it from here, and
`blemore lineage leaks` proves from the records that nobody was judged by a model that had seen them.
"""

from collections.abc import Callable, Iterable
from typing import Any

_said: list[dict[str, Any]] = []


def fitted(model: str, kind: str, on: Iterable[str], judges: Iterable[str]) -> None:
    """Declare a fit.

    Parameters
    ----------
    model : name within the study, "s4d/fold0", "fusion/simplex/without 0,1".
    kind : what was fitted: "network", "early stopping", "scaler", "selection", "head", "weights", "thresholds", "offsets".
    on : clips whose labels or statistics went in.
    judges : clips whose probabilities or decisions it makes.
    """
    _said.append({"model": model, "kind": kind, "on": sorted(on), "judges": sorted(judges)})


def take(keep: Callable[[Any], str]) -> dict[str, Any]:
    """What was said since `forget`: {"models": [{"model", "kind", "on", "judges"}]}; lists of clips go through `keep`
    (each list once), which gives the name that stands for it."""
    names: dict[tuple[str, ...], str] = {}
    models = []
    for one in _said:
        kept = {}
        for side in ("on", "judges"):
            clips = tuple(one[side])
            if clips not in names:
                names[clips] = keep(one[side])
            kept[side] = names[clips]
        models.append({"model": one["model"], "kind": one["kind"], **kept})
    return {"models": models}


def forget() -> None:
    """Begin anew."""
    _said.clear()
