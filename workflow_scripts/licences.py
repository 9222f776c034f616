"""Say under which licences the study's networks and weights stand."""

from blemore.weights.catalogue import licences
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    write_json(snakemake.output[0], licences(snakemake.params.encoders))
