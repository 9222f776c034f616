"""A made-up study as files, in the forms that the other commands read."""

from pathlib import Path

import pandas as pd

from blemore.scoring.labels import CLASSES
from blemore.simulation.study import Study
from blemore.tables import write_csv, write_probabilities, write_table
from joblineage.files import write_json

LABELS = ("fold", "mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience")


def write_study(made: Study, folder: Path) -> None:
    """Write clips.parquet, train_metadata.csv, {encoder}.parquet and truth.json below `folder`.

    truth.json: {"style": {person: {"offsets": {class: logits}, "gain"}}, "clips": {clip: {"person", "saliences"
    {class: percent}}}}, of test clips too.
    """
    write_table(made.clips, folder / "clips.parquet")
    train = made.clips[made.clips["split"] == "train"].rename(columns={"clip": "filename"})
    blend = train["mix"] == 1
    metadata = train[["filename", *LABELS]].astype({"emotion_1_salience": float, "emotion_2_salience": float})
    metadata.loc[~blend, ["emotion_1_salience", "emotion_2_salience"]] = float("nan")
    write_csv(metadata, folder / "train_metadata.csv")
    for name, table in made.tables.items():
        write_probabilities(table, folder / f"{name}.parquet")
    saliences = pd.DataFrame(made.truth, columns=list(CLASSES)).to_dict("records")
    write_json(
        folder / "truth.json",
        {
            "notice": "Simulated persons: scores on these tables say nothing about BLEMORE.",
            "style": {
                name: {"offsets": dict(zip(CLASSES, offsets.tolist(), strict=True)), "gain": made.gains[name]}
                for name, offsets in made.offsets.items()
            },
            "clips": {
                clip: {"person": person, "saliences": {name: value for name, value in row.items() if value}}
                for clip, person, row in zip(made.clips["clip"], made.person, saliences, strict=True)
            },
        },
    )
