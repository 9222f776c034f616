"""
Encoders to one fused table: weights fitted on out-of-fold rows, each fold's rows by weights that never saw the fold.

NEEDS   results/encoders/*/probabilities.parquet, results/clips/clips.parquet
MAKES   results/fusion/weights.json, probabilities.parquet, views.parquet
"""

FUSION = {
    "weights": "results/fusion/weights.json",
    "probabilities": "results/fusion/probabilities.parquet",
    "views": "results/fusion/views.parquet",
}


rule fuse:
    input:
        clips=CLIPS,
        tables=PROBABILITIES,
        code=code("fuse", f"fusion/{config['fusion']['method']}"),
    output:
        **FUSION,
    log:
        "logs/fuse.log",
    params:
        fusion=lookup("fusion", within=config),
    script:
        "../workflow_scripts/fuse.py"
