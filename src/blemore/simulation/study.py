"""Made-up studies: persons with a known style, clips of the challenge's schedule, and encoders that see them dimly.

A clip's evidence for class c is a_c = EVIDENCE * g_i * m_c + o_ic: m the soft label drawn towards its mean (a weak
emotion of a blend shows more than its share), o_i the person's class offsets and g_i the person's gain. Encoder e reads

    l_e = s_e * (a + sqrt(rho) * common noise) + sqrt(1 - rho) * own noise + b_e,    p_e = softmax(t_e * l_e)

with a strength s_e, a bias b_e of its own, and over-confidence t_e >= 1. The common noise is what a clip shows besides its
label: an encoder that sees little of the one sees little of the other. (Were it as large in weak encoders, a linear
combination could subtract it, and stacking would win by a trick that no real encoder offers.) New
persons, drawn the same way, are test clips of the tables; only this module knows whose.
"""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from blemore.scoring.labels import CLASSES, EMOTIONS, soft_labels
from blemore.scoring.logits import softmax
from blemore.scoring.reading import once
from blemore.seeds import generator
from blemore.tables import NO_FOLD, class_rows, write_csv, write_probabilities, write_table
from joblineage.errors import refuse
from joblineage.files import write_json

EVIDENCE = 2.0
"""Logits between a fully shown class and one that is not shown, before noise, at gain 1."""
ROOT = 0.6
"""m is the soft label to this power: at 70/30 the weaker emotion shows 60 % as much as the stronger one."""
NOISE = 1.0
"""Standard deviation, in logits, of what an encoder mistakes, at strength 1."""
BIAS = 0.3
"""Standard deviation, in logits, of an encoder's own preference for classes."""
LABELS = ["mix", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]

Schedule = Literal["exact", "usual", "random", "short"]


@dataclass(frozen=True)
class Settings:
    """What a made-up study is like.

    persons, new_persons : training persons, and persons whom nothing is fitted on; folds : of the training persons.
    encoders : how many; their strengths fall evenly from `strongest` to `weakest`, and they come in pairs of a family.
    correlation : rho, 0..1, share of the noise's variance that encoders of strength 1 have in common.
    offset_sd, gain_sd : style: standard deviations of the class offsets (logits) and of the log of the gain; 0 for none.
    confidence : factor on the logits of the most over-confident encoder; the others lie between 1 and it.
    models, model_sd : a training clip's row comes from one fold's model, a test clip's is the mean of so many; each adds
        noise of its own to the logits, with this standard deviation. averaging : of probabilities, or of their logarithms.
    schedule : what persons show: "exact", the challenge's usual 54 clips; "usual", 36 of 47 persons those, 8 others fewer
        or more, 3 no blend; "random", 54 clips of a random mixture of answers. new_schedule : of the new persons; None: the same.
    generator : "offsets", as above; "other", style that depends on the label, and noise with heavy tails (Student's t, 4
        degrees of freedom): nothing that a model here assumes.
    """

    persons: int = 47
    new_persons: int = 0
    folds: int = 5
    encoders: int = 12
    correlation: float = 0.5
    offset_sd: float = 0.6
    gain_sd: float = 0.3
    confidence: float = 2.0
    strongest: float = 1.0
    weakest: float = 0.3
    models: int = 1
    model_sd: float = 0.0
    averaging: Literal["mean", "log mean"] = "mean"
    schedule: Schedule = "exact"
    new_schedule: Schedule | None = None
    generator: Literal["offsets", "other"] = "offsets"


@dataclass(frozen=True)
class Study:
    """A made-up study: tables as the workflow makes them, and the truth behind them.

    clips : clips table; tables : {encoder: probabilities table}; families : {encoder: family}.
    person : (n_clips,) who shows each clip of `clips`, test clips included; truth : (n_clips, 6) saliences in percent.
    offsets : {person: (6,) class offsets, mean 0}; gains : {person: gain}.
    """

    clips: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    families: dict[str, str]
    person: np.ndarray
    truth: np.ndarray
    offsets: dict[str, np.ndarray]
    gains: dict[str, float]


