"""Write the challenge's file and its zip, then check them as the challenge would."""

import pandas as pd

from blemore.errors import DataError
from blemore.lineage.job import job
from blemore.submission import check, read_template, write, write_submission, write_zip

with job(snakemake):
    decisions = pd.read_parquet(snakemake.input.decisions)
    keys = read_template(snakemake.input.template)
    submission = write(decisions[decisions["split"] == "test"], keys)
    write_submission(snakemake.output.json, submission)
    write_zip(snakemake.output.zip, submission)
    if faults := check(snakemake.output.zip, keys):
        raise DataError(snakemake.output.zip, faults)
