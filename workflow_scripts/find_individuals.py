"""Find the individuals among the test clips by their faces, where that is allowed."""

from pathlib import Path

from blemore.individuals.run import find_individuals
from blemore.tables import read_clips, write_table
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    shards = [Path(path) for path in snakemake.input.faces]
    params = snakemake.params
    individuals = find_individuals(
        read_clips(snakemake.input.clips), shards, **params.individuals, dataset=params.dataset, seed=params.seed
    )
    write_table(individuals.clusters, snakemake.output.clusters)
    write_json(snakemake.output.summary, individuals.summary)
