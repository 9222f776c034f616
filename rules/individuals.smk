"""
Who is who among the test clips, by clustering their faces: biometric processing, off unless demo or approved.

NEEDS   results/clips/clips.parquet, results/media/faces/{shard}.parquet
MAKES   results/individuals/clusters.parquet, summary.json
"""

from blemore.params.parts import NETWORKS
from blemore.params.permission import why_off

INDIVIDUALS = {
    "clusters": "results/individuals/clusters.parquet",
    "summary": "results/individuals/summary.json",
}
TELLING_APART = config["individuals"]
MAY_BE_TOLD_APART = not why_off(TELLING_APART["descriptor"], TELLING_APART["approved"], config["dataset"])
DESCRIPTOR = [f"individuals/{TELLING_APART['descriptor']}"] if MAY_BE_TOLD_APART else []
NETWORK = [NETWORKS[name] for name in NETWORKS if DESCRIPTOR == [f"individuals/{name}"]]
SEEN = {
    "clips": CLIPS,
    "faces": collect(MEDIA["faces"], shard=SHARDS),
    "network": [path for path in NETWORK if Path(path).is_file()],  # the job says where a missing one comes from
}
# Cluster numbers are private: without them no decision uses them, and there is no transductive submission.
INDIVIDUALS_ON = MAY_BE_TOLD_APART and PRIVATE_HERE
KNOWN_INDIVIDUALS = INDIVIDUALS if PRIVATE_HERE else dict.fromkeys(INDIVIDUALS, [])


rule individuals:
    input:
        **INDIVIDUALS,


rule find_individuals:
    input:
        **SEEN,
        code=code("find_individuals", *DESCRIPTOR),
    output:
        **INDIVIDUALS,
    log:
        "logs/find_individuals.log",
    params:
        individuals=lookup("individuals", within=config),
        dataset=config["dataset"],
        seed=config["seed"],
    script:
        "../workflow_scripts/find_individuals.py"
