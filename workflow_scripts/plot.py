"""Draw the study: threshold surface, encoders, weights, confusion, training curves."""

import json
from pathlib import Path

import pandas as pd

from blemore.evaluate import figures
from blemore.learning.folds import join_curves
from blemore.tables import read_clips, write_csv
from joblineage.job import job

with job(snakemake):
    made, clips = snakemake.output, read_clips(snakemake.input.clips)
    read = {name: json.loads(Path(snakemake.input[name]).read_text()) for name in ("metrics", "weights", "thresholds")}
    views, decisions = pd.read_parquet(snakemake.input.views), pd.read_parquet(snakemake.input.decisions)
    curves, note = join_curves(snakemake.input.curves), read["metrics"]["note"]
    shown, best = views[views["outer"] == -1], read["metrics"]["surface"]
    figures.plot_surface(made.surface, shown, clips, read["thresholds"]["global"], best=best, note=note)
    figures.plot_encoders(made.encoders, read["metrics"], note=note)
    figures.plot_weights(made.weights, read["weights"], note=note)
    figures.plot_confusion(made.confusion, decisions[decisions["variant"] == "global"], clips, note=note)
    nested = {name: dict(list(part.groupby("fold"))) for name, part in curves.groupby("encoder")}
    figures.plot_curves(made.curves, nested, note=note)
    write_csv(curves, made.table)
