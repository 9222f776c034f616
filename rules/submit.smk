"""
The challenge's files, checked as the challenge would. submission.zip is inductive: no test clip's decision uses another
test clip. submission_transductive.zip, only where individuals may be told apart, uses all clips of each together.

NEEDS   results/calibration/decisions.parquet, results/clips/submission_template.json
MAKES   results/submission/submission.json, submission.zip (one root file, submission_template.json), and the same _transductive
"""

SUBMISSION = {"json": "results/submission/submission.json", "zip": "results/submission/submission.zip"}
TRANSDUCTIVE = (
    {f"transductive_{kind}": f"results/submission/submission_transductive.{kind}" for kind in SUBMISSION}
    if INDIVIDUALS_ON
    else {}
)


rule submit:
    input:
        **SUBMISSION,
        **TRANSDUCTIVE,


rule write_submission:
    input:
        decisions="results/calibration/decisions.parquet",
        template=TEMPLATE,
        code=code("write_submission"),
    output:
        **SUBMISSION,
        **TRANSDUCTIVE,
    log:
        "logs/write_submission.log",
    script:
        "../workflow_scripts/write_submission.py"
