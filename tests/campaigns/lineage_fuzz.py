"""Two thousand changed files of a study, other ones than the 200 of `make test`: each ends in a verdict, none in a traceback."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "joblineage")]

from test_fuzz import BLOCK, test_any_bytes_in_any_file_end_in_a_verdict  # noqa: E402

ABOUT = (
    "A file of lineage/, cache/, results/, dvc.lock or Snakemake's metadata with other bytes (tests/joblineage/mutations.py), 100 "
    "files a trial: `verify` says a verdict, other than OK where every byte counts; the other commands answer or say what is wrong."
)
FILES, EACH, FIRST = 2000, 100, 200


def trials() -> dict[str, list[str]]:
    own = [sys.executable, str(Path(__file__))]
    return {f"files/{seed}": [*own, str(seed)] for seed in range(FIRST, FIRST + FILES, EACH)}


def main(first: int) -> None:
    for block in range(first // BLOCK, (first + EACH) // BLOCK):
        with TemporaryDirectory() as folder:
            test_any_bytes_in_any_file_end_in_a_verdict(Path(folder), block)


if __name__ == "__main__":
    main(int(sys.argv[1]))
