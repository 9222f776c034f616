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
    inputs, outputs = snakemake.input, snakemake.output
    rows = Rows.of(labelled(read_clips(inputs.clips)))
    metrics, curves = read_json(inputs.metrics), join_curves(inputs.curves)
    views, decisions = pd.read_parquet(inputs.views), pd.read_parquet(inputs.decisions)
    decided = rows.lookup(decisions[decisions["variant"] == "inductive"])
    surface = figures.draw_surface(rows.lookup(views[views["outer"] == -1]), rows.truth, metrics["surface"])
    save_png(outputs.surface, surface, metrics["note"])
    save_png(outputs.encoders, figures.draw_encoders(metrics), metrics["note"])
    save_png(outputs.weights, figures.draw_weights(read_json(inputs.weights)), metrics["note"])
    save_png(outputs.confusion, figures.draw_confusion(decided, rows.truth), metrics["note"])
    save_png(outputs.curves, figures.draw_curves(curves), metrics["note"])
    write_csv(curves, outputs.table)
