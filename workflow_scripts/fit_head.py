"""Fit the head of a frozen encoder on all folds at once."""

from pathlib import Path

from blemore.learning.folds import check_persons, declare_outside
from blemore.learning.heads.run import fit_head
from blemore.tables import read_clips, write_probabilities
from joblineage.job import job

with job(snakemake):
    clips = read_clips(snakemake.input.clips)
    persons = [check_persons(Path(sidecar), clips) for sidecar in snakemake.input.persons]
    features = Path(snakemake.input.features)
    heads = Path(snakemake.output.heads)
    table = fit_head(features, clips, snakemake.params.encoder, seed=snakemake.params.seed, heads=heads)
    if persons:
        declare_outside(snakemake.wildcards.frozen, table["clip"], clips, persons)
    write_probabilities(table, snakemake.output.probabilities)
