"""Fit decoders and personal models; decide every clip, by itself and together with the person's others."""

import pandas as pd

from blemore.decide.run import calibrate
from blemore.individuals.clusters import read_clusters
from blemore.tables import read_clips, read_probabilities, write_table
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    views, clips = pd.read_parquet(snakemake.input.views), read_clips(snakemake.input.clips)
    fused = read_probabilities(snakemake.input.probabilities)
    individuals = read_clusters(snakemake.input.clusters, snakemake.input.summary)
    calibrated = calibrate(views, fused, clips, individuals=individuals, **snakemake.params.study)
    write_json(snakemake.output.models, calibrated.models)
    write_json(snakemake.output.trust, calibrated.trust)
    write_table(calibrated.decisions, snakemake.output.decisions)
    write_table(calibrated.offsets, snakemake.output.offsets)
