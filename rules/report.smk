"""
One page that a sceptical reader can check, and, for generated actors, the submissions judged on the truth kept apart.

NEEDS   results/ of all steps before, uploads.json; dataset demo: data/demo/truth.json, which no other step reads
MAKES   results/report/index.html; dataset demo: results/report/held_back.json
"""

PAGE = "results/report/index.html"
HELD_BACK = "results/report/held_back.json" if config["dataset"] == "demo" and PRIVATE_HERE else []
SHOWN = {key: config[key] for key in ("dataset", "weights", "seed", "report", "fusion", "calibration", "individuals")}

OF_PAGE = Path("src/blemore/report")
TEMPLATES = sorted(map(str, [*OF_PAGE.glob("*.yaml"), *OF_PAGE.glob("templates/*")]))


rule report:
    input:
        PAGE,
        HELD_BACK,


if HELD_BACK:

    rule judge:
        input:
            **{variant: SUBMISSIONS[f"{variant}_json"] for variant in VARIANTS},
            clusters=INDIVIDUALS["clusters"],
            truth="data/demo/truth.json",
            code=code("judge"),
        output:
            HELD_BACK,
        log:
            "logs/judge.log",
        script:
            "../workflow_scripts/judge.py"


REPORTED = {
    "metrics": "results/metrics.json",
    "reliability": "results/reliability.json",
    "encoders": "results/encoders.csv",
    "worth": "results/worth.json",
    "curves": PLOTS["table"],
    "software": "CITATION.cff",
    "licences": "results/licences.json",
    "weights": FUSION["weights"],
    "probabilities": FUSION["probabilities"],
    "views": FUSION["views"],
    "models": CALIBRATION["models"],
    "decisions": CALIBRATION["decisions"],
    "individuals": KNOWN_INDIVIDUALS["summary"],
    "held_back": HELD_BACK,
    "clips": CLIPS,
    "quarantine": "results/clips/quarantine.csv",
    "remarks": "results/clips/remarks.json",
    "costs": COSTS,
    "faces": collect(MEDIA["faces"], shard=SHARDS) if PRIVATE_HERE else [],
    "published": config["report"]["publication_list"] or [],
    "submission": SUBMISSIONS[f"{PREFERRED}_json"],  # whose lineage the page tells
}


rule write_report:
    input:
        **REPORTED,
        uploads="uploads.json",
        templates=TEMPLATES,
        code=code("write_report"),
    output:
        PAGE,
    log:
        "logs/write_report.log",
    params:
        options=dict(study=SHOWN, data_set=CITED, example_frames=config["report"]["example_frames"]),
    script:
        "../workflow_scripts/write_report.py"
