"""What lineage costs in a finished study: recording a job, showing a chain, verifying all of it.

python benchmarks/lineage.py        (in the study's folder, after `make submission`)
"""

import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from noop import cpu_seconds

from joblineage import capture, record
from joblineage.store import Store, key

RUNS = 5
ARTIFACT = "results/submission/submission.zip"
COMMANDS = {
    "interpreter alone": ["-c", "pass"],
    f"show {ARTIFACT}": ["-m", "blemore.cli", "lineage", "show", ARTIFACT],
    "verify, statuses known": ["-m", "blemore.cli", "lineage", "verify"],
    "leaks": ["-m", "blemore.cli", "lineage", "leaks"],
    "verify --deep": ["-m", "blemore.cli", "lineage", "verify", "--deep"],
}


class Named(list):
    """Files with their roles, as Snakemake gives them to a script."""

    def __init__(self, files: list[dict]):
        super().__init__(file["path"] for file in files)
        self.files = files

    def keys(self) -> list[str]:
        return list(dict(self.items()))

    def items(self) -> list[tuple[str, list[str]]]:
        roles: dict[str, list[str]] = {}
        for file in self.files:
            roles.setdefault(file["role"], []).append(file["path"])
        return list(roles.items())

    def __getattr__(self, role: str) -> str:
        return dict(self.items())[role][0]


def stand_in(record: dict) -> SimpleNamespace:
    """What Snakemake gave the job of a record."""
    return SimpleNamespace(
        rule=record["job"]["rule"],
        wildcards=record["job"]["wildcards"],
        input=Named(record["inputs"]),
        output=Named(record["outputs"]),
        params=record["params"]["values"],
    )


def recording(store: Store) -> tuple[float, float]:
    """Median and largest wall milliseconds that a record costs besides the hashing of its files, over the study's jobs."""
    costs = []
    for of_study in (store.records[name] for name in store.current.values()):
        job = stand_in(of_study)
        start = time.perf_counter()
        begun = record.begin(job)
        with tempfile.TemporaryDirectory() as folder, patch.object(record, "Store", partial(Store, Path(folder))):
            begun.end(begun.parts())
        whole = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(2):
            for file in of_study["inputs"]:
                capture.hashed(file["role"], file["path"])
        for file in of_study["outputs"]:
            capture.hashed(file["role"], file["path"], md5=True)
        costs.append((1000 * (whole - (time.perf_counter() - start)), key(of_study)))
    return statistics.median(cost for cost, _ in costs), max(costs)[0]


def deep_against_sha256sum(store: Store) -> tuple[float, float, int]:
    """Wall seconds of hashing every file of the records as `verify --deep` does, and of sha256sum over them; bytes."""
    from joblineage.checks import content

    files = sorted(
        {file["path"] for record in store.records.values() for file in (*record["inputs"], *record["outputs"])}
    )
    ours, theirs = [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        size = content.sums(Path(), files, deep=True)[1]
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run(["sha256sum", *files], capture_output=True, check=True)
        theirs.append(time.perf_counter() - start)
    return statistics.median(ours), statistics.median(theirs), size


def main() -> None:
    store = Store()
    print(f"{len(store.current)} jobs\n\n| what | CPU s (median) |\n|---|---:|")
    for name, command in COMMANDS.items():
        print(f"| {name} | {statistics.median(cpu_seconds([sys.executable, *command])[0] for _ in range(RUNS)):.2f} |")
    middle, most = recording(store)
    print(f"\na record besides hashing: {middle:.0f} ms (median), {most:.0f} ms (most)")
    ours, theirs, size = deep_against_sha256sum(store)
    print(f"deep over {size / 1e6:.0f} MB: {ours:.3f} s, sha256sum {theirs:.3f} s: {theirs / ours:.2f} of its speed")


if __name__ == "__main__":
    main()
