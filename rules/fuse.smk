"""
Encoders to one fused table: every method fitted in nested folds, one chosen, each fold's rows by models that never saw it.

NEEDS   results/encoders/*/probabilities.parquet, results/clips/clips.parquet
MAKES   results/fusion/weights.json, probabilities.parquet, views.parquet, methods.parquet
"""

FUSION = {
    "weights": "results/fusion/weights.json",
    "probabilities": "results/fusion/probabilities.parquet",
    "views": "results/fusion/views.parquet",
}
METHODS = config["fusion"]["candidates"] if config["fusion"]["method"] == "auto" else [config["fusion"]["method"]]
FUSION_CODE = [f"fusion/{method}" for method in METHODS]
FUSE = dict(
    options=config["fusion"],
    decoding=config["decoding"],
    families={name: ENTRIES[name]["module"] for name in ENCODERS},
    seed=config["seed"],
)


rule fuse:
    input:
        clips=CLIPS,
        tables=PROBABILITIES,
        code=code("fuse", *FUSION_CODE),
    output:
        **FUSION,
        methods="results/fusion/methods.parquet",
    log:
        "logs/fuse.log",
    params:
        study=FUSE,
    script:
        "../workflow_scripts/fuse.py"
