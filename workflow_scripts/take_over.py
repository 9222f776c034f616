"""Take finished probabilities from outside over, checked against the study's clips and persons."""

from pathlib import Path

from blemore.encoders.precomputed import take_over
from blemore.learning.folds import check_persons, declare_outside
from blemore.tables import read_clips, write_probabilities
from joblineage.job import job

with job(snakemake):
    clips = read_clips(snakemake.input.clips)
    persons = [check_persons(Path(sidecar), clips) for sidecar in snakemake.input.persons]
    (file,) = snakemake.input.table
    table = take_over(Path(file), clips)
    declare_outside(snakemake.wildcards.given, table["clip"], clips, persons)
    write_probabilities(table, snakemake.output[0])
