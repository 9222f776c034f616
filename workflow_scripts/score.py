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
    found, study, clips = snakemake.input, snakemake.params.study, read_clips(snakemake.input.clips)
    tables = {Path(path).parent.name: read_probabilities(path) for path in found.tables}
    decisions, *others = (pd.read_parquet(found[name]) for name in ("decisions", "methods", "views", "offsets"))
    without = decisions_without(study["unknown"], tables, clips, **snakemake.params.known)
    metrics = summarise(decisions, tables, clips, without_unknown=without, **study)
    files = {"weights": read_json(found.weights), "gains": read_json(found.gains)}
    frames = dict(zip(("methods", "views", "offsets"), others, strict=True))
    metrics |= evidence(clips, decisions, **frames, **files, seed=study["seed"])
    write_json(snakemake.output.metrics, metrics)
    write_json(snakemake.output.reliability, reliability(read_probabilities(found.probabilities), clips, metrics["note"]))
