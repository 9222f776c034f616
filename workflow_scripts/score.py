"""Score decisions, encoders and fusion methods out-of-fold, with intervals over individuals."""

from pathlib import Path

import pandas as pd

from blemore.evaluate.optimism import optimism
from blemore.evaluate.reliability import reliability
from blemore.evaluate.summary import decisions_without, headline, summarise, without_salience
from blemore.tables import read_clips, read_probabilities
from joblineage.files import read_json, write_json
from joblineage.job import job

with job(snakemake, headline=headline):
    inputs, outputs, study = snakemake.input, snakemake.output, snakemake.params.study
    clips = read_clips(inputs.clips)
    tables = {Path(path).parent.name: read_probabilities(path) for path in inputs.tables}
    read = {name: pd.read_parquet(inputs[name]) for name in ("decisions", "methods", "views", "offsets")}
    without = decisions_without(study["unknown"], tables, clips, **snakemake.params.without_unknown)
    metrics = summarise(read["decisions"], tables, clips, without_unknown=without, **study)
    read |= {name: read_json(inputs[name]) for name in ("weights", "gain", "trust")}
    metrics |= optimism(clips, **read)
    write_json(outputs.metrics, without_salience(metrics, metrics["trivial"]["blends"]))
    write_json(outputs.reliability, reliability(read_probabilities(inputs.probabilities), clips, metrics["note"]))
