"""Clips of blended emotions in, one challenge submission out. Read the includes from top to bottom."""

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/prepare.smk"
include: "rules/embed.smk"
include: "rules/encode.smk"
include: "rules/individuals.smk"
include: "rules/fuse.smk"
include: "rules/calibrate.smk"
include: "rules/evaluate.smk"
include: "rules/submit.smk"
include: "rules/report.smk"


rule submission:
    default_target: True
    input:
        SUBMISSIONS.values(),
        EVALUATION,
        PAGE,
        HELD_BACK,


# A second or a few each: on a cluster they run where Snakemake does.
localrules:
    demo_tables,
    roster,
    clips,
    gather_folds,
    take_over,
    licences,
    write_submission,
    judge,
    write_report,


# The longest first; faces are grouped while the fusion, which takes one core, needs no individuals yet.
for name, priority in {"train_fold": 2, "embed_clips": 1, "fit_head": 1, "gather_folds": 1}.items():
    workflow.get_rule(name).priority = priority


# Beside these, input functions read the media, and without the private store nobody asks who is who.
steps.check_rules(REPOSITORY, workflow.rules, "submission", [*MEDIA.values(), *INDIVIDUALS.values()])


onstart:
    begin_run()


onsuccess:
    end_run()
