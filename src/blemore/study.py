"""The study: what the lineage library must know of it, and what happens before its first job and after its last."""

import csv
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from blemore.datasets.withdrawn import FILE, Withdrawn, read_withdrawn
from blemore.params.parts import DATA_SET
from blemore.scoring.formulas import bare
from joblineage import isolation, rerun, run, screen, workspace
from joblineage.errors import MissingDataError, refuse
from joblineage.files import close, read_json
from joblineage.store import Store
from joblineage.study import Study
from joblineage.telling import say

HUGE_PAGES = ":".join(
    f"glibc.malloc.{name}" for name in ("hugetlb=1", f"mmap_threshold={1 << 30}", f"trim_threshold={1 << 31}")
)
"""glibc's allocator: arrays of a job lie in huge pages and are kept for the next ones. 7 to 9 % less CPU, same bytes."""

LIBRARIES = (
    *("blemore.encoders.transformers_compat", "timm", "numba", "av", "cv2"),  # torch with the first
    *("pandas", "pyarrow.parquet", "scipy.optimize", "sklearn.linear_model"),
)
"""What several jobs import, loaded once a run (joblineage.warm). One thread starts with them, of pyarrow's jemalloc, which
is made for forks."""

NO_GIT = (
    "This folder is not under git. The study runs and leaves its records, but they name no commit, and DVC versions nothing. "
    "`git init && git add . && git commit -m Start`, before the run, changes that."
)

OTHER_OWNER = (
    "git refuses this folder, which belongs to another user (dubious ownership). The study runs and leaves its records, but "
    "they name no commit. `git config --global --add safe.directory '{}'`, before the run, changes that."
)

CLOSED = ("data", "results/media", "results/individuals", "cache")
"""Folders that show persons: raw clips, crops and sound, who is who, what a service or a training keeps of them."""

NETWORKS = ("embed_clips", "train_fold")
"""Rules whose jobs run an encoder's network; their first wildcard is its name."""


def _later(module: str, function: str) -> Callable[..., Any]:
    """A function whose module is imported when it is first called: every start of the workflow imports this one."""
    return lambda *arguments: getattr(import_module(f"blemore.{module}"), function)(*arguments)


def _headline(metrics: Mapping[str, float]) -> dict[str, float]:
    from blemore.scoring.metrics import combine

    salience = metrics.get("acc_salience", 0.0)  # without blends there is none, and the Score counts it as 0
    return dict(metrics) | {"score": float(combine(metrics["acc_presence"], salience))}


STUDY = Study(
    title="A study of blended emotions in short videos: one run of the blemore workflow",
    command="blemore lineage",
    target="submission",
    files=(
        *("params.yaml", "Snakefile", "dvc.yaml", "requirements.lock", "withdrawn.json"),
        *("rules/*.smk", "schemas/*.yaml", "profiles/*/*.yaml", "envs/*.yaml"),
    ),
    sources=(
        *("Snakefile", "rules", "src", "workflow_scripts", "requirements.lock", "outside", "weights"),
        *("uploads.json", "withdrawn.json"),
    ),
    modules=("src/blemore", "src/demoactors", "src/joblineage"),
    variables={"GLIBC_TUNABLES": HUGE_PAGES},
    results=(
        *("results/*.json", "results/*.csv", "results/clips/*", "results/encoders/*/probabilities.parquet"),
        *("results/fusion/*", "results/calibration/*", "results/plots/*", "results/submission/*", "results/report/*"),
    ),
    private=("data/", "results/media/", "results/individuals/clusters.parquet"),
    outside=("weights/", "outside/"),
    products="results/submission/",
    volatile="schemas/volatile_files.yaml",
    shared=("data", "results", "weights", "outside"),
    copied=(
        *("Snakefile", "dvc.yaml", "params.yaml", "requirements.lock", "uploads.json", "withdrawn.json"),
        *("pyproject.toml", "rules", "schemas", "profiles", "src", "workflow_scripts", "envs"),
    ),
    headline_rule="score",
    called={"train_fold": "training"},
    entries=("encoders", ("finetuned", "frozen", "given")),
    other_data="dataset",
    absent=lambda settings: settings.get("private") == "absent",
    checkers=(_later("audit.withdrawal.check", "check"), _later("audit.leaks.audit", "in_verify")),
    names=_later("audit.persons", "codes"),
    headline=_headline,
    divide=_later("audit.attribution.divided", "divide"),
    near=_later("audit.near", "near"),
)


