"""The challenge's 3,050 clips of 58 persons through the whole workflow, without networks: what all the rest costs.

python benchmarks/all_clips.py FOLDER      (a new folder; some 10 minutes of one core, 1 GB of disk)

In a clone of this repository's last commit: clips under BLEMORE's names, each person's the same 0.2 s of 64 px with
other bytes, come in by `blemore data import`; twelve encoders have features that were drawn from the labels. One face of
a clip is looked for, not sixteen. What makes clips and features is not counted.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from demo import parts, peak, spent

from blemore.datasets.blemore import PUBLISHED
from blemore.datasets.names import ClipName
from blemore.scoring.labels import CLASSES
from blemore.seeds import generator
from blemore.simulation.study import LABELS, Settings, Study, simulate
from blemore.tables import write_csv
from demoactors.make import make_train
from joblineage.files import write_json
from joblineage.store import Store

REPOSITORY = Path(__file__).parents[1]
SEED = 17
VALUES = 64
"""Of a clip's features."""
COMMANDS = {
    "`snakemake`, nothing to do": ["snakemake", "--cores", "1", "submission"],
    "`dvc repro`, nothing to do": ["dvc", "repro"],
    "`blemore lineage verify`": ["blemore", "lineage", "verify"],
    "`blemore lineage verify --deep`": ["blemore", "lineage", "verify", "--deep"],
}


def named(study: Study) -> pd.DataFrame:
    """The clips table of a made-up study, with the person of test clips too, under BLEMORE's names."""
    persons = {name: f"A{101 + k}" for k, name in enumerate(sorted(set(study.person)))}
    clips = study.clips.assign(person=[persons[name] for name in study.person])
    takes, names = Counter[tuple[str, ...]](), list[str]()
    for number, row in enumerate(clips.itertuples()):
        if row.split == "test":
            names.append(f"test_{number + 1 - PUBLISHED['train']:04d}")
            continue
        blend = (row.emotion_2, row.emotion_1_salience) if row.mix else ()
        take = takes[row.person, row.emotion_1, *blend]
        takes[row.person, row.emotion_1, *blend] += 1
        if row.mix:
            shares = (int(row.emotion_1_salience), int(row.emotion_2_salience))
            name = ClipName(row.person, row.emotion_1, shares[0], 1 + take, row.emotion_2, shares[1])
        else:
            name = ClipName(row.person, row.emotion_1, 100, 1 + take // 4, variant=1 + take % 4)
        names.append(str(name))
    return clips.assign(clip=names)


def write_clips(clips: pd.DataFrame, folder: Path) -> None:
    """Write each person's one video under the names of all their clips; what no player reads makes the bytes differ."""
    options = {
        **yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))["demo"],
        "size": 64,
        "seconds": [0.2, 0.2],
    }
    for person, shown in clips.groupby("person"):
        drawn = folder / f"{person.replace('A', 'A9')}_neu_sit1_ver1.mov"
        make_train([drawn], {**options, "unusual": {}}, SEED)
        video = drawn.read_bytes()
        drawn.unlink()
        for row in shown.itertuples():
            text = row.clip.encode()
            free = (8 + len(text)).to_bytes(4, "big") + b"free" + text
            (folder / f"{row.split}/{row.clip}.mov").write_bytes(video + free)


def write_downloads(clips: pd.DataFrame, folder: Path) -> None:
    """Write clips and tables as one gets them."""
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
    write_clips(clips, folder)
    train = clips[clips["split"] == "train"].rename(columns={"clip": "filename"})
    write_csv(train[["filename", "fold", *LABELS]], folder / "train_metadata.csv")
    asked = clips.loc[clips["split"] == "test", "clip"]
    write_json(folder / "submission_template.json", {"predictions": {f"{name}.mov": [] for name in asked}})


def write_features(study: Study, clips: pd.DataFrame, folder: Path) -> dict[str, dict]:
    """Write each encoder's features, drawn from its made-up probabilities; the entries of params.yaml."""
    entries = {}
    write_json(folder / "nobody.json", {"all": []})
    for name, table in study.tables.items():
        draw = generator(f"{SEED}/features of {name}")
        logits = np.log(table.set_index("clip").loc[study.clips["clip"], list(CLASSES)].to_numpy())
        values = logits @ draw.normal(size=(len(CLASSES), VALUES)) + draw.normal(0, 0.3, (len(logits), VALUES))
        np.savez(folder / f"{name}.npz", X=values.astype(np.float32), filenames=clips["clip"].to_numpy(str))
        entries[name] = {"enabled": True, "module": "precomputed", "learning": "frozen"}
        entries[name] |= {"file": f"outside/{name}.npz", "persons": "outside/nobody.json"}
    return entries


