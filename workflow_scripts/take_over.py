"""Take finished probabilities from outside over, checked against the study's clips and persons."""

from pathlib import Path

from blemore.encoders.precomputed import take_over
from blemore.folds import check_persons
from blemore.lineage.job import job
from blemore.tables import read_clips, write_probabilities

with job(snakemake):
    clips = read_clips(snakemake.input.clips)
    for sidecar in snakemake.input.persons:
        check_persons(Path(sidecar), clips)
    (table,) = snakemake.input.table
    write_probabilities(take_over(Path(table), clips), snakemake.output[0])
