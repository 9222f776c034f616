"""Fit decoders and personal models; decide every clip, by itself and together with the person's others."""

import pandas as pd

from blemore.decide.run import calibrate
from blemore.individuals.known import known_clusters
from blemore.tables import read_clips, read_probabilities, write_table
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    views, clips = pd.read_parquet(snakemake.input.views), read_clips(snakemake.input.clips)
    fused = read_probabilities(snakemake.input.probabilities)
    individuals = known_clusters(snakemake.input.clusters, snakemake.input.summary)
    made = calibrate(views, fused, clips, individuals=individuals, **snakemake.params.study)
    write_json(snakemake.output.models, made.models)
    write_json(snakemake.output.trust, made.trust)
    write_table(made.decisions, snakemake.output.decisions)
    write_table(made.offsets, snakemake.output.offsets)
