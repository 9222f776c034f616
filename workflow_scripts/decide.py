"""Fit thresholds and offsets per individual; decide every clip."""

import pandas as pd

from blemore.decide.run import calibrate
from blemore.individuals.permission import usable_clusters
from blemore.tables import read_clips, read_probabilities, write_table
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    views, clips = pd.read_parquet(snakemake.input.views), read_clips(snakemake.input.clips)
    fused = read_probabilities(snakemake.input.probabilities)
    individuals = usable_clusters(snakemake.input.clusters, snakemake.input.summary)
    made = calibrate(views, fused, clips, snakemake.params.kappas, individuals=individuals)
    write_json(snakemake.output.thresholds, made.thresholds)
    write_table(made.decisions, snakemake.output.decisions)
    write_table(made.offsets, snakemake.output.offsets)
