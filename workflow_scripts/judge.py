"""Judge the demo's submissions, and who was taken for whom, against the truth that no other step reads."""

import pandas as pd

from blemore.evaluate.held_back import judge
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    files = {"inductive": snakemake.input.submission, "transductive": snakemake.input.transductive}
    submissions = {variant: str(path) for variant, path in files.items() if path}
    clusters = pd.read_parquet(snakemake.input.clusters) if snakemake.input.clusters else None
    write_json(snakemake.output[0], judge(submissions, snakemake.input.truth, clusters, snakemake.params.seed))
