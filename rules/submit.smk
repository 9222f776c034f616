"""
The challenge's files, checked as the challenge would. Inductive: no test clip's decision uses another test clip.
Transductive, only where individuals may be distinguished: all clips of each together. submission.zip is the preferred
variant; the other one stands beside it under its own name.

NEEDS   results/calibration/decisions.parquet, results/clips/submission_template.json
MAKES   results/submission/submission.json, submission.zip (one root file, submission_template.json), and the other variant's
"""

VARIANTS = ["inductive", "transductive"] if INDIVIDUALS_ON else ["inductive"]
PREFERRED = config["submission"]["prefer"] if INDIVIDUALS_ON else "inductive"
SUBMISSIONS = {
    f"{variant}_{kind}": f"results/submission/submission{'' if variant == PREFERRED else '_' + variant}.{kind}"
    for variant in VARIANTS
    for kind in ("json", "zip")
}


rule submit:
    input:
        **SUBMISSIONS,


rule write_submission:
    input:
        decisions="results/calibration/decisions.parquet",
        template=TEMPLATE,
        code=code("write_submission"),
    output:
        **SUBMISSIONS,
    log:
        "logs/write_submission.log",
    params:
        submission=lookup("submission", within=config),
    script:
        "../workflow_scripts/write_submission.py"
