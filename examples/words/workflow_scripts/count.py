"""The words of each line of a text, how often each."""

import csv
import re
from collections import Counter
from pathlib import Path

from joblineage.files import whole_file
from joblineage.job import job

with job(snakemake):
    lines = Path(snakemake.input.text).read_text("utf-8").splitlines()
    with whole_file(snakemake.output.table) as path, open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["line", "word", "count"])
        for number, line in enumerate(lines):
            words = [word for word in re.findall(r"[a-z]+", line.lower()) if len(word) >= snakemake.params.shortest]
            table.writerows([number, word, count] for word, count in sorted(Counter(words).items()))
