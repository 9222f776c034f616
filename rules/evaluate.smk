"""
What the study can honestly say of itself: out-of-fold, actor-disjoint scores with intervals, and the plots.

NEEDS   results/calibration/, results/fusion/, results/encoders/*/, results/clips/clips.parquet, costs
MAKES   results/metrics.json, reliability.json, encoders.csv, worth.json, licences.json, results/plots/*
"""

COSTS = collect(FEATURES["cost"], frozen=FROZEN) + collect(FOLD["cost"], finetuned=FINETUNED, fold=FOLDS)
CURVES = collect(FOLD["curve"], finetuned=FINETUNED, fold=FOLDS)
PLOTS = {plot: f"results/plots/{plot}.png" for plot in ["surface", "encoders", "weights", "confusion", "curves"]}
CAPTIONED = {plot: report(path, caption=f"captions/{plot}.rst", category="Plots") for plot, path in PLOTS.items()}
PLOTS["table"] = CAPTIONED["table"] = "results/plots/curves.csv"

STUDY = {key: config[key] for key in ("dataset", "weights", "decoding")}
STUDY["origins"] = {name: settings.origin(config, name) for name in ENCODERS}
STUDY["unknown"] = settings.unknown_disjointness(config)

WEIGHED = dict(
    metrics="results/metrics.json", weights=FUSION["weights"], clips=CLIPS, tables=PROBABILITIES, costs=COSTS
)
MADE = ["metrics.json", "reliability.json", "encoders.csv", "worth.json", "licences.json"]
EVALUATION = [*(f"results/{name}" for name in MADE), *PLOTS.values()]


rule evaluate:
    input:
        EVALUATION,


SCORED = {
    **FUSION,
    **CALIBRATION,
    "methods": "results/fusion/methods.parquet",
    "gain": GAIN,
    "clips": CLIPS,
    "tables": PROBABILITIES,
}


rule score:
    input:
        **SCORED,
        code=code("score", *FUSION_CODE),
    output:
        metrics="results/metrics.json",
        reliability="results/reliability.json",
    log:
        "logs/score.log",
    params:
        study=STUDY,
        without_unknown={"fusion": FUSE, "personal": CALIBRATE["personal"]},
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
        **CAPTIONED,
    log:
        "logs/plot.log",
    script:
        "../workflow_scripts/plot.py"


rule compare:
    input:
        **WEIGHED,
        code=code("compare"),
    output:
        table="results/encoders.csv",
        worth="results/worth.json",
    log:
        "logs/compare.log",
    params:
        study=dict(origins=STUDY["origins"], seed=config["seed"]),
    script:
        "../workflow_scripts/compare.py"


rule licences:
    input:
        weights=[local_files(one) for one in ALL_SETTINGS],
        families=FAMILIES,
        code=code("licences"),
    output:
        "results/licences.json",
    log:
        "logs/licences.log",
    params:
        encoders=[settings.weights_settings(config, name) for name in ENCODERS],
    script:
        "../workflow_scripts/licences.py"