def in_utf8(path: str) -> str:
    """The path of a file of parameters, if it is UTF-8: Snakemake's reader would end in a traceback, without its name.

    Raises
    ------
    SystemExit : it is not; says where.
    """
    try:
        Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SystemExit(f"{path}: line {line} is not UTF-8 ({error.reason}): save it as UTF-8") from None
    return path


def mark(root: Path, workflow: Any) -> None:
    """Mark this run's jobs as the workspace's own, with its package and Python and no other code; memory in huge pages.

    Parameters
    ----------
    workflow : Snakemake's, while the Snakefile is read.

    Raises
    ------
    DataError : code that is not the study's lies where it would be loaded.
    """
    from joblineage import recovery  # psutil, which an environment for tables alone has not

    isolation.isolate(root, STUDY)
    os.environ["PYTHONPATH"] = str(root / "src")  # also in a clone
    os.environ["MATPLOTLIBRC"] = os.devnull  # figures have the same looks, whatever this user's settings are
    workspace.python_for_shells()
    how = "`blemore recover` (or `make submission`) ends what is left of that run and releases the lock"
    recovery.mark(root, f"{how}; finished work is kept.", workflow)


def watch(root: Path, workflow: Any, config: Mapping[str, Any], encoders: Sequence[Mapping[str, Any]]) -> None:
    """Show how far the run is, and check the encoders of which a network will be run, before the first job.

    Parameters
    ----------
    workflow : Snakemake's, while the Snakefile is read.
    encoders : settings of every encoder that takes part.
    """

    def needed(jobs: Iterable[Any]) -> None:
        names = {job.wildcards[0] for job in jobs if job.rule.name in NETWORKS}
        check_encoders(config, [settings for settings in encoders if settings["name"] in names])

    def seconds(jobs: Mapping[int, Any]) -> dict[int, float]:
        from blemore.planning.jobs import estimates  # only where a job runs
        from joblineage.expected import expected

        return expected(jobs, Store(root, STUDY), estimates(config, root, jobs.values()))

    rerun.by_content(workflow, Store(root, STUDY))
    screen.when_planned(workflow, needed)
    screen.show(workflow, seconds)


def check_encoders(config: Mapping[str, Any], encoders: Iterable[Mapping[str, Any]]) -> None:
    """Refuse encoders whose network cannot be run.

    Raises
    ------
    MissingDataError : every missing checkpoint and forbidden service.
    """
    from blemore.gemini.service import check_service
    from blemore.weights.check import missing_checkpoints

    encoders = list(encoders)
    faults = missing_checkpoints(encoders)
    for settings in encoders:
        if "service" in settings:
            service_faults = check_service(settings["service"], config["dataset"])
            faults += [f"encoder {settings['name']}: {fault}" for fault in service_faults]
    if faults:
        raise MissingDataError("encoders", faults)


def withdrawn(root: Path, first: bool) -> Withdrawn:
    """Who and what was withdrawn, as withdrawn.json says.

    Parameters
    ----------
    first : whether the workflow starts, and no job of it; then the list is compared with earlier ones.

    Raises
    ------
    DataError : the list is not there, broken, or lacks what an earlier one has.
    """
    denylist = read_withdrawn(root / FILE)
    if first:
        from blemore.audit.withdrawal.shortened import refuse_shortened  # no job needs it

        refuse_shortened(root)
    return denylist


