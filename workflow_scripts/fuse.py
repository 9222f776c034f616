"""Fit every fusion method in nested folds, choose one, and fuse."""

from pathlib import Path

from blemore.fusion.run import fuse
from blemore.tables import read_clips, read_probabilities, write_probabilities, write_table
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    tables = {Path(path).parent.name: read_probabilities(path) for path in snakemake.input.tables}
    fused = fuse(tables, read_clips(snakemake.input.clips), **snakemake.params.study)
    write_json(snakemake.output.weights, fused.weights)
    write_probabilities(fused.probabilities, snakemake.output.probabilities)
    write_table(fused.views, snakemake.output.views)
    write_table(fused.methods, snakemake.output.methods)
