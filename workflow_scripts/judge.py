"""Judge the demo's submissions, and who was taken for whom, against the truth that no other step reads."""

import pandas as pd

from blemore.decide.run import VARIANTS
from blemore.evaluate.held_back import judge
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    submissions = {variant: snakemake.input[variant] for variant in VARIANTS if variant in snakemake.input.keys()}  # noqa: SIM118
    clusters = None
    if snakemake.input.clusters:
        clusters = pd.read_parquet(snakemake.input.clusters, filters=[("split", "==", "test")])
    write_json(snakemake.output[0], judge(submissions, snakemake.input.truth, clusters))
