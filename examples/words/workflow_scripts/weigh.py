"""What each word says for each text, from the even lines; the odd ones are left for the judgement."""

import csv
from collections import Counter
from math import log
from pathlib import Path

from joblineage import declare
from joblineage.files import write_json
from joblineage.job import job

with job(snakemake):
    counts, lines = {}, []
    for path in map(Path, snakemake.input.tables):
        with open(path, encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["line"]) % 2 == 0]
        lines += [f"{path.stem} {row['line']}" for row in rows]
        counts[path.stem] = Counter({row["word"]: 0 for row in rows})
        for row in rows:
            counts[path.stem][row["word"]] += int(row["count"])
    words, smoothing = sorted(set().union(*counts.values())), snakemake.params.smoothing
    declare.fitted("weights", "word weights", lines)
    write_json(
        snakemake.output.weights,
        {text: {word: log(found[word] + smoothing) for word in words} for text, found in counts.items()},
    )
