"""Write the demo's metadata, the submission's template, and the truth that is kept apart."""

from pathlib import Path

from blemore.datasets.withdrawn import FILE, read_same
from demoactors.make import make_tables
from joblineage.job import job

with job(snakemake):
    params, root = snakemake.params, Path(snakemake.output.metadata).parent
    make_tables(params.demo, params.seed, root, read_same(FILE, params.withdrawn).holds)
