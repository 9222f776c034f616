"""Generate the test clips, whose names carry no identity."""

from pathlib import Path

from blemore.demo.make import make_test
from blemore.lineage.job import job

with job(snakemake):
    make_test(snakemake.params.demo, snakemake.params.seed, Path(snakemake.output[0]).parents[1])
