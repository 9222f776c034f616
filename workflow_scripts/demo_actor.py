"""Generate training clips: all of one actor, or those of actors with a schedule of their own or withdrawn clips."""

from pathlib import Path

from demoactors.make import make_train
from joblineage.job import job

with job(snakemake):
    make_train([Path(path) for path in snakemake.output], snakemake.params.demo, snakemake.params.seed)
