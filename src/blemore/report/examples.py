"""Example clips: a few of each kind of outcome, chosen by lot and not by eye, with frames where these may be shown."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from blemore.media.shards import decode_frames
from blemore.report.identities import Identities
from blemore.report.numbers import Spot
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import blends, presence_correct, salience_correct, true_saliences
from blemore.scoring.rows import Rows
from blemore.tables import labelled

KINDS = {
    "single_right": "A single emotion, recognised",
    "single_wrong": "A single emotion, taken for something else",
    "blend_right": "A blend, with the right pair and the right saliences",
    "blend_pair": "A blend, with the right pair and wrong saliences",
    "blend_half": "A blend, of which one emotion was seen",
    "blend_wrong": "A blend that was missed",
}
PER_KIND = 2
FRAMES, SIDE, QUALITY = 4, 112, 72
"""Frames of a clip, their side in px, and the quality of their JPEG files."""


def outcomes(decided: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(n,) key of KINDS of each decision.

    Parameters
    ----------
    decided, truth : (n, 6) saliences in percent.
    """
    is_blend, right = blends(truth), presence_correct(decided, truth)
    shared = ((decided > 0) & (truth > 0)).any(axis=1)
    return np.select(
        [~is_blend & right, ~is_blend, salience_correct(decided, truth), right, shared],
        ["single_right", "single_wrong", "blend_right", "blend_pair", "blend_half"],
        "blend_wrong",
    )


def choose(train: pd.DataFrame, said: np.ndarray, decided: np.ndarray, who: Identities) -> list[tuple[str, int]]:
    """(kind, row) of the examples: of each kind the first ones by lot, each of another person where possible.

    The lot is the hash of the clip's fused probabilities: the same study gives the same examples, nobody picks them, and
    the clip's name has no part in it. Persons whose frames may be shown come first.
    """
    table = pd.DataFrame({"kind": outcomes(decided, true_saliences(train)), "person": train["person"].to_numpy()})
    table["lot"] = [hashlib.sha256(row.tobytes()).hexdigest() for row in np.ascontiguousarray(said)]
    table["later"] = ~table["person"].isin(who.faces)
    table = table.sort_values(["later", "lot"], kind="stable")
    table = table.iloc[np.argsort(table.duplicated(["kind", "person"]), kind="stable")]
    return [(kind, row) for kind in KINDS for row in table.index[table["kind"] == kind][:PER_KIND].tolist()]


def examples(
    clips: pd.DataFrame,
    probabilities: pd.DataFrame,
    decisions: pd.DataFrame,
    who: Identities,
    faces: Sequence[str | Path],
) -> list[dict[str, Any]]:
    """The examples of the page, a card each; frames are read for those persons only whose frames may be shown.

    Parameters
    ----------
    decisions : rows of the variant that test clips get.
    faces : files of face crops (`media.schemas.FACES`).

    Returns
    -------
    {"kind": key of KINDS, "person": name or neutral number, "clip": its name, None where it must not be shown, "truth":
    clips table's row, "said", "decided": the six fused probabilities and the six decided saliences in percent, "frames":
    data URIs, in order of time; empty where no frame may be shown} of each.
    """
    train = labelled(clips)
    table = Rows.of(train)
    said, decided = table.lookup(probabilities), table.lookup(decisions)
    chosen = choose(train, said, decided, who)
    cells = train[["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]].astype(object)
    truth = cells.where(cells.notna(), None).to_dict("records")
    shown = train.iloc[[row for _, row in chosen]]
    pictures = read_frames(faces, shown.loc[shown["person"].isin(who.faces), "clip"])
    rows, cards = {}, {}
    for number, (kind, row) in enumerate(chosen, start=1):
        clip, person = str(train["clip"].iloc[row]), str(train["person"].iloc[row])
        hidden = who.hides(person)
        key = f"E{number:02d}" if hidden else clip
        about = {"kind": kind, "person": who.label(person), "clip": None if hidden else clip}
        rows[key], cards[key] = row, about | {"frames": pictures.get(clip, [])}
    documents = {
        "truth": Spot("clips.parquet", {key: truth[row] for key, row in rows.items()}),
        "said": Spot("probabilities.parquet", {key: _six(said[row]) for key, row in rows.items()}),
        "decided": Spot("decisions.parquet", {key: _six(decided[row]) for key, row in rows.items()}),
    }
    return [card | {name: document[key] for name, document in documents.items()} for key, card in cards.items()]


def _six(values: np.ndarray) -> dict[str, float]:
    return dict(zip(CLASSES, values.tolist(), strict=True))


def read_frames(paths: Sequence[str | Path], wanted: Iterable[str]) -> dict[str, list[str]]:
    """{clip: data URIs of a few small JPEG pictures, evenly over the clip}; no other clip's pictures are read."""
    import cv2
    import pyarrow.parquet as pq

    wanted = sorted(wanted)
    by_clip: Mapping[str, list[bytes]] = {clip: [] for clip in wanted}
    for path in paths if wanted else []:
        table = pq.read_table(path, columns=["clip", "jpeg"], filters=[("clip", "in", wanted)])
        for clip, jpeg in zip(table["clip"].to_pylist(), table["jpeg"].to_pylist(), strict=True):
            by_clip[clip].append(jpeg)
    pictures: dict[str, list[str]] = {}
    for clip, jpegs in by_clip.items():
        picked = sorted({round(place) for place in np.linspace(0, len(jpegs) - 1, FRAMES)}) if jpegs else []
        frames = decode_frames([jpegs[k] for k in picked], SIDE)
        coded = [
            cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
            for frame in frames
        ]
        pictures[clip] = [f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}" for data in coded]
    return pictures
