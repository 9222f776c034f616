"""A trained study in use: `Bundle.load(folder).predict(clips)`.

Media step, encoders, fusion and decision are the study's own functions, so that a clip is judged here as it was there. No clip is
kept, and none leaves the machine: a bundle has no encoder that asks a service.
"""

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from blemore.predict.answers import ClipAnswer, Predictions
    from blemore.predict.contents import Contents
    from blemore.predict.timeline import Timeline

FEWEST = 10
"""Clips of a person that a correction needs."""
BALANCED = "balanced"
"""The one schedule: the person's clips show the study's mix of emotions."""

logger = logging.getLogger(__name__)


class Bundle:
    """A bundle of a finished study, as `blemore bundle` makes it.

    Parameters
    ----------
    contents : Contents
        What the folder holds; `Bundle.load` reads it.

    Examples
    --------
    >>> from blemore import Bundle
    >>> bundle = Bundle.load("our-study")
    >>> predictions = bundle.predict(["clip.mp4"])
    >>> saliences = predictions.answers[0].decision.saliences  # such as {'hap': 70, 'sad': 30}
    >>> sum(saliences.values())
    100
    >>> predictions.table().columns[:4].tolist()
    ['clip', 'file', 'seconds', 'fault']
    """

    def __init__(self, contents: "Contents"):
        self.contents = contents

    @classmethod
    def load(cls, folder: str | Path) -> "Bundle":
        """Open a bundle, every byte compared with its manifest.

        Parameters
        ----------
        folder : str or Path
            As `blemore bundle` wrote it.

        Returns
        -------
        Bundle
            The bundle.

        Raises
        ------
        DataError
            No bundle, another format, or files that are lost or changed; says which.
        """
        from blemore.predict.contents import read_contents

        contents = read_contents(folder)
        for name, version in contents.about["versions"].items():
            if (here := metadata.version(name)) != version:
                logger.warning("%s is %s here, %s where the bundle was made: numbers may differ", name, here, version)
        return cls(contents)

    @property
    def about(self) -> Mapping[str, Any]:
        """What bundle.json says: encoders, scores, versions, what it learned from."""
        return self.contents.about

    def predict(
        self, clips: Iterable[str | Path], *, person: str | None = None, schedule: str | None = None
    ) -> "Predictions":
        """Say what clips show.

        Parameters
        ----------
        clips : iterable of (str or Path)
            Files, or folders of them.
        person : str or None
            Name of the one person whom all clips show: they are decided together, too, beside each by itself.
        schedule : {"balanced"} or None
            With `person` only: what the correction assumes of the clips, that together they show the mix of emotions of
            the study's own.

        Returns
        -------
        Predictions
            Answers in the order of the clips' names. A clip that cannot be used has a fault in its place, and the
            others go on.

        Raises
        ------
        DataError
            A path that is not there; a person without a schedule, or with fewer than ten clips.

        Examples
        --------
        >>> from blemore import Bundle
        >>> Bundle.load("our-study").predict(["clip.mp4"]).answers[0].clip.name
        'clip'
        """
        from threadpoolctl import threadpool_limits

        from blemore.predict.answers import ClipAnswer, Predictions
        from blemore.predict.media import listed, prepare
        from blemore.predict.person import check_call

        files, about = listed(clips), self.about
        check_call(person, schedule, len(files))
        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):  # as the study's jobs
            learned = about["learned_from"]["seconds"]
            asked, shards = prepare(files, about["media"], self.kinds, learned, Path(folder))
            good = [clip.name for clip in asked if not clip.fault]
            judged = self.judge(good, shards)
        answers = judged.answers(asked)
        notes: list[str] = []
        if person is not None:
            from blemore.predict.person import corrected

            answers, notes = corrected(answers, judged, self.about["models"], person)
        return Predictions([answers.get(clip.name, ClipAnswer(clip)) for clip in asked], about["left_out"], notes)

    def timeline(self, recording: str | Path, *, every: float = 0.5, window: float = 2.0) -> "Timeline":
        """Probabilities over time of a long recording: each window is judged as a clip.

        Parameters
        ----------
        recording : str or Path
            The file.
        every : float, > 0, s
            From the start of a window to the next one's.
        window : float, > 0, s
            Length of a window.

        Returns
        -------
        Timeline
            One row per window.

        Raises
        ------
        DataError
            The recording cannot be used, or is shorter than a window.

        Examples
        --------
        >>> from blemore import Bundle
        >>> Bundle.load("our-study").timeline("clip.mp4").table.columns[:2].tolist()
        ['start', 'end']
        """
        from threadpoolctl import threadpool_limits

        from blemore.predict.timeline import Timeline, prepare_windows

        with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
            prepared = prepare_windows(Path(recording), self.about["media"], self.kinds, every, window, Path(folder))
            judged = self.judge(list(prepared.windows), prepared.shards)
        return Timeline.of(prepared, judged)

    @property
    def kinds(self) -> set[str]:
        """Kinds of media that the encoders read."""
        from blemore.encoders.settings import kinds_of

        return {kind for encoder in self.about["encoders"].values() for kind in kinds_of(encoder["network"])}

    def judge(self, names: Sequence[str], shards: Mapping[str, Sequence[Path]]) -> "Judged":
        """Run encoders, fusion and decision on prepared clips.

        Parameters
        ----------
        names : sequence of str
            The clips; there may be none.
        shards : mapping of str to sequence of Path
            {kind of media: prepared files}.

        Returns
        -------
        Judged
            What they say of the clips.
        """
        from blemore.decide.chains import INDUCTIVE
        from blemore.decide.run import decisions_table
        from blemore.encoders.settings import kinds_of
        from blemore.predict.contents import FUSION, read_fusion
        from blemore.predict.encoders import encoder_table
        from blemore.predict.fusing import fused_values, single
        from blemore.predict.media import clips_table
        from blemore.tables import class_rows

        clips, tables = clips_table(names), {}
        fusion = self.about["fusion"]
        final = read_fusion(self.contents.folder / FUSION, fusion["method"])
        if not names:
            return Judged({}, clips, clips)
        for name in fusion["encoders"]:
            kinds = kinds_of(self.about["encoders"][name]["network"])
            media = [file for kind in kinds for file in shards[kind]]
            tables[name] = encoder_table(self.contents, name, clips, media)
        values = fused_values(final, tables, clips)
        alone = single(self.about["models"])
        saliences, posterior = alone.decoder.decide(values), alone.logit.posterior(values)
        decisions = decisions_table(clips, saliences, INDUCTIVE, "model", posterior)
        return Judged(tables, class_rows(clips, values), decisions)


