"""Are persons found again whose clothes, wall, light and camera change from clip to clip? On generated actors.

    python benchmarks/individuals.py [--clustered 24] [--learned 16] [--clips 12] [--seed 23]

Generates clips of about one second in a temporary folder, prepares them as the study does, finds the individuals of the
`--clustered` persons, learning from others: from `--learned` of them, and from as many as the demo has; with
all their clips, and with sizes from 1 to all. Prints a Markdown table. The aim: an adjusted Rand index of at least 0.9.
Some minutes on one core. The descriptor was chosen on the persons of seed 17.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import yaml
from sklearn.metrics import adjusted_rand_score

from blemore.individuals.quality import purity
from blemore.individuals.run import find_individuals
from blemore.media.prepare import prepare_shard
from blemore.tables import NO_FOLD
from demoactors.clip import write_clip
from demoactors.make import actor_style, cast
from demoactors.schedule import FIRST_ACTOR, displays
from demoactors.style import generator

PARAMS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text("utf-8"))
OPTIONS = PARAMS["demo"] | {"seconds": [0.9, 1.2]}
SAMPLES = PARAMS["media"]["samples"]
HALF = SAMPLES["faces"] | {"frames": SAMPLES["faces"]["frames"] // 2}
"""Of clips half as long as the demo's."""
DEMO_PERSONS = OPTIONS["train_actors"]
SIZES = (1, 2, 3, 4, 6, 10**6)


def make_clips(persons: int, clips: int, folder: Path, seed: int) -> pd.DataFrame:
    """Columns clip, path, person: every clip in surroundings of its own, what it shows drawn from the demo's displays."""
    rows = []
    for number in range(persons):
        name = f"A{FIRST_ACTOR + number}"
        actor, style, shown = cast(name, seed), actor_style(name, seed), displays(name, OPTIONS)
        for k in generator(seed, name, "shown").choice(len(shown), clips, replace=False):
            path = folder / f"{shown[k].name}.mov"
            there = actor.elsewhere(generator(seed, shown[k].name, "surroundings"))
            write_clip(path, there, style, shown[k], OPTIONS, seed)
            rows.append({"clip": path.stem, "path": path, "person": name})
        cast.cache_clear()
    return pd.DataFrame(rows)


def prepare(videos: pd.DataFrame, folder: Path) -> Path:
    """The faces file of the clips."""
    output = folder / "faces.parquet"
    prepare_shard(dict(zip(videos["clip"], videos["path"], strict=True)), SAMPLES | {"faces": HALF}, faces=output)
    return output


def study(videos: pd.DataFrame, learned: list[str], clustered: list[str]) -> pd.DataFrame:
    """The columns of a clips table that finding individuals needs; the clustered persons' clips are test clips."""
    part = videos[videos["person"].isin([*learned, *clustered])]
    train = part["person"].isin(learned)
    return pd.DataFrame({
        "clip": part["clip"], "split": np.where(train, "train", "test"), "person": part["person"].where(train),
        "fold": np.where(train, 0, NO_FOLD), "quarantine": "",
    })  # fmt: skip


def unequal(videos: pd.DataFrame, persons: list[str]) -> pd.DataFrame:
    """The clips, of `persons` only 1, 2, 3, 4, 6 or all, in turn."""
    number = videos.groupby("person").cumcount()
    most = videos["person"].map({name: SIZES[k % len(SIZES)] for k, name in enumerate(persons)})
    return videos[~videos["person"].isin(persons) | (number < most)]


def row(videos: pd.DataFrame, faces: Path, learned: list[str], clustered: list[str], seed: int) -> str:
    """One line of the table."""
    clips = study(videos, learned, clustered)
    start = time.monotonic()
    options = PARAMS["individuals"] | {"dataset": "demo", "seed": seed}
    individuals = find_individuals(clips, [faces], **options)
    seconds = time.monotonic() - start
    said = individuals.summary
    test = individuals.clusters[individuals.clusters["split"] == "test"]
    truth, clusters = videos.set_index("clip")["person"].loc[test["clip"]], test["cluster"].to_numpy()
    cells = [
        len(learned), said["train"]["clips"], f"{said['train']['adjusted_rand']:.3f}", truth.nunique(), len(truth),
        said["test"]["clusters"], f"{purity(truth.to_numpy(str), clusters):.3f}",
        f"{adjusted_rand_score(truth, clusters):.3f}", f"{seconds:.0f}",
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clustered", type=int, default=24)
    parser.add_argument("--learned", type=int, default=16)
    parser.add_argument("--clips", type=int, default=12, help="of each person")
    parser.add_argument("--seed", type=int, default=23)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    names = [f"A{FIRST_ACTOR + number}" for number in range(wanted.learned + wanted.clustered)]
    clustered = names[wanted.learned :]
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        videos = make_clips(len(names), wanted.clips, Path(folder), wanted.seed)
        rendered = time.monotonic()
        faces = prepare(videos, Path(folder))
        print(
            f"{len(videos)} clips: {rendered - start:.0f} s to generate, {time.monotonic() - rendered:.0f} s to prepare\n"
        )
        print(
            "| persons learned from | clips | ARI on halves of them | persons clustered | clips | clusters | purity | ARI | s |"
        )
        print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        for learned in (names[: wanted.learned], names[:DEMO_PERSONS]):
            for kept in (videos, unequal(videos, clustered)):
                print(row(kept, faces, learned, clustered, wanted.seed), flush=True)


if __name__ == "__main__":
    main()
