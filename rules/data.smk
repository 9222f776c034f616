"""
The raw clips. The demo's are generated here; those of BLEMORE are brought by `blemore data import`.

NEEDS   params.yaml: dataset, demo, seed, private; withdrawn.json
MAKES   data/demo/train/*.mov, test/*.mov, train_metadata.csv, submission_template.json, truth.json
"""

from blemore.datasets import demo


rule data:
    input:
        collect("{data}/{file}", data=DATA, file=[*CLIP_FILES, *TABLES]),


rule demo_actor:
    input:
        code=code("demo_actor"),
        head="src/demoactors/head.npz",
    output:
        collect("data/demo/{file}", file=demo.files_of_turn(config["demo"], 0)),
    log:
        "logs/demo_actor/{actor}.log",
    wildcard_constraints:
        actor="|".join(demo.whole_actors(config["demo"], WITHDRAWN, 0)) or "none",
    params:
        demo=lookup("demo", within=config),
        seed=config["seed"],
    script:
        "../workflow_scripts/demo_actor.py"


use rule demo_actor as demo_actor_1 with:  # the other ratios of the pairs: an output's name holds them
    output:
        collect("data/demo/{file}", file=demo.files_of_turn(config["demo"], 1)),
    wildcard_constraints:
        actor="|".join(demo.whole_actors(config["demo"], WITHDRAWN, 1)) or "none",


use rule demo_actor as demo_actor_2 with:
    output:
        collect("data/demo/{file}", file=demo.files_of_turn(config["demo"], 2)),
    wildcard_constraints:
        actor="|".join(demo.whole_actors(config["demo"], WITHDRAWN, 2)) or "none",


if CUT := demo.cut_files(config["demo"], WITHDRAWN):

    use rule demo_actor as demo_cut with:
        output:
            collect("data/demo/{file}", file=CUT),
        log:
            "logs/demo_cut.log",
        params:
            demo=lookup("demo", within=config),
            seed=config["seed"],
            files=run.digest(CUT),  # other outputs alone make no job run again


TEST_CLIPS = WITHDRAWN.kept(demo.test_files(config["demo"]))


rule demo_test:
    input:
        code=code("demo_test"),
        head="src/demoactors/head.npz",
    output:
        collect("data/demo/{file}", file=TEST_CLIPS),
    log:
        "logs/demo_test.log",
    priority: 1  # the longest of the jobs that make clips goes first
    params:
        demo=lookup("demo", within=config),
        seed=config["seed"],
        files=run.digest(TEST_CLIPS),
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
        withdrawn=WITHDRAWN.digest,
    script:
        "../workflow_scripts/demo_tables.py"


if not PRIVATE_HERE and config["dataset"] != "demo":

    rule private_clips:
        output:
            collect("{data}/{file}", data=DATA, file=[*CLIP_FILES, *TABLES]),
        shell:
            "echo 'private: absent, but this change needs the raw clips: see docs/private.md' >&2; exit 1"
