"""Write the challenge's file and its zip, for each variant that the rule asks for; check them as the challenge would."""

import pandas as pd

from blemore.challenge.submission import read_template, write_checked
from blemore.decide.run import VARIANTS
from joblineage.job import job

VERIFY = ("-m", "blemore.cli", "lineage", "verify")

with job(snakemake, first=[*VERIFY, snakemake.input.decisions]):
    decisions, out = pd.read_parquet(snakemake.input.decisions), snakemake.output
    test, keys = decisions[decisions["split"] == "test"], read_template(snakemake.input.template)
    for variant in VARIANTS:
        if f"{variant}_json" in out.keys():  # noqa: SIM118  (a Namedlist, not a dict)
            write_checked(test[test["variant"] == variant], keys, out[f"{variant}_json"], out[f"{variant}_zip"])
