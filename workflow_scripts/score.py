"""Score decisions, encoders and fusion methods out-of-fold, with intervals over individuals."""

from pathlib import Path

import pandas as pd

from blemore.calibration.evidence import evidence
from blemore.calibration.known import decisions_without
from blemore.calibration.summary import summarise
from blemore.files import read_json, write_json
from blemore.lineage.job import job
from blemore.reliability import reliability
from blemore.tables import read_clips, read_probabilities

with job(snakemake):
    found, made, study = snakemake.input, snakemake.output, snakemake.params.study
    clips = read_clips(found.clips)
    tables = {Path(path).parent.name: read_probabilities(path) for path in found.tables}
    read = {name: pd.read_parquet(found[name]) for name in ("decisions", "methods", "views", "offsets")}
    without = decisions_without(study["unknown"], tables, clips, **snakemake.params.known)
    metrics = summarise(read["decisions"], tables, clips, without_unknown=without, **study)
    read |= {name: read_json(found[name]) for name in ("weights", "gains")}
    metrics |= evidence(clips, **read, seed=study["seed"])
    write_json(made.metrics, metrics)
    write_json(made.reliability, reliability(read_probabilities(found.probabilities), clips, metrics["note"]))
