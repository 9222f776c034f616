"""
The raw clips. The demo's are generated here; those of BLEMORE are brought by `blemore data import`.

NEEDS   params.yaml: dataset, demo, seed
MAKES   data/demo/train/*.mov, test/*.mov, train_metadata.csv, submission_template.json, truth.json
"""

from blemore.datasets import demo


rule data:
    input:
        collect("{data}/{file}", data=DATA, file=CLIP_FILES),
        metadata=f"{DATA}/train_metadata.csv",
        template=f"{DATA}/submission_template.json",


rule demo_actor:
    input:
        code=code("demo_actor"),
        head="src/blemore/demo/head.npz",
    output:
        collect("data/demo/{file}", file=demo.actor_files("{actor}", config["demo"])),
    log:
        "logs/demo_actor/{actor}.log",
    params:
        demo=lookup("demo", within=config),
        seed=config["seed"],
    script:
        "../workflow_scripts/demo_actor.py"


rule demo_test:
    input:
        code=code("demo_test"),
        head="src/blemore/demo/head.npz",
    output:
        collect("data/demo/{file}", file=demo.test_files(config["demo"])),
    log:
        "logs/demo_test.log",
    priority: 1  # the longest of the jobs that make clips goes first
    params:
        demo=lookup("demo", within=config),
        seed=config["seed"],
    script:
        "../workflow_scripts/demo_test.py"


rule demo_tables:
    input:
        code=code("demo_tables"),
    output:
        metadata="data/demo/train_metadata.csv",
        template="data/demo/submission_template.json",
        truth="data/demo/truth.json",
    log:
        "logs/demo_tables.log",
    params:
        demo=lookup("demo", within=config),
        seed=config["seed"],
    script:
        "../workflow_scripts/demo_tables.py"
