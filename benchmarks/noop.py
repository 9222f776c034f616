"""What it costs to find out that nothing is to be done: CPU seconds of both runners in a finished study.

python benchmarks/noop.py        (in the study's folder, after `make submission`)
"""

import resource
import statistics
import subprocess

RUNS = 3
COMMANDS = (["snakemake", "--cores", "8", "submission"], ["dvc", "repro"])
NOTHING = ("Nothing to be done", "Data and pipelines are up to date")


def cpu_seconds(command: list[str]) -> float:
    """User and system CPU seconds of one run; a run that finds work is no no-op and ends the benchmark."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if not any(words in done.stdout + done.stderr for words in NOTHING):
        raise SystemExit(f"{' '.join(command)} found work to do: finish the study first")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    print("| no-op | CPU s (median) |\n|---|---:|")
    for command in COMMANDS:
        print(f"| {' '.join(command)} | {statistics.median(cpu_seconds(command) for _ in range(RUNS)):.1f} |")


if __name__ == "__main__":
    main()
