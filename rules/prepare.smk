"""
Decode every clip once: of face crops, body crops, audio and the 2 s piece what is read, one file per shard and kind.

NEEDS   the raw clips and the data set's tables, withdrawn.json
MAKES   results/clips/{roster,clips}.parquet, submission_template.json, quarantine.csv, remarks.json,
        results/media/{kind}/{shard}.parquet
"""

from joblineage.workspace import added_later


def shard_clips(wildcards):
    """The raw clips of one shard."""
    number = SHARDS.index(wildcards.shard)
    return [f"{DATA}/{file}" for file in CLIP_FILES if shard_of(Path(file).stem, len(SHARDS)) == number]


# Kinds that an encoder reads which was switched on later are made by themselves: the others, and what came of them, stay.
LATER = added_later({kind: collect(path, shard=SHARDS) for kind, path in MEDIA.items()}, "prepare_later")


rule prepare:
    input:
        CLIPS,
        collect(list(MEDIA.values()), shard=SHARDS),


LISTED = dict(name=config["dataset"], root=DATA, options=OPTIONS)
LISTED.update(files=run.digest(CLIP_FILES), withdrawn=WITHDRAWN.digest)


rule roster:
    input:
        tables=collect("{data}/{file}", data=DATA, file=TABLES),
        folds=FOLDS_CSV,
        code=code("roster", f"datasets/{config['dataset']}"),
    output:
        roster=ROSTER,
        template=TEMPLATE,
    log:
        "logs/roster.log",
    params:
        data=LISTED,
    script:
        "../workflow_scripts/roster.py"


rule prepare_shard:
    input:
        clips=shard_clips,
        code=code("prepare_shard"),
    output:
        **{kind: MEDIA[kind] for kind in MEDIA if kind not in LATER},
    log:
        "logs/prepare_shard/{shard}.log",
    params:
        samples=lookup("media/samples", within=config),
    script:
        "../workflow_scripts/prepare_shard.py"


if LATER:

    use rule prepare_shard as prepare_later with:
        output:
            **{kind: MEDIA[kind] for kind in LATER},
        log:
            "logs/prepare_later/{shard}.log",


rule clips:
    input:
        roster=ROSTER,
        probes=collect(MEDIA["probe"], shard=SHARDS),
        code=code("clips"),
    output:
        clips=CLIPS,
        quarantine="results/clips/quarantine.csv",
        remarks="results/clips/remarks.json",
    log:
        "logs/clips.log",
    params:
        max_bad_share=lookup("media/max_bad_share", within=config),
    script:
        "../workflow_scripts/clips.py"
