"""What each encoder is worth in the fusion; and one row per encoder: honest scores, worth, weight in the fusion, cost."""

from pathlib import Path

from blemore.evaluate.comparison import compare, read_costs
from blemore.evaluate.summary import without_salience
from blemore.evaluate.worth import worth_of_tables
from blemore.tables import read_clips, read_probabilities, write_csv
from joblineage.files import read_json, write_json
from joblineage.job import job

with job(snakemake):
    found, made = snakemake.input, snakemake.output
    metrics, weights, costs = read_json(found.metrics), read_json(found.weights), read_costs(found.costs)
    tables = {Path(path).parent.name: read_probabilities(path) for path in found.tables}
    worth = worth_of_tables(tables, read_clips(found.clips), costs=costs, **snakemake.params.study)
    write_json(made.worth, without_salience(worth, metrics["trivial"]["blends"]))
    write_csv(compare(metrics, weights, costs, worth), made.table)