def clip_files(dataset: str, root: Path, options: Mapping[str, Any], roster: Path | None) -> list[str]:
    """Paths below `root` of every clip of the study, sorted.

    Parameters
    ----------
    roster : the table that lists them, where the clips themselves are not here (they are private).

    Raises
    ------
    MissingDataError : the data set has to be fetched first; says what, from where, and the command. Or no roster.
    DataError : a file's name holds control characters, which Snakemake would print.
    """
    if roster is not None:
        import pyarrow.parquet  # only where it is needed: every start of the workflow imports this module

        if not roster.is_file():
            advice = "goes on from what was made before, but this is not here: pull it (docs/private.md)"
            raise MissingDataError(f"private: absent; {roster}", [advice])
        return sorted(filter(None, pyarrow.parquet.ParquetFile(roster).read(["file"])["file"].to_pylist()))
    module = DATA_SET.load(dataset)
    advice = module.how_to_get(root)
    if advice is not None:
        raise MissingDataError(f"dataset: {dataset}", [advice])
    files = module.clip_files(root, options)
    refuse(root, [f"{file}: a name that no screen can show as it is" for file in files if not file.isprintable()])
    return files


def begin(
    root: Path,
    config: Mapping[str, Any],
    encoders: Sequence[Mapping[str, Any]],
    made: Sequence[re.Pattern],
    data: str,
    files: Sequence[str],
    folds: int,
    withdrawn: Withdrawn,
) -> None:
    """Before the first job: refuse what cannot end well, all of a kind at once; remove other studies' files.

    Metadata, names and template are checked here and not by a job that the others wait for: such an input would have to
    be `ancient`, and Snakemake does not look at the other changes of a job below an ancient input that is remade.

    Parameters
    ----------
    encoders : settings of every encoder that takes part.
    made : the output patterns of every rule; a file under results/ (and the generated data set) matching none goes.
    data : the data set's folder.
    files : every raw clip's path below it; those not made yet count with the data set's typical size. Empty where the raw
        clips lie in the private store only.
    folds : how many.
    withdrawn : whose clips and rows are passed over.

    Raises
    ------
    DataError : every fault of metadata, names and template; or the disk is too small; or compiled code that was planted.
    """
    from blemore.media.preflight import check_disk, estimate

    isolation.begin(root)
    if not workspace.under_git(root):
        say(NO_GIT, err=True)
    elif workspace.refused_by_git(root):
        say(OTHER_OWNER.format(root.resolve()), err=True)
    dataset = DATA_SET.load(config["dataset"])
    generated = bool(files) and any(pattern.match(f"{data}/{files[0]}") for pattern in made)
    if files and not generated:
        dataset.roster(Path(data), withdrawn, **config[config["dataset"]])
    folders = [Path("results"), Path(data)] if generated else [Path("results")]
    left = workspace.orphans(folders, made)
    if left:
        say(f"Removing {len(left)} file(s) that no rule of this study makes (DVC keeps what it has versioned):")
        say(*(f"  {path}" for path in left[:20]), *(["  ..."] if len(left) > 20 else []))
        workspace.remove(left)
    if config["private"] == "here":
        for folder in CLOSED:
            (root / folder).mkdir(parents=True, exist_ok=True)
    _close(root)
    clips = [Path(data, file) for file in files]
    sizes = [clip.stat().st_size if clip.exists() else dataset.CLIP_BYTES for clip in clips]
    need = estimate(sizes, config["media"]["samples"], encoders, folds)
    paths = (path for folder in ("data", "results", ".dvc/cache") for path in (root / folder).rglob("*"))
    there = sum(path.stat().st_size for path in paths if path.is_file())
    check_disk(need, shutil.disk_usage(root).free + there, str(root))


