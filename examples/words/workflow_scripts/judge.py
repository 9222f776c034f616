"""Which text each odd line comes from, by the weights of its words; how many are right."""

import csv
from collections import defaultdict
from pathlib import Path

from joblineage import declare
from joblineage.files import read_json, write_json
from joblineage.job import job


def headline(output: dict[str, str]) -> dict[str, float]:
    """The number for whose sake the study is run."""
    return {"right": read_json(output["summary"])["right"]}


with job(snakemake, headline=headline):
    weights, right = read_json(snakemake.input.weights), {}
    for path in map(Path, snakemake.input.tables):
        lines = defaultdict(list)
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                lines[int(row["line"])] += [row["word"]] * int(row["count"])
        for number in (number for number in lines if number % 2):
            sums = {text: sum(one.get(word, 0.0) for word in lines[number]) for text, one in weights.items()}
            right[f"{path.stem} {number}"] = max(sums, key=sums.get) == path.stem
    declare.fitted("weights", declare.HANDED_ON, [], right)
    write_json(snakemake.output.summary, {"lines": len(right), "right": sum(right.values()) / len(right)})
