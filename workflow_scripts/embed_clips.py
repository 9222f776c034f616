"""Embed every clip once with a frozen encoder."""

from pathlib import Path

from blemore.encoders.embedding import embed
from blemore.tables import read_clips
from joblineage.job import job

with job(snakemake):
    embed(
        snakemake.params.encoder,
        read_clips(snakemake.input.clips),
        [Path(path) for path in snakemake.input.media],
        Path(snakemake.output.features),
        seed=snakemake.params.seed,
        workers=snakemake.threads,
    )
