"""Train a finetuned encoder on all folds but one; predict that fold and the test clips."""

from pathlib import Path

from blemore.lineage.job import job, work_key
from blemore.tables import read_clips
from blemore.training.loop import train_fold

with job(snakemake):
    train_fold(
        snakemake.params.encoder,
        read_clips(snakemake.input.clips),
        [Path(path) for path in snakemake.input.media],
        fold=int(snakemake.wildcards.fold),
        seed=snakemake.params.seed,
        workers=snakemake.threads,
        state=Path("cache/training", f"{work_key(snakemake)}.pt"),
        probabilities=Path(snakemake.output.probabilities),
        curve=Path(snakemake.output.curve),
        weights=Path(snakemake.output.weights),
    )
