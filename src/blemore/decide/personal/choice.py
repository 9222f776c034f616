"""Which personal model, and how strong: the one under which labels of persons that nothing was fitted on are likeliest.

Models of a person, over the 36 answers, are fitted on labelled training persons and adapted to the unlabelled clips of
a new one: `offset`, `discriminant`, and the geometric mean of `both`. The first two are a file each, with

    fit(rows, constant)                        a model, from labelled clips of several persons
    model.adapted(values, who, known, share)   posteriors (`balancing.Balanced`) of the clips of each of some persons

All of them trust that a person shows the training clips' mix of answers; `schedule` says how far that can be.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from blemore.decide.personal import discriminant, offset
from blemore.decide.personal.balancing import Balanced, nothing_known, part_of_schedule, shaped, usual_clips
from blemore.decide.personal.both import Mean
from blemore.decide.personal.discriminant import Discriminant
from blemore.decide.personal.offset import Offset
from blemore.decide.personal.schedule import Schedule, departures
from blemore.scoring.answers import numbers_of
from blemore.scoring.conditional import ConditionalLogit
from blemore.scoring.rows import Rows
from blemore.seeds import generator
from joblineage.errors import DataError

OFF = "off"
CONSTANTS = {"offset": ("kappa",), "discriminant": ("weight",), "both": ("kappa", "weight")}
"""{kind of personal model: the constants that it has besides k}."""
PART = 10
"""Clips of a person at a time, for which the power is chosen."""
LEAST = 1e-12
"""Least probability whose logarithm is taken."""


@dataclass(frozen=True)
class Choice:
    """A kind of personal model, or OFF, with its constants; None where the kind has no such constant.

    Parameters
    ----------
    kind : {"off", "offset", "discriminant", "both"}
        Kind of personal model.
    kappa : float or None, >= 0, clips
        An offset counts n / (n + kappa) after n clips.
    weight : float or None, >= 0, clips
        Clips that the discriminant model's additive form counts.
    k : float or None, >= 0, clips
        Balancing counts n / (n + k) after n clips.
    power : float or None, > 0
        What `part_of_schedule` is raised to.
    """

    kind: str = OFF
    kappa: float | None = None
    weight: float | None = None
    k: float | None = None
    power: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the kind and its constants.

        Returns
        -------
        dict of str to object
            "model" and the constants that it has.
        """
        named = {"model": self.kind, "kappa": self.kappa, "weight": self.weight, "k": self.k, "power": self.power}
        return {name: value for name, value in named.items() if value is not None}

    def __str__(self) -> str:
        full = {name: ": full strength" for name in ("kappa", "k") if getattr(self, name) == 0}  # 0 reads as "off"
        constants = [
            f"{name} {value:g}{full.get(name, '')}" for name, value in self.to_json().items() if name != "model"
        ]
        return f"{self.kind} ({', '.join(constants)})" if constants else self.kind


