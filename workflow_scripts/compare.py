"""What each encoder is worth in the fusion; and one row per encoder: honest scores, worth, weight in the fusion, cost."""

from pathlib import Path

from blemore.evaluate.comparison import compare, read_costs
from blemore.evaluate.summary import without_salience
from blemore.evaluate.worth import worth_of_tables
from blemore.tables import read_clips, read_probabilities, write_csv
from joblineage.files import read_json, write_json
from joblineage.job import job

with job(snakemake):
    inputs, outputs = snakemake.input, snakemake.output
    metrics, weights, costs = read_json(inputs.metrics), read_json(inputs.weights), read_costs(inputs.costs)
    tables = {Path(path).parent.name: read_probabilities(path) for path in inputs.tables}
    worth = worth_of_tables(tables, read_clips(inputs.clips), costs=costs, **snakemake.params.study)
    write_json(outputs.worth, without_salience(worth, metrics["trivial"]["blends"]))
    write_csv(compare(metrics, weights, costs, worth), outputs.table)
