"""The commands of the pages in docs/, and where each of them runs: page by page as they stand, or nowhere, with the reason.

Left out are docs/decisions and docs/campaigns.md, which say why and what was found, not what to type.
"""

from pathlib import Path

from readme_commands import NOT_AS_IT_STANDS, commands, in_order

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {
    path.relative_to(DOCS).as_posix(): path.read_text()
    for path in sorted(DOCS.rglob("*.md"))
    if path.parent.name != "decisions" and path.name != "campaigns.md"
}

IN_A_FOLDER = ("howto/data_set.md",)
"""By test_pages.py."""

IN_A_STUDY = ("start/first_hour.md", "howto/score.md", "howto/predict.md", "howto/audit.md", "howto/encoder.md")
"""By workflow/test_pages.py, in this order."""

NOT_RUN = {
    # installs, or runs elsewhere
    "make .venv/runtime": "installs; test_install.py",
    "pip install '.[predict]'": "installs; test_light.py",
    "pip install '.[serve]'": "installs; test_light.py",
    "git clone": "named only",
    "git clone STUDY && cd STUDY": "test_private.py",
    "make submission PROFILE=slurm": "needs Slurm; test_slurm.py",
    "blemore plan --slurm": "test_cluster.py",
    "dvc config --local cache.dir /shared/dvc-cache": "your folder; DVC's own",
    "dvc config --local cache.shared group": "your group; DVC's own",
    "dvc config --local cache.type symlink": "DVC's own; test_links.py",
    "git worktree add ../sweep -b sweep": "git's own",
    "blemore data check": "needs the challenge's data; test_blemore_import.py",
    "blemore data import": "named only",
    "blemore data import --link": "needs the challenge's data; test_blemore_import.py",
    "blemore plan --gpu-memory 24": "named beside others; test_plan.py",
    "blemore plan --dataset blemore --weights pretrained": "test_plan.py",
    "blemore submission log results/submission/submission.zip --acc-presence 0.391 --acc-salience 0.168": "test_uploads.py",
    "blemore gemini embed --pieces results/media/pieces --cache cache/gemini --max-usd 6": "needs Google's service; test_gemini.py",
    "blemore weights fetch --accept LICENCE": "test_fetch.py",
    # stores and images
    "docker build --tag blemore .": "needs Docker; test_image.py",
    "docker run --gpus all ... blemore snakemake --workflow-profile profiles/gpu submission": "needs Docker; test_image.py",
    'docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/study" blemore': "needs Docker; test_image.py",
    'docker run --rm --init --user "$(id -u):$(id -g)" --volume "$PWD:/study" blemore blemore plan': "needs Docker; test_image.py",
    "dvc checkout": "DVC's own; test_stores.py",
    "dvc remote modify shared connect_timeout 1": "DVC's own; test_stores.py",
    "dvc remote modify shared endpointurl https://s3.example.org": "DVC's own; test_stores.py",
    "dvc remote modify shared url s3://somewhere/other": "DVC's own; test_stores.py",
    # words of one's own in place of names
    "blemore score TABLE --truth TRUTH": "howto/score.md runs it",
    "blemore predict --study FOLDER": "test_predict.py",
    "blemore predict talk.mp4 --bundle ../our-study --every 0.5 --window 2 --out talk.eaf --picture talk.png": "test_predict.py",
    "blemore lineage export --ro-crate OUT.zip | --slsa OUT": "README.md's runs",
    "blemore lineage sign KEY --new-key": "README.md's runs",
    "blemore lineage verify --key author.pub": "README.md's runs",
    "blemore lineage verify --deep --key author.pub --workspace STUDY": "test_foreign_code.py",
    "blemore lineage find --person A901 --down": "first_hour.md runs it by clip",
    "blemore lineage diff previous last": "README.md's runs, with --attribute, after such a change",
    "blemore lineage verify --replay 1": "test_tampering_records.py",
    "blemore lineage report --deep": "audit.md runs it without --deep",
    # damage, remotes and withdrawals
    "blemore lineage verify --cache": "test_recovery.py",
    "blemore recover": "test_recovery.py",
    "blemore recover --force": "test_recovery.py",
    "snakemake submission": "with all cores; first_hour.md runs it with two",
    "snakemake --cores 1 submission": "first_hour.md runs it with two cores",
    "snakemake --forceall submission": "makes all anew",
    "git checkout FILE": "git's own",
    "git checkout dvc.lock": "git's own",
    "git checkout .dvc/config": "git's own",
    "git checkout $(git log -1 --format=%H dvc.lock) && blemore lineage verify": "git's own",
    "git checkout HEAD~1 -- withdrawn.json": "refused; test_withdrawn.py",
    "dvc commit": "DVC's own",
    "dvc gc": "DVC's own",
    "dvc fetch --all-commits": "test_recovery.py",
    "dvc pull --force": "test_export.py",
    "dvc pull --remote shared --allow-missing": "test_private.py",
    "dvc repro --downstream fuse": "test_private.py",
    "dvc remote modify private url ssh://somewhere/safe": "your address; test_private.py has a folder's",
    "dvc remote add --default shared s3://somewhere/shared": "your address; test_private.py has a folder's",
    "blemore withdraw --person A901 --remote private --remote shared": "test_withdraw.py",
    "blemore withdraw --person A901": "test_withdraw.py",
    "blemore withdraw --person A412 --remote private --remote shared --dry-run": "README.md's runs, for A901",
    "blemore withdraw --person A412 --remote private --remote shared": "test_withdraw.py",
    "blemore withdraw --person A412": "test_withdraw.py",
    'blemore withdraw --revoke A412 --reason "signed the form again"': "test_withdrawn.py",
    'git commit withdrawn.json -m "Consent withdrawn"': "nothing is withdrawn in the test",
    'git commit withdrawn.json -m "Consent given again"': "nothing is withdrawn in the test",
    # named in a sentence, without what they need
    "blemore --help": "test_cli.py",
    "blemore lineage show": "named only",
    "blemore lineage sign": "named only",
    "blemore predict": "named only",
    "blemore score": "named only",
    "blemore serve": "named only",
    "blemore withdraw --person": "named only",
    "python -m": "named only",
}
"""Command -> why it runs nowhere as it stands, and what is tested instead."""


def to_run(page: str) -> list[str]:
    """A page's commands in the order in which they stand, without those that run nowhere."""
    return [command for command in in_order(PAGES[page]) if command not in NOT_RUN and command not in NOT_AS_IT_STANDS]


def everywhere() -> set[str]:
    """The commands of all pages."""
    return {command for text in PAGES.values() for command in commands(text)}
