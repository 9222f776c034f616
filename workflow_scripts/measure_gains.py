"""Measure what personal calibrations gain on persons they never saw, beside controls without any person."""

import pandas as pd

from blemore.decide.run import rows_of_views
from blemore.evaluate.gains import gains, style
from blemore.tables import read_clips
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    rows = rows_of_views(pd.read_parquet(snakemake.input.views), read_clips(snakemake.input.clips))
    options, seed = snakemake.params.calibration, snakemake.params.seed
    found = {"gains": gains(rows, options, seed=seed), "style": style(rows, draws=options["controls"], seed=seed)}
    write_json(snakemake.output[0], found)
