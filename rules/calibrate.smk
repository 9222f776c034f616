"""
Fused probabilities to decisions: presence and salience thresholds, the label-free offset per individual, and controls.

NEEDS   results/fusion/probabilities.parquet, views.parquet, results/clips/clips.parquet, results/individuals/
MAKES   results/calibration/thresholds.json, decisions.parquet, offsets.parquet, gains.json
"""

CALIBRATION = {
    "thresholds": "results/calibration/thresholds.json",
    "decisions": "results/calibration/decisions.parquet",
    "offsets": "results/calibration/offsets.parquet",
}
GAINS = "results/calibration/gains.json"


rule calibrate:
    input:
        **CALIBRATION,
        gains=GAINS,


rule decide:
    input:
        **FUSION,
        **KNOWN_INDIVIDUALS,
        clips=CLIPS,
        code=code("decide"),
    output:
        **CALIBRATION,
    log:
        "logs/decide.log",
    params:
        kappas=lookup("calibration/kappas", within=config),
    script:
        "../workflow_scripts/decide.py"


rule measure_gains:
    input:
        views=FUSION["views"],
        clips=CLIPS,
        code=code("measure_gains"),
    output:
        GAINS,
    log:
        "logs/measure_gains.log",
    params:
        calibration=lookup("calibration", within=config),
        seed=config["seed"],
    script:
        "../workflow_scripts/measure_gains.py"
