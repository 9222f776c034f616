"""What the finished study in this folder cost, part by part, from the records of its jobs.

    python benchmarks/demo.py        (in the study's folder, after `make submission`)

Writes benchmarks/demo.md, and its first line between the marks in README.md. A part is a file of rules/; training is
split by network. CPU seconds are those of the whole process. Folds that were trained in one process have a record each,
with what each used; the process counts once. Records do not cover the imports that all jobs share, nor Snakemake and the
end of a run: the former are measured here, and a lower bound of the latter on a run with nothing to do.
"""

import re
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from noop import COMMANDS, cpu_seconds, nothing_to_do

from blemore.audit.page.chain import RULE
from blemore.study import LIBRARIES
from joblineage.files import write_text
from joblineage.store import Document, Store, key

MARKED = re.compile(r"(?<=<!-- demo -->\n).*?(?=\n<!-- /demo -->)", re.DOTALL)
HEADER = "| part | processes | CPU s | wall s | memory of one, MB | CPU |\n|---|---:|---:|---:|---:|---:|"
NEWLINE = "\n"


def parts(records: list[Document]) -> dict[str, list[Document]]:
    """{part: its records}, in the order of a run."""
    files = re.findall(r'include: "(rules/\w+\.smk)"', Path("Snakefile").read_text())
    steps = {rule: Path(file).stem for file in files for rule in RULE.findall(Path(file).read_text())}
    by_part = defaultdict(list)
    for record in sorted(records, key=lambda record: (list(steps).index(record["job"]["rule"]), key(record))):
        rule, network = record["job"]["rule"], record["job"]["wildcards"].get("finetuned")
        by_part[f"training of {network}" if rule == "train_fold" else steps[rule]].append(record)
    return by_part


def processes(records: list[Document]) -> int:
    """How many made the records: all records of one process have its times."""
    return len({(record["job"]["rule"], record["time"]["start"], record["time"]["end"]) for record in records})


def spent(records: list[Document], what: str) -> float:
    """Sum of `cpu_seconds` or `seconds` (wall)."""
    return sum(record["time"][what] for record in records)


def peak(records: list[Document]) -> int:
    """Largest memory of a process, MB."""
    return max(record["time"]["peak_mb"] for record in records)


def as_markdown(store: Store, nothing: float, libraries: float) -> str:
    """The line for README.md, then the table.

    Parameters
    ----------
    nothing : CPU seconds of a run that finds nothing to do.
    libraries : those of the process that imports the libraries, from which the jobs fork.
    """
    current = set(store.current.values())
    records = [store.records[name] for name in current]
    runs = [run for run in store.runs.values() if current.intersection(run["executed"])]
    began, ended = (datetime.fromisoformat(runs[k]["time"][when]) for k, when in ((0, "start"), (-1, "end")))
    cpu, hardware = spent(records, "cpu_seconds") + nothing + libraries, records[0]["hardware"]
    rows = [
        f"| {name} | {processes(of)} | {spent(of, 'cpu_seconds'):,.0f} | {spent(of, 'seconds'):,.0f} | {peak(of):,} "
        f"| {spent(of, 'cpu_seconds') / cpu:.0%} |"
        for name, of in parts(records).items()
    ]
    return f"""\
{(ended - began).total_seconds() / 60:.1f} minutes on {hardware["cores"]} cores, {cpu:,.0f} CPU seconds, at most \
{peak(records):,} MB of memory for one job ({ended:%Y-%m-%d})

{hardware["cpu"]}; {len(records)} jobs in {processes(records)} processes; {len(runs)} run(s). Written by `benchmarks/demo.py`.

{HEADER}
{NEWLINE.join(rows)}
| libraries imported once, for all jobs | 1 | {libraries:,.1f} | | | {libraries / cpu:.0%} |
| Snakemake's own start and end, at least | 1 | {nothing:,.1f} | | | {nothing / cpu:.0%} |
| all | {processes(records)} | {cpu:,.0f} | {spent(records, "seconds"):,.0f} | {peak(records):,} | 100% |
"""


def main() -> None:
    """Measure what the records lack, write both files."""
    store = Store()
    libraries = cpu_seconds([sys.executable, "-c", f"import {', '.join(LIBRARIES)}"])[0]
    text = as_markdown(store, nothing_to_do(COMMANDS[0]), libraries)
    write_text(Path("benchmarks/demo.md"), text)
    readme = Path("README.md")
    write_text(readme, MARKED.sub(lambda _: text.partition("\n")[0], readme.read_text()))
    print(text)


if __name__ == "__main__":
    main()
