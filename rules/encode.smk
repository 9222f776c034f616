"""
Every encoder to one probabilities table: out-of-fold rows of training clips, the fold models' mean for test clips.

NEEDS   results/clips/clips.parquet; frozen: results/features/; finetuned: results/media/{kind}/; given: a file
MAKES   results/encoders/{name}/probabilities.parquet; finetuned: fold{fold}.*, frozen: heads.safetensors
"""

FOLD = {
    "probabilities": "results/encoders/{finetuned}/fold{fold}.parquet",
    "curve": "results/encoders/{finetuned}/fold{fold}.csv",
    "weights": "results/encoders/{finetuned}/fold{fold}.safetensors",
    "cost": "results/encoders/{finetuned}/fold{fold}.cost.json",
}
HEADS = {
    "probabilities": "results/encoders/{frozen}/probabilities.parquet",
    "heads": "results/encoders/{frozen}/heads.safetensors",
}
if TOGETHER:  # all folds of an encoder in one process: imports and decoding once; never in params.yaml, see profiles/
    TRAINED = {role: collect(path, fold=FOLDS, allow_missing=True) for role, path in FOLD.items()}
    TRAINING_LOG = "logs/train_fold/{finetuned}.log"
else:
    TRAINED, TRAINING_LOG = FOLD, "logs/train_fold/{finetuned}/fold{fold}.log"
PROBABILITIES = collect("results/encoders/{name}/probabilities.parquet", name=ENCODERS)


def head_code(rule):
    """Input function: the rule's code with the module of the head that the wildcard's entry names."""

    def files(wildcards):
        return code(rule, f"learning/heads/{ENTRIES[wildcards.frozen].get('head', DEFAULT_HEAD)}")

    return files


rule encode:
    input:
        PROBABILITIES,


rule fit_head:
    input:
        clips=CLIPS,
        features=FEATURES["features"],
        persons=outside("persons"),
        code=head_code("fit_head"),
    output:
        **HEADS,
    log:
        "logs/fit_head/{frozen}.log",
    params:
        encoder=encoder_params(settings.head_settings),
        seed=config["seed"],
    script:
        "../workflow_scripts/fit_head.py"


rule train_fold:
    input:
        clips=CLIPS,
        media=encoder_media,
        weights=encoder_weights,
        code=encoder_code("train_fold"),
    output:
        **TRAINED,
    log:
        TRAINING_LOG,
    params:
        encoder=encoder_params(settings.network_settings),
        seed=config["seed"],
    script:
        "../workflow_scripts/train_fold.py"


rule gather_folds:
    input:
        clips=CLIPS,
        folds=collect(FOLD["probabilities"], fold=FOLDS, allow_missing=True),
        code=code("gather_folds"),
    output:
        "results/encoders/{finetuned}/probabilities.parquet",
    log:
        "logs/gather_folds/{finetuned}.log",
    script:
        "../workflow_scripts/gather_folds.py"


rule take_over:
    input:
        clips=CLIPS,
        table=outside("file"),
        persons=outside("persons"),
        code=code("take_over"),
    output:
        "results/encoders/{given}/probabilities.parquet",
    log:
        "logs/take_over/{given}.log",
    script:
        "../workflow_scripts/take_over.py"