@dataclass(frozen=True)
class Judged:
    """What encoders, fusion and decision say of some clips.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        {encoder: probabilities table}.
    fused : DataFrame
        Probabilities table of the fusion.
    decisions : DataFrame
        As `decide.run.decisions_table` makes it.
    """

    tables: Mapping[str, "pd.DataFrame"]
    fused: "pd.DataFrame"
    decisions: "pd.DataFrame"

    def answers(self, clips: Iterable[Any]) -> dict[str, "ClipAnswer"]:
        """The answers about clips.

        Parameters
        ----------
        clips : iterable of Clip
            Clips as `media.Clip`.

        Returns
        -------
        dict of str to ClipAnswer
            {name: answer} of those that were judged.
        """
        from blemore.predict.answers import ClipAnswer, Decision
        from blemore.scoring.labels import CLASSES

        classes = list(CLASSES)
        fused, decisions, *tables = (
            table.set_index("clip") for table in (self.fused, self.decisions, *self.tables.values())
        )
        by_clip = {}
        for clip in clips:
            if clip.name in fused.index:
                seen = {
                    name: table.loc[clip.name, classes].to_dict() if clip.name in table.index else None
                    for name, table in zip(self.tables, tables, strict=True)
                }
                shares = fused.loc[clip.name, classes].to_dict()
                by_clip[clip.name] = ClipAnswer(clip, Decision.of(decisions.loc[clip.name]), shares, seen)
        return by_clip
