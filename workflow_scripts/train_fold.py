"""Train a finetuned encoder on all folds but one; predict that fold and the test clips."""

from pathlib import Path

from blemore.lineage.job import job
from blemore.tables import read_clips
from blemore.training.loop import train_fold

with job(snakemake) as begun:
    train_fold(
        snakemake.params.encoder,
        read_clips(snakemake.input.clips),
        [Path(path) for path in snakemake.input.media],
        fold=int(snakemake.wildcards.fold),
        seed=snakemake.params.seed,
        workers=snakemake.threads,
        state=Path("cache/training", f"{begun.work_key}.pt"),
        probabilities=Path(snakemake.output.probabilities),
        curve=Path(snakemake.output.curve),
        weights=Path(snakemake.output.weights),
    )