@dataclass(frozen=True)
class Fitted:
    """What was chosen, fitted.

    Parameters
    ----------
    choice : Choice
        What was chosen.
    logit : ConditionalLogit
        The posterior that knows no person.
    offset : Offset or None
        The offset model, where the choice needs it.
    discriminant : Discriminant or None
        The discriminant model, where the choice needs it.
    schedule : Schedule or None
        What training persons show; None where the choice is OFF.
    """

    choice: Choice
    logit: ConditionalLogit = field(repr=False)
    offset: Offset | None = field(repr=False, default=None)
    discriminant: Discriminant | None = field(repr=False, default=None)
    schedule: Schedule | None = field(repr=False, default=None)

    def to_json(self) -> dict[str, Any]:
        """Give the choice and the models' numbers.

        Returns
        -------
        dict of str to object
            What `from_json` reads.
        """
        parts = ((name, getattr(self, name)) for name in ("logit", "offset", "discriminant", "schedule"))
        return self.choice.to_json() | {name: part.to_json() for name, part in parts if part is not None}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str = "personal model") -> "Fitted":
        """Rebuild a personal model that `to_json` wrote.

        Parameters
        ----------
        value : mapping of str to object
            What `to_json` gave, read back from JSON.
        where : str
            What a fault is reported under, such as a file's name.

        Returns
        -------
        Fitted
            The same model.

        Raises
        ------
        DataError
            The value is of another form.
        """
        try:
            kind = value["model"]
            names = () if kind == OFF else (*CONSTANTS[kind], "k", "power")
            choice = Choice(kind, **{name: float(shaped(value[name], ())) for name in names})
            own = Offset.from_json(value["offset"]) if "kappa" in names else None
            other = Discriminant.from_json(value["discriminant"]) if "weight" in names else None
            schedule = None if kind == OFF else Schedule.from_json(value["schedule"])
            return cls(choice, ConditionalLogit.from_json(value["logit"]), own, other, schedule)
        except (KeyError, TypeError, ValueError) as error:
            expected = "expected the numbers of a personal model, as results/calibration/models.json holds them"
            raise DataError(where, [f"{expected} ({type(error).__name__}: {error})"]) from None

    def posterior(self, values: np.ndarray, who: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
        """The posterior of clips of some persons; where the choice is OFF, persons and labels are not used.

        Parameters
        ----------
        values : (n, 6) float, 0..1
            Probabilities of the clips.
        who : (n,) int
            Number of each clip's person, 0 to persons - 1.
        known : (n,) int or None
            Number of a labelled clip's answer, else -1; None where no clip is labelled.

        Returns
        -------
        (n, 36) float, 0..1
            Posterior of the answers; each row sums to 1.

        Examples
        --------
        >>> import numpy as np
        >>> from blemore.decide.personal.choice import choose
        >>> from blemore.scoring.rows import Rows
        >>> from dataclasses import replace
        >>> from blemore.simulation.study import Settings, simulate
        >>> from blemore.tables import labelled
        >>> made = simulate(Settings(persons=4, folds=2, encoders=1), seed=1)
        >>> rows = Rows.of(labelled(made.clips))
        >>> rows = replace(rows, values=rows.lookup(made.tables["e00"]))
        >>> options = {"candidates": ["offset"], "kappas": [10.0], "weights": [10.0], "ks": [30.0], "powers": [1.0]}
        >>> model = choose(rows, options).model
        >>> print(model.choice)
        offset (kappa 10, k 30, power 1)
        >>> model.posterior(rows.values, rows.person).shape == (len(rows), 36)
        True
        """
        if self.schedule is None:
            return self.logit.posterior(values)
        return next(self.posteriors(values, who, known, self.schedule, [self.choice.power or 1.0]))

    def posteriors(
        self,
        values: np.ndarray,
        who: np.ndarray,
        known: np.ndarray | None,
        schedule: Schedule,
        powers: Iterable[float],
    ) -> Iterator[np.ndarray]:
        """The posterior of clips, as `posterior` gives it, for each power of `part_of_schedule`.

        Parameters
        ----------
        values : (n, 6) float, 0..1
            Probabilities of the clips.
        who : (n,) int
            Number of each clip's person, 0 to persons - 1.
        known : (n,) int or None
            Number of a labelled clip's answer, else -1; None where no clip is labelled.
        schedule : Schedule
            What training persons show.
        powers : iterable of float
            The powers.

        Yields
        ------
        (n, 36) float, 0..1
            Posterior of the answers under one power.
        """
        known = nothing_known(len(who)) if known is None else known
        part, trusted = part_of_schedule(who, schedule.usual), schedule.trusted(values, who, known)  # (persons, 1)
        models = [model for model in (self.offset, self.discriminant) if model is not None]
        for power in powers:
            parts = [model.adapted(values, who, known, part**power * trusted) for model in models]
            yield _joined(parts).at(self.choice.k or 0.0)

    def usualness(self, values: np.ndarray, who: np.ndarray) -> np.ndarray:
        """How usual each person's mix of answers looks (`Schedule.usualness`).

        Parameters
        ----------
        values : (n, 6) float, 0..1
            Probabilities of the clips.
        who : (n,) int
            Number of each clip's person, 0 to persons - 1.

        Returns
        -------
        (persons,) float, 0..1
            NaN where the choice is OFF.
        """
        if self.schedule is None:
            return np.full(len(np.bincount(who)), np.nan)
        return self.schedule.usualness(values, who)


@dataclass(frozen=True)
class Selected:
    """What `choose` finds.

    Where the choice is OFF, nothing is left out; where nothing could be chosen, the likelihoods are empty too.

    Parameters
    ----------
    model : Fitted
        The choice, fitted on all rows.
    left_out : mapping of int to Fitted
        {fold: the same choice, fitted on the rows of the other folds}.
    likelihoods : mapping of Choice to float
        {candidate: mean log likelihood of the clips' labels, in nats}.
    """

    model: Fitted
    left_out: Mapping[int, Fitted] = field(default_factory=dict)
    likelihoods: Mapping[Choice, float] = field(default_factory=dict)


def choose(rows: Rows, options: Mapping[str, Any]) -> Selected:
    """Fit the likeliest candidate, judged on folds left out in turn; OFF, the first, on a tie and with one fold only.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6), each made without the clip's own fold.
    options : mapping of str to object
        "candidates", kinds besides OFF; "kappas", "weights", "ks", what to choose their constants from; "powers", what
        to raise `part_of_schedule` to, chosen afterwards where a person's clips are judged `PART` at a time.

    Returns
    -------
    Selected
        The choice, fitted on all rows and without each fold.
    """
    # 1. Every model that a candidate needs: of all persons, and of all but one fold's.
    whole = _Models.fit(rows, options)
    if len(rows.folds) < 2:
        return Selected(whole.of(Choice()))
    learned = {fold: _Models.fit(rows.where(rows.fold != fold), options, like=whole) for fold in rows.folds}
    # 2. How likely the labels of each left-out fold's persons are under each candidate.
    totals: dict[Choice, float] = {}
    for fold, models in learned.items():
        judged = rows.where(rows.fold == fold)
        at = np.arange(len(judged)), numbers_of(judged.truth)
        for choice, posterior in models.posteriors(judged, options):  # (n_judged, 36)
            totals[choice] = totals.get(choice, 0.0) + float(np.log(np.maximum(posterior[at], LEAST)).sum())
    # 3. The likeliest candidate, what training persons show (`schedule`), and the power for a person's few clips.
    means = {choice: total / len(rows) for choice, total in totals.items()}
    best = max(means, key=lambda choice: means[choice])
    if best.kind == OFF:
        return Selected(whole.of(best), likelihoods=means)
    schedule, schedules = _schedules(rows, whole, learned)
    best = replace(best, power=_power(rows, best, learned, schedules, options["powers"]))
    # 4. The same choice without each fold, to judge that fold's persons honestly.
    left_out = {fold: models.of(best, schedules[fold]) for fold, models in learned.items()}
    return Selected(whole.of(best, schedule), left_out, means)


def _schedules(rows: Rows, whole: "_Models", learned: Mapping[int, "_Models"]) -> tuple[Schedule, dict[int, Schedule]]:
    """What all persons show, and those of all folds but one; each person by a model that was fitted without the fold."""
    shown, clips = {}, {}
    for fold, models in learned.items():
        judged = rows.where(rows.fold == fold)
        who = np.unique(judged.person, return_inverse=True)[1]
        shown[fold], clips[fold] = departures(models.simplest, judged.values, who)

    def without(left: int | None, models: "_Models") -> Schedule:
        persons, single = (
            np.concatenate([part for fold, part in parts.items() if fold != left]) for parts in (shown, clips)
        )
        return Schedule.of(models.simplest, models.usual, persons, np.cov(single.T))

    return without(None, whole), {fold: without(fold, models) for fold, models in learned.items()}


def _power(
    rows: Rows,
    choice: Choice,
    learned: Mapping[int, "_Models"],
    schedules: Mapping[int, Schedule],
    powers: Sequence[float],
) -> float:
    """The power under which labels are likeliest where a person's clips are seen a few at a time."""
    if len(powers) == 1:
        return float(powers[0])
    totals = np.zeros(len(powers))
    for fold, models in learned.items():
        judged = rows.where(rows.fold == fold)
        at = np.arange(len(judged)), numbers_of(judged.truth)
        who = in_parts(judged.person, PART, f"parts/{fold}")
        posteriors = models.of(choice).posteriors(judged.values, who, None, schedules[fold], powers)
        totals += [np.log(np.maximum(posterior[at], LEAST)).sum() for posterior in posteriors]
    return float(powers[int(totals.argmax())])


def in_parts(person: np.ndarray, clips: int, name: str) -> np.ndarray:
    """Divide each person's clips at random into parts.

    Parameters
    ----------
    person : (n,) int
        Number of each clip's person.
    clips : int, >= 1
        Clips of a part; a person's last one may have fewer.
    name : str
        Name from which the random numbers derive.

    Returns
    -------
    (n,) int
        Number of each clip's part, from 0.
    """
    order = generator(name).permutation(len(person))
    order = order[np.argsort(person[order], kind="stable")]
    _, starts, counts = np.unique(person[order], return_index=True, return_counts=True)
    place = np.empty(len(person), int)
    place[order] = np.arange(len(person)) - np.repeat(starts, counts)
    return np.unique(np.stack([person, place // clips]), axis=1, return_inverse=True)[1].reshape(-1)


@dataclass(frozen=True)
class _Models:
    """Every model that a candidate needs, fitted once: {constant: model}.

    simplest : the discriminant model of the first weight, which sees what persons show; usual : clips of a person, the median.
    """

    logit: ConditionalLogit
    offsets: Mapping[float, Offset]
    discriminants: Mapping[float, Discriminant]
    simplest: Discriminant
    usual: float

    @classmethod
    def fit(cls, rows: Rows, options: Mapping[str, Any], like: "_Models | None" = None) -> "_Models":
        """like : models of nearly the same rows, from which the fits start."""
        needed = {name for kind in options["candidates"] for name in CONSTANTS[kind]}
        weights = options["weights"] if "weight" in needed else options["weights"][:1]
        discriminants = {weight: discriminant.fit(rows, weight) for weight in weights}
        return cls(
            ConditionalLogit.fit(rows.values, rows.truth, like=like.logit if like else None),
            {
                kappa: offset.fit(rows, kappa, like=like.offsets[kappa] if like else None)
                for kappa in (options["kappas"] if "kappa" in needed else ())
            },
            discriminants,
            discriminants[options["weights"][0]],
            usual_clips(np.unique(rows.person, return_inverse=True)[1]),
        )

    def of(self, choice: Choice, schedule: Schedule | None = None) -> Fitted:
        """The choice with its models."""
        own = self.offsets[choice.kappa] if choice.kappa is not None else None
        other = None if choice.weight is None else self.discriminants[choice.weight]
        return Fitted(choice, self.logit, own, other, schedule)

    def posteriors(self, judged: Rows, options: Mapping[str, Any]) -> Iterator[tuple[Choice, np.ndarray]]:
        """Every candidate with its posteriors (m, 36) of the judged clips; each model is adapted once."""
        _, who = np.unique(judged.person, return_inverse=True)
        yield Choice(), self.logit.posterior(judged.values)
        clips = judged.values, who, nothing_known(len(who)), part_of_schedule(who, self.usual)
        adapted = {("kappa", kappa): model.adapted(*clips) for kappa, model in self.offsets.items()}
        adapted |= {("weight", weight): model.adapted(*clips) for weight, model in self.discriminants.items()}
        grids = {"kappa": self.offsets, "weight": self.discriminants}
        for kind in options["candidates"]:
            for values in product(*(grids[name] for name in CONSTANTS[kind])):
                constants = dict(zip(CONSTANTS[kind], values, strict=True))
                joined = _joined([adapted[constant] for constant in constants.items()])
                for k in options["ks"]:
                    yield Choice(kind, **constants, k=k), joined.at(k)


def _joined(parts: list[Balanced]) -> Balanced | Mean:
    return parts[0] if len(parts) == 1 else Mean(*parts)
