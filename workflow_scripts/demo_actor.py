"""Generate training clips: all of one actor, or those that are left of actors with withdrawn ones."""

from pathlib import Path

from demoactors.make import make_train
from joblineage.job import job

with job(snakemake):
    make_train([Path(path) for path in snakemake.output], snakemake.params.demo, snakemake.params.seed)
