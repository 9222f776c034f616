"""Clips of real people under the challenge's names: import, preparation, every encoder, and a submission."""

import json
import shutil
from functools import cache
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import real_people
import torch
import yaml
from media_samples import write_clip

from blemore.challenge.submission import check
from blemore.encoders.voice import VoiceNetwork
from blemore.scoring.labels import CLASSES
from blemore.weights.catalogue import checkpoints

from .conftest import clone
from .test_studies import nobody_is_told_apart_or_shown

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(real_people.missing()), reason=real_people.HOW),
]

LABELS = [*((name,) for name in CLASSES), ("ang", "sad"), ("fea", "hap")]
"""Given to the clips in turn: what the faces truly show plays no part here."""
LENGTH = 0.5
"""s of a clip that is cut out."""
WHOLE = {"A901_sad_int4_ver2": real_people.SAD_THEN_LAUGHS, "A902_hap_int4_ver2": real_people.SMILES}
WHOLE |= {"test_0001": real_people.FACE_THEN_TITLE}
"""Clips that are the files as they are."""
CUT = {
    "A901": [(real_people.SAD_THEN_LAUGHS, 2.3 * k) for k in range(len(LABELS))],
    "A902": [(name, 0.55 * k) for k in range(4) for name in (real_people.SMILES, real_people.FACE_THEN_TITLE)],
    "test": [(real_people.SAD_THEN_LAUGHS, 1.1), (real_people.SMILES, 0.3)],
}
"""(file, s at which a clip begins), of two persons of the training clips, and of test clips."""


@cache
def frames_of(file: str) -> tuple[list[tuple[float, av.VideoFrame]], list[av.AudioFrame]]:
    """(time in s, picture) of all pictures, and all sound."""
    with av.open(str(real_people.FOLDER / file)) as container:
        pictures = [(frame.time, frame) for frame in container.decode(video=0)]
    with av.open(str(real_people.FOLDER / file)) as container:
        return pictures, list(container.decode(audio=0))


def cut(file: str, begin: float, target: Path) -> None:
    """Half a second of a clip, with its sound, 256 px wide."""
    pictures, heard = frames_of(file)
    rate, first = heard[0].sample_rate, round(heard[0].time * heard[0].sample_rate)
    wave = np.pad(np.concatenate([frame.to_ndarray() for frame in heard], axis=1), ((0, 0), (first, rate)))
    size = (256, 2 * round(128 * pictures[0][1].height / pictures[0][1].width))

    def shown(time: float, width: int, height: int) -> np.ndarray:
        frame = max((one for one in pictures if one[0] <= begin + time + 1e-6), key=lambda one: one[0])[1]
        return frame.reformat(width, height, "rgb24").to_ndarray()

    samples = wave[:, round(begin * rate) : round((begin + LENGTH) * rate)]
    write_clip(target, seconds=LENGTH, size=size, draw=shown, wave=samples, rate=rate)


def name_of(person: str, label: tuple[str, ...]) -> str:
    if len(label) == 2:
        return f"{person}_mix_{label[0]}_{label[1]}_70_30_ver1"
    return f"{person}_{label[0]}_{'sit' if label[0] == 'neu' else 'int'}1_ver1"


def write_download(folder: Path) -> dict[str, int]:
    """Clips and tables as they might be downloaded; {clip: number of its person}."""
    rows, persons = [], {}
    for clip, file in WHOLE.items():
        (folder / f"{clip}.mov").write_bytes((real_people.FOLDER / file).read_bytes())
    for fold, person in enumerate(("A901", "A902")):
        names = [name_of(person, label) for label in LABELS]
        for name, (file, begin) in zip(names, CUT[person], strict=True):
            cut(file, begin, folder / f"{name}.mov")
        whole = next(name for name in WHOLE if name.startswith(person))
        for name, label in [*zip(names, LABELS, strict=True), (whole, (whole.split("_")[1],))]:
            blend = len(label) == 2
            saliences = [70, 30] if blend else [None, None]
            rows.append([name, fold, int(blend), label[0], label[1] if blend else None, *saliences])
            persons[name] = fold
    for k, (file, begin) in enumerate(CUT["test"], start=2):
        cut(file, begin, folder / f"test_{k:04d}.mov")
    columns = ["filename", "fold", "mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "train_metadata.csv", index=False)
    asked = {f"test_{k:04d}.mov": [] for k in range(1, 2 + len(CUT["test"]))}
    (folder / "submission_template.json").write_text(json.dumps({"predictions": asked}))
    return persons


def of_real_people(values: dict) -> None:
    """Every encoder, small and hardly trained; the service alone is off, whose stand-in knows no real faces."""
    values["dataset"] = "blemore"
    values["blemore"]["folds"] = 2
    values["media"]["shards"] = 1
    values["gemini"]["backend"] = "off"
    for name, entry in values["encoders"].items():
        entry["enabled"] = name != "gemini"
    del values["encoders"]["voice"]["pretrained"]["sha256"]  # its weights are random ones, saved as the real ones are


def put_weights(folder: Path) -> None:
    """The weights of the two networks without a small form: the real ones of faces, of voices random ones."""
    for name in checkpoints()[real_people.NETWORK]["files"]:
        shutil.copyfile(real_people.FOLDER / name, folder / name)
    torch.manual_seed(5)
    torch.save({"model_state": VoiceNetwork().state_dict()}, folder / "resemblyzer.pt")


def test_clips_of_real_people_go_from_their_import_through_every_encoder_to_a_submission(tmp_path: Path) -> None:
    study = clone(tmp_path / "study")
    download = tmp_path / "download"
    download.mkdir()
    persons = write_download(download)
    study.run("blemore", "data", "import", str(download))
    study.edit_params(of_real_people)
    put_weights(study.folder / "weights")
    study.submission()
    results = study.folder / "results"
    assert check(results / "submission/submission.zip") == []
    predictions = json.loads((results / "submission/submission.json").read_text())["predictions"]
    assert sorted(predictions) == ["test_0001.mov", "test_0002.mov", "test_0003.mov"]
    clips = pd.read_parquet(results / "clips/clips.parquet").set_index("clip")
    assert set(clips["quarantine"]) == {""}
    assert clips["face_share"].drop("test_0001").min() == 1
    assert clips.loc["test_0001", "face_share"] == 6 / 16
    encoders = yaml.safe_load((study.folder / "params.yaml").read_text())["encoders"]
    for name in set(encoders) - {"gemini"}:
        table = pd.read_parquet(results / f"encoders/{name}/probabilities.parquet")
        assert set(table["clip"]) == set(clips.index), name
        judged = table.loc[table["split"] == "train"].set_index("clip")["fold"].to_dict()
        assert judged == persons, name  # the fold of a person's clips is never one that its model was trained on
    nobody_is_told_apart_or_shown(results)
    remarks = json.loads((results / "clips/remarks.json").read_text())
    assert {"clip": "test_0001", "face_share": 6 / 16} in [
        {key: one[key] for key in ("clip", "face_share")} for one in remarks["remarked"]
    ]
    page = (results / "report/index.html").read_text()
    assert "a face on 38% of the samples" in page
    assert "A902" not in page
    assert study.would_run() == {}
    assert study.run("blemore", "lineage", "verify").stdout.splitlines()[-1].startswith("OK")
