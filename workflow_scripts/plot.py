"""Draw the study: threshold surface, encoders, weights, confusion, training curves."""

import pandas as pd

from blemore.evaluate import figures
from blemore.evaluate.drawing import save_png
from blemore.learning.folds import join_curves
from blemore.scoring.rows import Rows
from blemore.tables import labelled, read_clips, write_csv
from joblineage.files import read_json
from joblineage.job import job

with job(snakemake):
    given, made = snakemake.input, snakemake.output
    rows = Rows.of(labelled(read_clips(given.clips)))
    metrics, curves = read_json(given.metrics), join_curves(given.curves)
    views, decisions = pd.read_parquet(given.views), pd.read_parquet(given.decisions)
    decided = rows.lookup(decisions[decisions["variant"] == "inductive"])
    surface = figures.draw_surface(rows.lookup(views[views["outer"] == -1]), rows.truth, metrics["surface"])
    save_png(made.surface, surface, metrics["note"])
    save_png(made.encoders, figures.draw_encoders(metrics), metrics["note"])
    save_png(made.weights, figures.draw_weights(read_json(given.weights)), metrics["note"])
    save_png(made.confusion, figures.draw_confusion(decided, rows.truth), metrics["note"])
    save_png(made.curves, figures.draw_curves(curves), metrics["note"])
    write_csv(curves, made.table)
