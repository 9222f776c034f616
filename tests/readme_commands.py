"""The commands of README.md, and where each of them runs: in a folder, in a small study, or in none, with the reason."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
PROGRAMS = "bash|blemore|cd|conda|docker|dvc|git|make|pip|pytest|python|python3|snakemake|source|uv"

IN_A_FOLDER = (
    "blemore plan",
    "blemore weights list",
    "blemore weights check",
    "blemore weights fetch",
    "blemore simulate power 47 11",
    "blemore simulate study made-up",
    "blemore score made-up/e00.parquet --truth made-up/train_metadata.csv",
    "blemore encoders made-up/e00.parquet made-up/e01.parquet --truth made-up/train_metadata.csv",
    "blemore thresholds made-up/e00.parquet --truth made-up/train_metadata.csv --grid official",
    "blemore decode made-up/e00.parquet --alpha 0.15 --beta 0.25 --out predictions.json",
    "blemore decoder made-up/e00.parquet --truth made-up/train_metadata.csv --out decoder.json",
    "blemore decode made-up/e00.parquet --decoder decoder.json --out predictions.json",
    "blemore evaluate predictions.json --truth made-up/train_metadata.csv",
    "blemore enroll person.csv --truth labelled.csv --out person.json",
    "blemore check-submission submission.zip --clips submission_template.json",
    "blemore submission log results/submission/submission.zip",
    "blemore submission list",
)
"""By test_readme.py, in this order."""

IN_A_STUDY = (
    "snakemake -n",
    "snakemake --cores 8 submission",
    "dvc repro",
    "dvc push",
    "dvc pull",
    "dvc exp run -S fusion.simplex.l2=0.5",
    "blemore lineage verify --deep",
    "blemore lineage show results/submission/submission.zip",
    "blemore lineage leaks",
    "blemore lineage why results/fusion/weights.json",
    "blemore lineage diff previous last --attribute",
    "blemore lineage find --clip A901_ang_int4_ver1 --down",
    "blemore lineage report",
    "blemore lineage export --ro-crate study.zip --slsa study.intoto.json",
    "blemore lineage sign ../KEY --new-key",
    "blemore lineage verify --key ../KEY.pub",
    "blemore withdraw --person A901 --dry-run",
    "blemore bundle ../our-study",
    "blemore predict data/demo/test/test_0001.mov --bundle ../our-study",
)
"""By workflow/test_readme.py, in this order, after one run; `dvc exp run` is the second one."""

NOT_AS_IT_STANDS = {
    "make submission": "installs; test_recovery.py runs it without that",
    "make test": "runs this test",
    "make quick": "runs this test",
    "make unit": "runs this test",
    "make audit": "runs a part of these tests",
    "make docs": "test_site.py, into another folder",
    "source .venv/bin/activate": "made by an installation",
    "pip install .": "installs; test_light.py does so from the wheel",
    "pytest -m gpu": "needs a GPU",
    "blemore predict clips --bundle ../our-study --out answers.csv --picture answers.png": "your clips; test_predict.py",
    "blemore predict talk.mp4 --bundle ../our-study --every 0.5 --window 2 --out talk.eaf": "your recording; test_predict.py",
    "blemore serve --bundle ../our-study": "runs until it is interrupted; test_serve_browser.py",
    "snakemake --workflow-profile profiles/gpu submission": "needs a GPU; test_cuda.py",
    "blemore data import downloads": "needs the challenge's data; test_blemore_import.py",
    "blemore report compare ../first ../second": "needs two studies; test_report_compare.py",
    "blemore media check FILE...": "needs files; test_media_persons.py",
    "blemore features import ImageBind_train ImageBind_test --clips train_metadata.csv --clips submission_template.json "
    "--out outside/imagebind.npz --unseen": "needs the challenge's features; test_features.py",
    "blemore features fit outside/imagebind.npz --truth train_metadata.csv --out imagebind.parquet": "as the line before; test_features.py",
    "blemore gemini plan": "needs prepared pieces; test_gemini.py",
    "blemore gemini embed": "needs Google's service; test_gemini.py asks a local one",
    "blemore layers wav2vec2_prosody wavlm hubert": "needs three embedded networks; test_layers.py",
}
"""Command -> why it runs nowhere as README.md has it, and what is tested instead."""


def in_order(text: str) -> list[str]:
    """What stands in blocks and between backticks and begins with a program's name; comments are left out."""
    found = re.finditer(r"^ *```[\w{}-]*\n(.*?)^ *```|`([^`]+)`", text, re.M | re.S)
    lines = [
        line.strip()
        for one in found
        for line in (one[1].splitlines() if one[1] else [" ".join((one[2] or "").split())])
    ]
    return [re.sub(r"\s+#.*", "", line) for line in lines if re.match(rf"({PROGRAMS}) ", line)]


def commands(text: str) -> set[str]:
    """`in_order`, each once."""
    return set(in_order(text))
