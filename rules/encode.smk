"""
Every encoder to one probabilities table: out-of-fold rows of training clips, the fold models' mean for test clips.

NEEDS   results/clips/clips.parquet, results/media/{kind}/{shard}.parquet of the one kind that the encoder reads
MAKES   results/encoders/{name}/probabilities.parquet; frozen: features.parquet; finetuned: fold{fold}.*
"""

FOLD = {
    "probabilities": "results/encoders/{finetuned}/fold{fold}.parquet",
    "curve": "results/encoders/{finetuned}/fold{fold}.csv",
    "weights": "results/encoders/{finetuned}/fold{fold}.safetensors",
}


def encoder_code(rule):
    """Input function: the rule's code with the one encoder module that the wildcard's entry names."""

    def files(wildcards):
        return code(rule, f"encoders/{config['encoders'][wildcards[0]]['module']}")

    return files


def encoder_params(wildcards):
    """The slice of params.yaml that the encoder's jobs need at the present scale."""
    return encoder_settings(config["encoders"], wildcards[0], config["weights"])


def encoder_media(wildcards):
    """Every shard of the one kind of media that the encoder reads."""
    kind = config["encoders"][wildcards[0]]["media"]
    return collect(MEDIA[kind], shard=SHARDS)


rule encode:
    input:
        PROBABILITIES,


rule embed:
    input:
        clips=CLIPS,
        media=encoder_media,
        code=encoder_code("embed"),
    output:
        "results/encoders/{frozen}/features.parquet",
    log:
        "logs/embed/{frozen}.log",
    params:
        encoder=encoder_params,
        seed=config["seed"],
    script:
        "../workflow_scripts/embed.py"


rule fit_head:
    input:
        clips=CLIPS,
        features="results/encoders/{frozen}/features.parquet",
        code=code("fit_head"),
    output:
        "results/encoders/{frozen}/probabilities.parquet",
    log:
        "logs/fit_head/{frozen}.log",
    params:
        encoder=encoder_params,
        seed=config["seed"],
    script:
        "../workflow_scripts/fit_head.py"


rule train_fold:
    input:
        clips=CLIPS,
        media=encoder_media,
        code=encoder_code("train_fold"),
    output:
        **FOLD,
    log:
        "logs/train_fold/{finetuned}/fold{fold}.log",
    params:
        encoder=encoder_params,
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
