"""One row per encoder: honest scores, weight in the fusion, cost."""

from blemore.evaluate.comparison import compare, read_costs
from blemore.tables import write_csv
from joblineage.files import read_json
from joblineage.job import job

with job(snakemake):
    metrics, weights = read_json(snakemake.input.metrics), read_json(snakemake.input.weights)
    write_csv(compare(metrics, weights, read_costs(snakemake.input.costs)), snakemake.output[0])
