"""Check metadata, names and template against each other before any work; list the study's clips."""

from importlib import import_module
from pathlib import Path

from blemore.datasets.template import TEMPLATE, write_template
from blemore.datasets.withdrawn import FILE, read_same
from blemore.tables import write_clips
from joblineage.job import job

with job(snakemake):
    data = snakemake.params.data
    dataset, root = import_module(f"blemore.datasets.{data['name']}"), Path(data["root"])
    withdrawn = read_same(FILE, data["withdrawn"])
    roster = dataset.roster(root, withdrawn, **data["options"])
    write_clips(roster, snakemake.output.roster)
    write_template(snakemake.output.template, root / TEMPLATE, roster["clip"][roster["split"] == "test"])
