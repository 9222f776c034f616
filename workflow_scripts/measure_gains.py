"""Measure what deciding a person's clips together gains, on persons never seen, beside controls without any person."""

import pandas as pd

from blemore.decide.run import rows_of_views
from blemore.evaluate.gains import gain, style
from blemore.tables import read_clips
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    rows = rows_of_views(pd.read_parquet(snakemake.input.views), read_clips(snakemake.input.clips))
    study = snakemake.params.study
    gains = {"gain": gain(rows, **study), "style": style(rows, draws=study["controls"], seed=study["seed"])}
    write_json(snakemake.output[0], gains)
