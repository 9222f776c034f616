"""How long choosing thresholds takes for the challenge's training set: vectorised, beside a plain reading of the kit.

    python benchmarks/thresholds.py [--rows 2456] [--plain-cells 400]

Prints Markdown tables, all of it measured in this run. CPU time, one thread; the plain reading decides row by row,
as the kit does (tests/kit_rules.py), and is scaled up when asked to run on fewer than the 400 cells. The second table
is of whole commands, the start of Python included.
"""

import argparse
import csv
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from blemore.scoring.exact import ExactSurface, exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.surface import OFFICIAL_GRID, official_grid

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from kit_rules import grid_search

SINGLES = 1130 / 2456
"""Share of single clips in the challenge's training set."""


def simulate(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 6) probabilities that know something of the (n, 6) true saliences."""
    rng = np.random.default_rng(0)
    truth = np.zeros((rows, 6))
    for row in truth:
        if rng.random() < SINGLES:
            row[rng.integers(6)] = 100
        else:
            first, second = rng.choice(5, 2, replace=False)
            row[first] = rng.choice([30, 50, 70])
            row[second] = 100 - row[first]
    values = np.exp(2 * truth / 100 + rng.normal(0, 1, truth.shape))
    return values / values.sum(axis=1, keepdims=True), truth


def median_ms(work: Callable[[], object], repeats: int) -> float:
    """Median CPU time of one call, in ms."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def write_tables(folder: Path, probabilities: np.ndarray, truth: np.ndarray) -> None:
    """The same clips as `blemore` reads them: probabilities.csv and truth.csv."""
    with open(folder / "probabilities.csv", "w") as file:
        rows = csv.writer(file)
        rows.writerow(["clip", *CLASSES])
        rows.writerows([f"c{k}", *row] for k, row in enumerate(probabilities.tolist()))
    with open(folder / "truth.csv", "w") as file:
        rows = csv.writer(file)
        rows.writerow(["clip", "person", "emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"])
        for k, row in enumerate(truth):
            shown = np.flatnonzero(row).tolist()
            empty = [""] * (2 - len(shown))  # a single has one emotion
            rows.writerow([f"c{k}", f"P{k % 47}", *(CLASSES[n] for n in shown), *empty, *row[shown], *empty])


def command_seconds(folder: Path, arguments: str, repeats: int = 5) -> float:
    """Median CPU seconds, user and system, of one `blemore` command from its start to its end."""
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", "from blemore.cli import main; main()", *arguments.split()]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2456)
    parser.add_argument("--plain-cells", type=int, default=400, choices=[20, 40, 100, 200, 400])
    options = parser.parse_args()
    probabilities, truth = simulate(options.rows)
    alphas = OFFICIAL_GRID[: options.plain_cells // 20]

    official = median_ms(lambda: official_grid(probabilities, truth), 51)
    exact = median_ms(lambda: exact_optimum(probabilities, truth), 5)
    plain = median_ms(lambda: grid_search(probabilities, truth, alphas, OFFICIAL_GRID), 1) * 20 / len(alphas)
    cells = ExactSurface(probabilities, truth).cells
    best = exact_optimum(probabilities, truth).score - official_grid(probabilities, truth).score
    scaled = "" if options.plain_cells == 400 else f", scaled up from {options.plain_cells} cells"

    print(f"| {options.rows} rows | cells | CPU ms | times the plain reading's speed |")
    print("| --- | ---: | ---: | ---: |")
    print(f"| kit's rules, row by row{scaled} | 400 | {plain:,.0f} | 1 |")
    print(f"| official grid, vectorised | 400 | {official:.2f} | {plain / official:,.0f} |")
    print(f"| exact surface and its optimum | {cells:,} | {exact:.1f} | {plain / exact:,.0f} |")
    print(f"\nThe exact optimum's Score lies {best:.4f} above the grid's, on the clips that both were chosen on.")

    print("\n| whole command | CPU s |\n| --- | ---: |")
    with tempfile.TemporaryDirectory() as name:
        write_tables(Path(name), probabilities, truth)
        for arguments in (
            "--help",
            "thresholds probabilities.csv --truth truth.csv",
            "decode probabilities.csv --alpha 0.1 --beta 0.1 --out said.json",
            "evaluate said.json --truth truth.csv",
            "score probabilities.csv --truth truth.csv",
        ):
            print(f"| `blemore {arguments}` | {command_seconds(Path(name), arguments):.2f} |")


if __name__ == "__main__":
    main()
