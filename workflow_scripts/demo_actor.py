"""Generate every training clip of one actor."""

from pathlib import Path

from blemore.demo.make import make_actor
from blemore.lineage.job import job

with job(snakemake):
    root = Path(snakemake.output[0]).parents[1]
    make_actor(snakemake.wildcards.actor, snakemake.params.demo, snakemake.params.seed, root)
