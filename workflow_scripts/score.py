"""Score decisions and encoders out-of-fold, with intervals over individuals."""

from pathlib import Path

import pandas as pd

from blemore.calibration.known import decisions_without
from blemore.calibration.summary import summarise
from blemore.files import write_json
from blemore.lineage.job import job
from blemore.tables import read_clips, read_probabilities

with job(snakemake):
    tables = {Path(path).parent.name: read_probabilities(path) for path in snakemake.input.tables}
    decisions, clips = pd.read_parquet(snakemake.input.decisions), read_clips(snakemake.input.clips)
    study = snakemake.params.study
    others = decisions_without(study["unknown"], tables, clips, **snakemake.params.options)
    write_json(snakemake.output[0], summarise(decisions, tables, clips, without_unknown=others, **study))
