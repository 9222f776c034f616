"""Measure what personal calibrations gain on persons they never saw, beside controls without any person."""

import pandas as pd

from blemore.calibration.gains import gains, style
from blemore.calibration.run import rows_of_views
from blemore.files import write_json
from blemore.lineage.job import job
from blemore.tables import read_clips

with job(snakemake):
    rows = rows_of_views(pd.read_parquet(snakemake.input.views), read_clips(snakemake.input.clips))
    options, seed = snakemake.params.calibration, snakemake.params.seed
    found = {"gains": gains(rows, options, seed=seed), "style": style(rows, draws=options["controls"], seed=seed)}
    write_json(snakemake.output[0], found)