def make_workspace(folder: Path) -> Path:
    """A clone with the features and their parameters, the downloads beside it."""
    workspace = folder / "study"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, workspace], check=True)
    study = simulate(Settings(new_persons=11, schedule="usual", new_schedule="exact"), SEED)
    clips = named(study)
    write_downloads(clips, folder / "downloads")
    params = yaml.safe_load((workspace / "params.yaml").read_text("utf-8"))
    params |= {"dataset": "blemore", "encoders": write_features(study, clips, workspace / "outside")}
    params["individuals"]["approved"] = {"by": "nobody", "date": "2026-11-30", "basis": "generated actors"}
    params["media"]["samples"]["faces"] |= {"frames": 1, "size": 64}
    (workspace / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    subprocess.run(["git", "commit", "--quiet", "-am", "All clips, no networks"], cwd=workspace, check=True)
    return workspace


@contextmanager
def timed(rows: dict[str, tuple[float, float]], name: str) -> Iterator[None]:
    """Put CPU seconds and wall seconds of the processes that are run within under `name`."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows[name] = (cpu, time.monotonic() - began)
    print(f"{name}: {cpu:.1f} CPU s, {rows[name][1]:.0f} s", flush=True)


def measure(workspace: Path) -> dict[str, tuple[float, float]]:
    """{what: (CPU s, wall s)} from the import to the last check."""
    rows: dict[str, tuple[float, float]] = {}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(workspace / "src")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"

    def run(*command: str, **variables: str) -> None:
        done = subprocess.run(
            command,
            cwd=workspace,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")

    with timed(rows, "`blemore data import`"):
        run("blemore", "data", "import", "../downloads")
    with timed(rows, "`snakemake submission`"):
        run("snakemake", "--cores", "1", "submission")
    for name, command in COMMANDS.items():
        with timed(rows, name):
            run(*command)
    shutil.rmtree(workspace / ".dvc/cache")
    with timed(rows, "`dvc commit`, all anew"):
        run("dvc", "commit", "--force", "--quiet", DVC_SITE_CACHE_DIR=str(workspace.parent / "site"))
    return rows


def as_markdown(workspace: Path, rows: dict[str, tuple[float, float]]) -> str:
    """Tables of the commands and of the parts of the run; disk and size of the report."""
    store = Store(workspace)
    records = [store.records[name] for name in set(store.current.values())]
    jobs = spent(records, "cpu_seconds")
    rest, wall = rows["`snakemake submission`"]
    # Jobs fork from a process that is not waited for: what was measured is Snakemake itself.
    rows = rows | {"`snakemake submission`": (rest + jobs, wall)}
    lines = ["| command | CPU s | wall s |", "|---|---:|---:|"]
    lines += [f"| {name} | {cpu:.1f} | {wall:.0f} |" for name, (cpu, wall) in rows.items()]
    lines += ["", "| part of the run | jobs | CPU s | memory of one, MB |", "|---|---:|---:|---:|"]
    for name, of in parts(records).items():
        lines.append(f"| {name} | {len(of)} | {spent(of, 'cpu_seconds'):.1f} | {peak(of):,} |")
    lines.append(f"| Snakemake itself, verification and `dvc commit` at the end | | {rest:.1f} | |")
    lines += ["", "| folder | MB | files |", "|---|---:|---:|"]
    for name in ("data", "results", "lineage", ".snakemake", ".dvc"):
        sizes = [path.stat().st_size for path in (workspace / name).rglob("*") if path.is_file()]
        lines.append(f"| {name} | {sum(sizes) / 1e6:.1f} | {len(sizes):,} |")
    page = workspace / "results/report/index.html"
    lines += ["", f"Report: {page.stat().st_size / 1e6:.2f} MB."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True)
    workspace = make_workspace(folder)
    rows = measure(workspace)
    os.chdir(workspace)
    print(as_markdown(workspace, rows))


if __name__ == "__main__":
    main()
