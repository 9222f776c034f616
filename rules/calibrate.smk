"""
Fused probabilities to decisions: every clip by itself, and all clips of an individual together, beside controls.

NEEDS   results/fusion/probabilities.parquet, views.parquet, results/clips/clips.parquet, results/individuals/
MAKES   results/calibration/models.json, decisions.parquet, offsets.parquet, trust.json, gain.json
"""

CALIBRATION = {
    "models": "results/calibration/models.json",
    "decisions": "results/calibration/decisions.parquet",
    "offsets": "results/calibration/offsets.parquet",
    "trust": "results/calibration/trust.json",
}
GAIN = "results/calibration/gain.json"
CALIBRATE = dict(decoding=config["decoding"], personal=config["calibration"]["personal"])
CONTROLLED = CALIBRATE | dict(controls=config["calibration"]["controls"], seed=config["seed"])


rule calibrate:
    input:
        **CALIBRATION,
        gain=GAIN,


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
        study=CONTROLLED,
    script:
        "../workflow_scripts/decide.py"


rule measure_gains:
    input:
        views=FUSION["views"],
        clips=CLIPS,
        code=code("measure_gains"),
    output:
        GAIN,
    log:
        "logs/measure_gains.log",
    params:
        study=CONTROLLED,
    script:
        "../workflow_scripts/measure_gains.py"
