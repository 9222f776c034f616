"""Decode the clips of one shard once; write crops, audio, pieces and what was found in the files."""

from pathlib import Path

from blemore.media.prepare import prepare_shard
from joblineage.job import job

with job(snakemake):
    clips = {Path(path).stem: Path(path) for path in snakemake.input.clips}
    outputs = {kind: Path(path) for kind, path in snakemake.output.items()}
    prepare_shard(clips, snakemake.params.samples, **outputs)
