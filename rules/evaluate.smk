"""
What the study can honestly say of itself: out-of-fold, actor-disjoint scores with intervals, and the plots.

NEEDS   results/calibration/decisions.parquet, results/fusion/, results/encoders/*/, results/clips/clips.parquet
MAKES   results/metrics.json, results/plots/*.png
"""

CURVES = collect(FOLD["curve"], finetuned=FINETUNED, fold=FOLDS)
PLOTS = {plot: f"results/plots/{plot}.png" for plot in ["surface", "encoders", "weights", "confusion", "curves"]}
PLOTS["table"] = "results/plots/curves.csv"


rule evaluate:
    input:
        "results/metrics.json",
        PLOTS.values(),


rule score:
    input:
        clips=CLIPS,
        decisions="results/calibration/decisions.parquet",
        tables=PROBABILITIES,
        code=code("score"),
    output:
        "results/metrics.json",
    log:
        "logs/score.log",
    params:
        study={key: config[key] for key in ("dataset", "weights", "seed")},
    script:
        "../workflow_scripts/score.py"


rule plot:
    input:
        **FUSION,
        **CALIBRATION,
        clips=CLIPS,
        metrics="results/metrics.json",
        curves=CURVES,
        code=code("plot"),
    output:
        **PLOTS,
    log:
        "logs/plot.log",
    script:
        "../workflow_scripts/plot.py"
