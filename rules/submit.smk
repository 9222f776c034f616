"""
The challenge's file, checked as the challenge would. Inductive: no test clip's decision uses another test clip.

NEEDS   results/calibration/decisions.parquet, submission_template.json
MAKES   results/submission/submission.json, submission.zip (one root file, submission_template.json)
"""


rule write_submission:
    input:
        decisions="results/calibration/decisions.parquet",
        template=f"{DATA}/submission_template.json",
        code=code("write_submission"),
    output:
        json="results/submission/submission.json",
        zip="results/submission/submission.zip",
    log:
        "logs/write_submission.log",
    script:
        "../workflow_scripts/write_submission.py"