def end(root: Path, workflow: Any, made: Sequence[re.Pattern], targets: Sequence[str]) -> None:
    """After the last job: record the run, version a complete study with DVC, say what was made and where.

    Parameters
    ----------
    workflow : Snakemake's.
    made : the output patterns of every rule.
    targets : the files for whose sake the study is run.

    Raises
    ------
    LineageError : the finished study does not verify; nothing was versioned.
    """
    if shared := list((root / "cache/training").glob("*.media")):
        # Loads pandas, which a run with nothing to do goes without.
        from blemore.learning.training.media import forget_media

        for path in shared:
            forget_media(path)
    complete = run.end(Store(root, STUDY), made, targets, last_stage="report", jobs=workflow.dag.jobs)
    _close(root)
    if complete:
        say(*summary(root))
    elif complete is not None:
        say("The study is not complete yet: nothing was versioned. `snakemake submission` finishes it.")


def _close(root: Path) -> None:
    """Close to others what shows persons, DVC's copies of it among it; say what cannot be closed."""
    from joblineage.restoring import configuration  # only where a job runs

    settings = configuration(root)
    remote = settings.get("'remote \"private\"'", "url", fallback="private")
    places = [root / ".dvc/cache", *([] if "://" in remote else [root / ".dvc" / remote])]
    notes = close([*(root / folder for folder in CLOSED), *places], root)
    moved = settings.get("cache", "dir", fallback="")
    cache = root / ".dvc" / moved
    if moved and cache.is_dir() and cache.stat().st_mode & 0o007:  # not closed here: others of a group share it
        notes.append(f"{cache} is open to everybody on this machine, and DVC keeps clips there: `chmod o= {cache}`")
    for note in notes:
        say(f"Note: {note}", err=True)


def summary(root: Path) -> list[str]:
    """What the finished study made, where, and its honest headline: the closing lines of a run."""
    metrics = read_json(root / "results/metrics.json")
    predictions = read_json(root / "results/submission/submission.json")["predictions"]
    with open(root / "results/clips/quarantine.csv", encoding="utf-8", newline="") as file:
        bad = [{name: bare(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    folder = root / "results/submission"
    other = [name for name in ("inductive", "transductive") if (folder / f"submission_{name}.zip").is_file()]
    clusters = metrics["clusters"]
    # For some encoders it is unknown whether their models saw the persons they judge.
    unknown = [name for name, entry in metrics["encoders"].items() if entry["disjointness"] == "unknown"]
    alone, together, known = (
        ", ".join(
            f"ACC_{name} {scores[f'acc_{name}']:.3f}"
            for name in ("presence", "salience")
            if scores[f"acc_{name}"] is not None
        )
        if scores
        else "nothing is left"
        for scores in (
            metrics["variants"]["inductive"],
            clusters["scores"] if clusters else None,
            metrics["without_unknown"],
        )
    )
    lines = [
        "The study is finished.",
        f"  submission   results/submission/submission.zip ({len(predictions)} test clips, checked)",
        *(
            f"               {'transductive' if name == 'inductive' else 'inductive'}; beside it submission_{name}.zip"
            for name in other
        ),
        "               clusters of test clips are not trusted: both decide each clip by itself"
        if clusters and not clusters["trusted"]
        else "",
        f"  scores       results/metrics.json: {alone} (out-of-fold, no individual seen in training)",
        f"               transductive: {together} (by clusters, as the test clips)" if clusters else "",
        f"               without {', '.join(unknown)} (disjointness unknown): {known}" if unknown else "",
        "  report       results/report/index.html: all of it on one page, with controls and intervals",
        "  encoders     results/encoders.csv: each alone, its worth in the fusion, its cost; licences in results/licences.json",
        "  plots        results/plots/",
        f"  quarantine   {len(bad)} clip(s)" + (", listed in results/clips/quarantine.csv" if bad else ""),
        *(f"               {row['file'] or row['clip']}: {row['quarantine']}" for row in bad[:10]),
        "  versions     dvc.lock (commit it with your study: git add dvc.lock)"
        if workspace.under_git(root)
        else "  versions     none, since this folder is not under git",
        f"  {metrics['note']}" if metrics["note"] else "",
    ]
    return ["", *filter(None, lines)]
