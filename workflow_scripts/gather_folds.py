"""Join the folds of a finetuned encoder: out-of-fold rows, and the fold models' mean for test clips."""

from blemore.learning.folds import gather_folds
from blemore.tables import read_clips, write_probabilities
from joblineage.job import job

with job(snakemake):
    table = gather_folds(snakemake.input.folds, read_clips(snakemake.input.clips))
    write_probabilities(table, snakemake.output[0])
