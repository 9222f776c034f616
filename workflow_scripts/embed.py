"""Embed every clip once with a frozen encoder."""

from pathlib import Path

from blemore.encoders.embedding import embed
from blemore.lineage.job import job
from blemore.tables import read_clips

with job(snakemake):
    clips = read_clips(snakemake.input.clips)
    shards = [Path(path) for path in snakemake.input.media]
    embed(snakemake.params.encoder, clips, shards, Path(snakemake.output[0]), seed=snakemake.params.seed)
