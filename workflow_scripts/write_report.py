"""Write the study's report: one page that needs no other file."""

from blemore.audit.page.tab import with_lineage
from blemore.challenge.uploads.entries import read_uploads, summary
from blemore.report.page import build
from joblineage.files import write_text
from joblineage.job import job

APART = ("code", "templates", "uploads", "submission")

with job(snakemake):
    files = {name: path for name, path in snakemake.input.items() if name not in APART}
    uploads = summary(read_uploads(snakemake.input.uploads))
    lineage = with_lineage(snakemake.input.submission)
    write_text(snakemake.output[0], build(**files, uploads=uploads, **lineage, **snakemake.params.options))
