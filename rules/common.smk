"""Everything the rules share: the study's lists, wildcard constraints, input functions. No rules here."""

import sys
from pathlib import Path

from snakemake.persistence import PersistenceBase

REPOSITORY = Path(workflow.basedir)
sys.path.insert(0, str(REPOSITORY / "src"))

from blemore import study
from blemore.encoders import settings
from blemore.encoders.weight_files import local_files
from blemore.media.shards import shard_of
from blemore.params.check import check_config
from blemore.params.parts import DATA_SET, DEFAULT_HEAD, ENCODER_FAMILY
from blemore.planning import cuda, steps
from joblineage import run, warm
from joblineage.code import sources
from joblineage.errors import DataError


configfile: study.in_utf8("params.yaml")


CLIPS = "results/clips/clips.parquet"
TEMPLATE = "results/clips/submission_template.json"
ROSTER = "results/clips/roster.parquet"
TOGETHER = config.pop("folds", "apart") == "together"  # a profile's words, no parameters of the study
DEVICE = config.pop("device", "any")
try:
    study.mark(REPOSITORY, workflow)
    check_config(config, workflow.configfiles)
    if workflow.is_main_process:  # and not in every job again
        steps.check_steps(REPOSITORY, config)
    DATA = f"data/{config['dataset']}"
    OPTIONS = config[config["dataset"]]
    PRIVATE_HERE = config["private"] == "here"
    WITHDRAWN = study.withdrawn(REPOSITORY, workflow.is_main_process)
    listed = None if PRIVATE_HERE else Path(ROSTER)
    CLIP_FILES = WITHDRAWN.kept(study.clip_files(config["dataset"], Path(DATA), OPTIONS, listed))
except DataError as error:
    raise SystemExit(str(error))  # ends Snakemake without a traceback

SHARDS = [f"{number:03d}" for number in range(config["media"]["shards"])]
FOLDS = range(OPTIONS["folds"])
TABLES, CITED = DATA_SET.load(config["dataset"]).TABLES, DATA_SET.load(config["dataset"]).CITATION
FOLDS_CSV = [OPTIONS["folds_csv"]] if OPTIONS.get("folds_csv") else []
ENTRIES = config["encoders"]
ENCODERS = settings.enabled_encoders(config)
FROZEN, FINETUNED, GIVEN = (
    [name for name in ENCODERS if ENTRIES[name]["learning"] == how] for how in ("frozen", "finetuned", "given")
)
ALL_SETTINGS = [settings.encoder_settings(config, name) for name in ENCODERS]
MEDIA = settings.media_files(config)


wildcard_constraints:
    actor="A[0-9]+",
    shard="|".join(SHARDS),
    fold="|".join(map(str, FOLDS)),
    frozen="|".join(FROZEN) or "none",
    finetuned="|".join(FINETUNED) or "none",
    given="|".join(GIVEN) or "none",


def code(rule, *modules):
    """A rule's script, the modules behind it, those loaded by name, and the lock: what it does depends on their content."""
    by_name = [f"src/blemore/{module}.py" for module in modules]
    return [*sources(REPOSITORY, f"workflow_scripts/{rule}.py", *by_name), "requirements.lock"]


def made():
    """The output patterns of every rule of the present study."""
    return [file.regex() for rule in workflow.rules for file in rule.output]


def begin_run():
    """Remove what no rule of the present study makes; refuse a study that cannot end well."""
    try:
        cuda.check(DEVICE)
        files = CLIP_FILES if PRIVATE_HERE else []
        study.begin(REPOSITORY, config, ALL_SETTINGS, made(), DATA, files, len(FOLDS), WITHDRAWN)
        warm.start(study.LIBRARIES, len(list(workflow.dag.needrun_jobs())))
    except DataError as error:
        raise SystemExit(str(error))
    Path("results/features").mkdir(parents=True, exist_ok=True)  # DVC expects it also where nothing is embedded


def end_run():
    """Record the run, version a complete study with DVC and say what was made."""
    try:
        # Without the private store no job asks who is who, but what is known of it stays.
        study.end(REPOSITORY, workflow, made(), [*map(str, rules.submission.input), *INDIVIDUALS.values()])
    except DataError as error:
        raise SystemExit(str(error))


PersistenceBase._serialize_param = PersistenceBase._serialize_param_builtin  # no parameter is a table: pandas stays out
study.watch(REPOSITORY, workflow, config, ALL_SETTINGS)
