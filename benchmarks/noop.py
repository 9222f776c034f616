"""What it costs to find out that nothing is to be done: CPU seconds of both runners in a finished study.

python benchmarks/noop.py        (in the study's folder, after `make submission`)
"""

import resource
import statistics
import subprocess

RUNS = 3
COMMANDS = (["snakemake", "--cores", "8", "submission"], ["dvc", "repro"])
NOTHING = ("Nothing to be done", "Data and pipelines are up to date")


def cpu_seconds(command: list[str]) -> tuple[float, str]:
    """User and system CPU seconds of one run, which must end well, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout + done.stderr


def nothing_to_do(command: list[str]) -> float:
    """CPU seconds of a runner in a finished study; one that finds work ends the benchmark."""
    seconds, said = cpu_seconds(command)
    if not any(words in said for words in NOTHING):
        raise SystemExit(f"{' '.join(command)} found work to do: finish the study first")
    return seconds


def main() -> None:
    print("| no-op | CPU s (median) |\n|---|---:|")
    for command in COMMANDS:
        print(f"| {' '.join(command)} | {statistics.median(nothing_to_do(command) for _ in range(RUNS)):.1f} |")


if __name__ == "__main__":
    main()
