"""Write the study's report: one page that needs no other file."""

from blemore.files import write_text
from blemore.lineage.job import job
from blemore.report.page import build
from blemore.uploads.entries import read_uploads, summary

with job(snakemake):
    files = {name: path for name, path in snakemake.input.items() if name not in ("code", "templates", "uploads")}
    uploads = summary(read_uploads(snakemake.input.uploads))
    write_text(snakemake.output[0], build(**files, uploads=uploads, **snakemake.params.options))
