"""Generate the test clips, whose names carry no identity."""

from pathlib import Path

from demoactors.make import make_test
from joblineage.job import job

with job(snakemake):
    clips = [Path(path) for path in snakemake.output]
    make_test(snakemake.params.demo, snakemake.params.seed, clips[0].parents[1], only={path.name for path in clips})
