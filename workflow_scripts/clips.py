"""Join roster and probes to the clips table; list what was quarantined or remarked, stop when it is too much."""

from blemore.media.clips import gather, write_quarantine, write_remarks
from blemore.tables import read_clips, write_clips
from joblineage.job import job

with job(snakemake):
    roster = read_clips(snakemake.input.roster)
    clips = gather(roster, snakemake.input.probes, snakemake.params.max_bad_share)
    write_clips(clips, snakemake.output.clips)
    write_quarantine(clips, snakemake.output.quarantine)
    write_remarks(clips, snakemake.output.remarks)
