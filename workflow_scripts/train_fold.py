"""Train a finetuned encoder on all folds but one, and predict that fold and the test clips; each fold of the job."""

from pathlib import Path

from blemore.learning.training.loop import train_fold
from blemore.tables import read_clips
from joblineage.job import job

with job(snakemake, each="fold") as folds:
    clips, media, states = read_clips(snakemake.input.clips), [Path(path) for path in snakemake.input.media], []
    for fold in folds:
        states.append(Path("cache/training", f"{fold.work_key}.pt"))
        train_fold(
            snakemake.params.encoder,
            clips,
            media,
            fold=int(fold.wildcards["fold"]),
            seed=snakemake.params.seed,
            workers=snakemake.threads,
            state=states[-1],
            shared=Path("cache/training", f"{fold.shared_key('fold')}.media"),
            **{name: Path(fold.output[name]) for name in ("probabilities", "curve", "weights")},
        )
    for state in states:
        state.unlink()  # a killed job goes on where it was, also with another fold
