"""Fit the head of a frozen encoder on all folds at once."""

from pathlib import Path

from blemore.folds import check_persons
from blemore.heads.run import fit_head
from blemore.lineage.job import job
from blemore.tables import read_clips, write_probabilities

with job(snakemake):
    clips = read_clips(snakemake.input.clips)
    for sidecar in snakemake.input.persons:
        check_persons(Path(sidecar), clips)
    features = Path(snakemake.input.features)
    table = fit_head(features, clips, snakemake.params.encoder, seed=snakemake.params.seed)
    write_probabilities(table, snakemake.output[0])