def simulate(settings: Settings, seed: int) -> Study:
    """Make a study; the same settings and seed give the same numbers.

    The usual schedule has 54 clips: 5 emotions x 4 intensities, 4 neutral, 30 blends.
    """
    drawn = generator(f"{seed}/persons")
    names = [f"A{1000 + k}" for k in range(settings.persons + settings.new_persons)]
    raw = drawn.normal(0, 1, (len(names), len(EMOTIONS)))
    offsets = np.hstack([settings.offset_sd * raw, np.zeros((len(names), 1))])
    gains = np.exp(settings.gain_sd * drawn.normal(0, 1, len(names)))
    clips, person = _clips(names, settings, seed)
    labels = soft_labels(clips)
    who = np.searchsorted(names, person)  # (n_clips,) the person's number
    shown = EVIDENCE * gains[who, None] * labels**ROOT + offsets[who]
    draw = _normal
    if settings.generator == "other":
        draw = _heavy
        own_style = settings.offset_sd * generator(f"{seed}/style").normal(
            0, 1, (len(names), len(CLASSES), len(CLASSES))
        )
        shown = EVIDENCE * gains[who, None] * labels**ROOT + np.einsum("nc,ncd->nd", labels, own_style[who])

    common = NOISE * draw(generator(f"{seed}/common"), labels.shape)
    strengths = np.linspace(settings.strongest, settings.weakest, settings.encoders)
    confidences = np.linspace(1, settings.confidence, settings.encoders)
    tables = {}
    for e, strength in enumerate(strengths):
        own = generator(f"{seed}/encoder {e}")
        seen = strength * (shown + np.sqrt(settings.correlation) * common)
        noise = np.sqrt(1 - settings.correlation) * NOISE * draw(own, labels.shape)
        # The confidences are dealt out so that the strongest encoder is not the calmest one.
        confidence = confidences[(5 * e) % settings.encoders]
        logits = confidence * (seen + noise + own.normal(0, BIAS, len(CLASSES)))
        tables[f"e{e:02d}"] = class_rows(clips, _of_models(logits, clips, settings, f"{seed}/models of encoder {e}"))
    clips.loc[clips["split"] == "test", LABELS] = None
    return Study(
        clips=clips,
        tables=tables,
        families={name: f"family {k // 2}" for k, name in enumerate(tables)},
        person=person,
        truth=np.rint(100 * labels),
        offsets={name: row - row.mean() for name, row in zip(names, offsets, strict=True)},
        gains=dict(zip(names, gains.tolist(), strict=True)),
    )


