"""Check metadata, names and template against each other before any work; list the study's clips."""

from importlib import import_module
from pathlib import Path

from blemore.datasets.withdrawn import FILE, read_same
from blemore.tables import write_clips
from joblineage.files import write_bytes
from joblineage.job import job

with job(snakemake):
    data = snakemake.params.data
    dataset = import_module(f"blemore.datasets.{data['name']}")
    withdrawn = read_same(FILE, data["withdrawn"])
    write_clips(dataset.roster(Path(data["root"]), withdrawn, **data["options"]), snakemake.output.roster)
    write_bytes(snakemake.output.template, Path(snakemake.input.template).read_bytes())
