"""Say under which licences the study's networks and weights stand."""

from blemore.files import write_json
from blemore.lineage.job import job
from blemore.weights.licences import licences

with job(snakemake):
    write_json(snakemake.output[0], licences(snakemake.params.encoders))
