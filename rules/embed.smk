"""
Every frozen encoder to one array per clip, once for all folds: nothing is learned from it.

NEEDS   results/clips/clips.parquet, results/media/{kind}/{shard}.parquet of the kinds that the encoder reads
MAKES   results/features/{name}.parquet, {name}.cost.json
"""

FEATURES = {
    "features": "results/features/{frozen}.parquet",
    "cost": "results/features/{frozen}.cost.json",
}
# What every family of encoders says of itself, and what is known of its checkpoints.
FAMILIES = [
    str(path) for name in ENCODER_FAMILY.names() for path in sorted(Path("src/blemore/encoders").glob(f"{name}.*"))
]


def encoder_code(rule):
    """Input function: the rule's code with the one encoder module that the wildcard's entry names."""

    def files(wildcards):
        return code(rule, f"encoders/{ENTRIES[wildcards[0]]['module']}")

    return files


def outside(key):
    """Input function: a list of the path that the wildcard's entry gives under `key`, empty where it gives none."""

    def files(wildcards):
        return [path for name, path in ENTRIES[wildcards[0]].items() if name == key and path]

    return files


def encoder_params(part):
    """Params function: one part of the settings of the wildcard's entry, at the present scale."""

    def slice_of_params(wildcards):
        return part(config, wildcards[0])

    return slice_of_params


def encoder_media(wildcards):
    """Every shard of each kind of media that the encoder reads, or its file from outside."""
    entry = ENTRIES[wildcards[0]]
    files = [entry["file"]] if "file" in entry else [MEDIA[kind] for kind in settings.kinds_of(entry)]
    return collect(files, shard=SHARDS)


def encoder_weights(wildcards):
    """The local files of the encoder's checkpoint; none for a name on the hub."""
    return local_files(settings.encoder_settings(config, wildcards[0]))


rule embed:
    input:
        collect(list(FEATURES.values()), frozen=FROZEN),


rule embed_clips:
    input:
        clips=CLIPS,
        media=encoder_media,
        weights=encoder_weights,
        code=encoder_code("embed_clips"),
    output:
        **FEATURES,
    log:
        "logs/embed_clips/{frozen}.log",
    params:
        encoder=encoder_params(settings.network_settings),
        seed=config["seed"],
    script:
        "../workflow_scripts/embed_clips.py"
