"""Write the demo's metadata, the submission's template, and the truth that is kept apart."""

from pathlib import Path

from blemore.demo.make import make_tables
from blemore.lineage.job import job

with job(snakemake):
    make_tables(snakemake.params.demo, snakemake.params.seed, Path(snakemake.output.metadata).parent)
