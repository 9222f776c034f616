"""
Fused probabilities to decisions: presence and salience thresholds, and the label-free offset per individual.

NEEDS   results/fusion/probabilities.parquet, views.parquet, results/clips/clips.parquet
MAKES   results/calibration/thresholds.json, decisions.parquet, offsets.parquet
"""

CALIBRATION = {
    "thresholds": "results/calibration/thresholds.json",
    "decisions": "results/calibration/decisions.parquet",
    "offsets": "results/calibration/offsets.parquet",
}


rule calibrate:
    input:
        **FUSION,
        clips=CLIPS,
        code=code("calibrate"),
    output:
        **CALIBRATION,
    log:
        "logs/calibrate.log",
    params:
        calibration=lookup("calibration", within=config),
    script:
        "../workflow_scripts/calibrate.py"
