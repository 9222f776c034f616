"""A made-up study of which every job is the package's own function and leaves a real record, so that leaks can be planted."""

import inspect
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_study
import torch
from simulated import PERSONAL, true_clusters

from blemore.decide.run import calibrate, rows_of_views
from blemore.encoders.precomputed import take_over
from blemore.evaluate.gains import gain
from blemore.evaluate.summary import summarise
from blemore.fusion.run import fuse
from blemore.learning.folds import check_persons, declare_outside, gather_folds
from blemore.learning.heads.run import fit_head
from blemore.learning.training import loop
from blemore.learning.training.media import Media
from blemore.tables import read_probabilities, write_features, write_probabilities, write_table
from joblineage import record
from joblineage.files import write_json

PERSONS, FOLDS = 6, 3
ENCODERS = ("net", "voice", "given")
NET = {"name": "net", "epochs": 1, "batch": 8, "learning_rate": 1e-3, "early_stopping": {"persons": 0.4, "patience": 1}}
FUSION = {"method": "auto", "candidates": ["uniform", "simplex"], "scaling": True, "simplex": {"l2": 0.05}}
CLIPS = "results/clips/clips.parquet"
USED = {"seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 1, "device": "cpu", "peak_gpu_mb": 0}


class Named(dict):
    """Files as Snakemake hands them to a script: {role: path or paths}, gone through as paths."""

    def __iter__(self) -> Any:
        return (path for one in self.values() for path in ([one] if isinstance(one, str) else one))


def table_of(name: str) -> str:
    return f"results/encoders/{name}/probabilities.parquet"


def fold_table(fold: int) -> str:
    return f"results/encoders/net/fold{fold}.parquet"


class Study:
    """A study in the current folder; each step can be run again, and is then recorded again."""

    def __init__(self) -> None:
        self.net = NET
        self.clips = small_study.make_clips(persons=PERSONS, folds=FOLDS, tests=5)
        self.clips["sha256"] = [f"{number:064x}" for number in range(len(self.clips))]
        self.sound = {clip: np.random.default_rng(k).bytes(64) for k, clip in enumerate(self.clips["clip"])}
        self.pictures = {clip: np.random.default_rng(99 + k).bytes(32) for k, clip in enumerate(self.clips["clip"])}
        self.persons = {
            str(fold): sorted(set(self.clips.loc[~self.clips["fold"].isin([fold, -1]), "person"]))
            for fold in range(FOLDS)
        }

    def job(
        self,
        rule: str,
        work: Callable[[], object],
        inputs: dict,
        outputs: dict,
        params: dict | None = None,
        **wildcards: str,
    ) -> None:
        """Do the work between the two calls that surround every script's."""
        for one in outputs.values():
            Path(one).parent.mkdir(parents=True, exist_ok=True)
        job = SimpleNamespace(
            rule=rule, wildcards=wildcards, input=Named(inputs), output=Named(outputs), params=params or {}
        )
        begun = record.begin(job)
        work()
        (part,) = begun.parts()
        part.done(USED)
        begun.end([part])

    def run(self) -> None:
        """All steps."""
        self.prepare()
        self.tables()
        for fold in range(FOLDS):
            self.train(fold)
        self.gather()
        self.head()
        self.outside()
        self.fuse()
        self.decide()
        self.measure()
        self.score()

    def prepare(self) -> None:
        def work() -> None:
            names = self.clips["clip"]
            pd.DataFrame({"clip": names, "samples": names.map(self.sound), "silent": False}).to_parquet("audio.parquet")
            pictures = pd.DataFrame({"clip": names, "jpeg": names.map(self.pictures)})
            pd.concat([pictures, pictures.iloc[::-1]]).to_parquet("faces.parquet")

        samples = {"faces": {"detector": "mtcnn"}}
        outputs = {"audio": "audio.parquet", "faces": "faces.parquet"}
        self.job("prepare_shard", work, {}, outputs, {"samples": samples}, shard="000")

    def tables(self) -> None:
        """The clips table, written past the check that would refuse it."""
        self.job("clips", lambda: write_table(self.clips, CLIPS), {"probes": ["audio.parquet"]}, {"clips": CLIPS})

    def train(self, fold: int) -> None:
        outputs = {"probabilities": fold_table(fold), "curve": "curve.csv", "weights": f"fold{fold}.safetensors"}
        made = {name: Path(path) for name, path in outputs.items()}

        def work() -> None:
            loop.train_fold(self.net, self.clips, [], fold=fold, seed=1, state=Path("state.pt"), **made)

        self.job("train_fold", work, {"clips": CLIPS}, outputs, {"encoder": self.net}, finetuned="net", fold=str(fold))

    def gather(self) -> None:
        paths = [fold_table(fold) for fold in range(FOLDS)]
        self.job(
            "gather_folds",
            lambda: write_probabilities(gather_folds([*map(Path, paths)], self.clips), table_of("net")),
            {"clips": CLIPS, "folds": paths},
            {"table": table_of("net")},
            finetuned="net",
        )

    def head(self) -> None:
        x = np.random.default_rng(5).normal(size=(len(self.clips), 7)).astype(np.float32)
        write_features("features.parquet", self.clips["clip"], x, [""] * len(x))
        settings = {"name": "voice"}

        def work() -> None:
            write_probabilities(fit_head(Path("features.parquet"), self.clips, settings, seed=1), table_of("voice"))

        inputs, outputs = {"clips": CLIPS, "features": "features.parquet"}, {"table": table_of("voice")}
        self.job("fit_head", work, inputs, outputs, {"encoder": settings}, frozen="voice")

    def outside(self, *, sidecar: bool = True) -> None:
        """A table from outside, with its sidecar or without."""
        write_probabilities(random_rows(self.clips, 9), "given.parquet")
        write_json(Path("given.json"), self.persons)

        def work() -> None:
            said = [check_persons(Path("given.json"), self.clips)] if sidecar else []
            table = take_over(Path("given.parquet"), self.clips)
            declare_outside("given", table["clip"], self.clips, said)
            write_probabilities(table, table_of("given"))

        inputs = {"clips": CLIPS, "table": "given.parquet"} | ({"persons": ["given.json"]} if sidecar else {})
        self.job("take_over", work, inputs, {"table": table_of("given")}, given="given")

    def read(self) -> dict[str, pd.DataFrame]:
        return {name: read_probabilities(table_of(name)) for name in ENCODERS}

    def fuse(self) -> None:
        def work() -> None:
            fused = fuse(self.read(), self.clips, FUSION, seed=1)
            write_probabilities(fused.probabilities, "results/fusion/probabilities.parquet")
            write_table(fused.views, "results/fusion/views.parquet")
            write_table(fused.methods, "results/fusion/methods.parquet")

        outputs = {name: f"results/fusion/{name}.parquet" for name in ("probabilities", "views", "methods")}
        self.job("fuse", work, {"clips": CLIPS, "tables": [*map(table_of, ENCODERS)]}, outputs)

    def views(self) -> pd.DataFrame:
        return pd.read_parquet("results/fusion/views.parquet")

    def decide(self) -> None:
        def work() -> None:
            fused = read_probabilities("results/fusion/probabilities.parquet")
            clusters = true_clusters(self.clips, np.arange(len(self.clips)) % 2)
            made = calibrate(self.views(), fused, self.clips, decoding="auto", personal=PERSONAL, individuals=clusters)
            write_table(made.decisions, "results/calibration/decisions.parquet")

        inputs = {"clips": CLIPS, "probabilities": "results/fusion/probabilities.parquet"}
        self.job("decide", work, inputs, {"decisions": "results/calibration/decisions.parquet"})

    def measure(self) -> None:
        def work() -> None:
            rows = rows_of_views(self.views(), self.clips)
            found = gain(rows, PERSONAL, decoding="auto", controls=2, seed=1)
            write_json(Path("results/calibration/gain.json"), found)

        inputs = {"clips": CLIPS, "views": "results/fusion/views.parquet"}
        self.job("measure_gains", work, inputs, {"gain": "results/calibration/gain.json"})

    def score(self) -> None:
        def work() -> None:
            decisions = pd.read_parquet("results/calibration/decisions.parquet")
            about = {"dataset": "demo", "weights": "tiny", "origins": dict.fromkeys(ENCODERS, "outside")}
            summary = summarise(decisions, self.read(), self.clips, **about)
            write_json(Path("results/scores.json"), summary)

        inputs = {"clips": CLIPS, "decisions": "results/calibration/decisions.parquet"}
        self.job("score", work, inputs, {"scores": "results/scores.json"})


def random_rows(clips: pd.DataFrame, seed: int) -> pd.DataFrame:
    values = np.random.default_rng(seed).dirichlet(np.ones(6), len(clips))
    columns = {name: values[:, k] for k, name in enumerate(small_study.CLASSES)}
    return clips[["clip", "person", "split", "fold"]].assign(**columns)


class Network(torch.nn.Linear):
    """In place of a network: a training that takes no time, of which only who is in it counts."""

    preprocessing = None


def without_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `train_fold` choose, declare and write as ever, around a network that learns nothing."""
    monkeypatch.setattr(loop, "build", lambda settings, name: Network(1, 1))
    monkeypatch.setattr(loop, "read_media", lambda shards, clips, *_: Media.of([np.zeros(1)] * len(clips)))
    monkeypatch.setattr(loop, "fit", lambda *_, **__: [])
    monkeypatch.setattr(
        loop, "predict", lambda _, clips, name: np.random.default_rng(len(name)).dirichlet(np.ones(6), len(clips))
    )


def mutate(monkeypatch: pytest.MonkeyPatch, function: Callable, *changes: tuple[str, str]) -> None:
    """Put a function of the package, with some of its text changed, wherever the package uses it.

    So a leak is in the code that selects the data, and nowhere else: what is declared is whatever then is declared.
    """
    source = textwrap.dedent(inspect.getsource(function))
    for old, new in changes:
        assert source.count(old) == 1, f"{function.__name__} holds {source.count(old)} times: {old}"
        source = source.replace(old, new)
    made: dict[str, Any] = {}
    exec(compile(source, f"<{function.__name__}, changed>", "exec"), sys.modules[function.__module__].__dict__, made)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("blemore", "leak_study") and getattr(module, function.__name__, None) is function:
            monkeypatch.setattr(module, function.__name__, made[function.__name__])