def _normal(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return draw.normal(0, 1, shape)


def _heavy(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of variance 1 with heavy tails."""
    return draw.standard_t(4, shape) / np.sqrt(2)


def _of_models(logits: np.ndarray, clips: pd.DataFrame, settings: Settings, name: str) -> np.ndarray:
    """(n, 6) probabilities: of one model for training clips, the average of all models' for test clips."""
    if not settings.model_sd:
        return softmax(logits)
    draw = generator(name)
    by_model = [softmax(logits + draw.normal(0, settings.model_sd, logits.shape)) for _ in range(settings.models)]
    average = np.mean(by_model, axis=0) if settings.averaging == "mean" else softmax(np.mean(np.log(by_model), axis=0))
    return np.where((clips["split"] == "test").to_numpy()[:, None], average, by_model[0])


Labels = tuple[int, str, str | None, float, float | None]
OTHERS = ((27, 27), (49, 29), (50, 30), (55, 29), (56, 30), (63, 31), (64, 40), (70, 30))
"""Clips, and blends among them, of BLEMORE's persons with another schedule than the usual one."""
SINGLES_ONLY, PERSONS = 26, 47


def _schedule(number: int, schedule: Schedule, draw: np.random.Generator) -> list[Labels]:
    """What a person shows."""
    singles: list[Labels] = [(0, name, None, 100.0, None) for name in CLASSES for _ in range(4)]
    blends: list[Labels] = [
        (1, combination, two, share, 100 - share)
        for combination, two in combinations(EMOTIONS, 2)
        for share in (30.0, 50.0, 70.0)
    ]
    if schedule == "random":
        answers = [*singles[::4], *blends]
        return [answers[k] for k in draw.choice(len(answers), 54, p=draw.dirichlet(np.ones(len(answers))))]
    if schedule == "short":
        dealt = [blends[3 * pair + (number + pair) % 3] for pair in range(len(blends) // 3)]
        return [*(single for k, single in enumerate(singles) if k % 4 < 2), *dealt]
    place = number % PERSONS - (PERSONS - len(OTHERS) - 3)  # from 0 on another schedule than the usual one
    if schedule == "exact" or place < 0:
        return [*singles, *blends]
    clips, mixed = OTHERS[place] if place < len(OTHERS) else (SINGLES_ONLY, 0)

    def some(of: list[Labels], count: int) -> list[Labels]:
        order = [k for _ in range(-(-count // len(of))) for k in draw.permutation(len(of)).tolist()]
        return [of[k] for k in order[:count]]

    return [*some(singles, clips - mixed), *some(blends, mixed)]


def _clips(names: list[str], settings: Settings, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """The clips table with all labels, and (n_clips,) who shows each clip."""
    rows, person = list[dict[str, Any]](), list[str]()
    tests = 0
    for number, name in enumerate(names):
        new = number >= settings.persons
        schedule = (settings.new_schedule if new else None) or settings.schedule
        for k, labels in enumerate(_schedule(number, schedule, generator(f"{seed}/schedule of {name}"))):
            tests += new
            clip = f"test_{tests:05d}" if new else f"{name}_{k:02d}"
            whose = ("test", None, NO_FOLD) if new else ("train", name, number % settings.folds)
            rows.append(dict(zip(["clip", "split", "person", "fold", *LABELS], [clip, *whose, *labels], strict=True)))
            person.append(name)
    clips = pd.DataFrame(rows)
    file = clips["split"] + "/" + clips["clip"] + ".mov"
    return clips.assign(file=file, quarantine=""), np.array(person)


def write_study(study: Study, folder: Path) -> None:
    """Write clips.parquet, train_metadata.csv, {encoder}.parquet and truth.json below `folder`.

    Nothing is written over: a DataError where one of them is there.

    truth.json: {"style": {person: {"offsets": {class: logits}, "gain"}}, "clips": {clip: {"person", "saliences"
    {class: percent}}}}, of test clips too.
    """
    names = ("clips.parquet", "train_metadata.csv", *(f"{name}.parquet" for name in study.tables), "truth.json")
    there = [name for name in names if (folder / name).exists()]
    refuse(folder, once(there, "is there already: give another folder, or remove it first"))
    write_table(study.clips, folder / "clips.parquet")
    train = study.clips[study.clips["split"] == "train"].rename(columns={"clip": "filename"})
    metadata = train[["filename", "fold", *LABELS]].astype(dict.fromkeys(LABELS[3:], float))
    metadata.loc[metadata["mix"] == 0, LABELS[3:]] = float("nan")
    write_csv(metadata, folder / "train_metadata.csv")
    for name, table in study.tables.items():
        write_probabilities(table, folder / f"{name}.parquet")
    saliences = pd.DataFrame(study.truth, columns=list(CLASSES)).to_dict("records")
    style = {
        name: {"offsets": dict(zip(CLASSES, offsets.tolist(), strict=True)), "gain": study.gains[name]}
        for name, offsets in study.offsets.items()
    }
    clips = {
        clip: {"person": person, "saliences": {name: value for name, value in row.items() if value}}
        for clip, person, row in zip(study.clips["clip"], study.person, saliences, strict=True)
    }
    notice = "Simulated persons: scores on these tables say nothing about BLEMORE."
    write_json(folder / "truth.json", {"notice": notice, "style": style, "clips": clips})
