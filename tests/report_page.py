"""Reading a report page and the files behind it, by other means than the page itself uses."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

BASELINES = Path(__file__).parents[1] / "src/blemore/report/baselines.yaml"
VOID = {"meta", "link", "img", "br", "wbr"}
CHECKED = ("data-source", "data-key", "data-file", "data-neutral", "data-published")


@dataclass
class Element:
    """An element of the page: its tag, attributes, whole text, and the elements around it."""

    tag: str
    attributes: dict[str, str]
    text: str
    around: list["Element"]

    def inside(self, *tags: str) -> bool:
        return any(one.tag in tags for one in [self, *self.around])


class Page(HTMLParser):
    """All elements and all pieces of text of a page."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[Element] = []
        self.elements: list[Element] = []
        self.pieces: list[tuple[str, list[Element]]] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs}, "", list(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append(Element(tag, {key: value or "" for key, value in attrs}, "", list(self.open)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append((data, list(self.open)))
        for element in self.open:
            element.text += data

    def numbers(self) -> Iterator[Element]:
        return (element for element in self.elements if element.tag == "data")


def documents(study: Mapping[str, Any]) -> dict[str, Any]:
    """What the files hold, read here by other means than the page's: JSON by json, CSV by csv, tables by pandas."""
    found: dict[str, Any] = {"params.yaml": study["study"], "uploads": study["uploads"]}
    if study["study"]["dataset"] == "blemore":
        found["baselines.yaml"] = yaml.safe_load(BASELINES.read_text())
    found["CITATION.cff"] = yaml.safe_load(Path(study["software"]).read_text())
    found[f"datasets/{study['study']['dataset']}.py"] = {"CITATION": study["data_set"]}
    for name in (
        "metrics",
        "worth",
        "licences",
        "weights",
        "models",
        "reliability",
        "individuals",
        "held_back",
        "remarks",
    ):
        if study[name]:
            found[Path(study[name]).name] = json.loads(Path(study[name]).read_text())
    found |= {f"{path.parent.name}/{path.name}": json.loads(path.read_text()) for path in study["costs"]}
    with open(study["encoders"], newline="") as file:
        found["encoders.csv"] = {row["encoder"]: row for row in csv.DictReader(file)}
    with open(study["quarantine"], newline="") as file:
        found["quarantine.csv"] = list(csv.DictReader(file))
    with open(study["curves"], newline="") as file:
        found["curves.csv"] = list(csv.DictReader(file))
    for name in ("clips", "probabilities", "decisions"):
        table = pd.read_parquet(study[name])
        found[f"{name}.parquet"] = table.set_index("clip").to_dict("index")
    return found


def resolve(found: Mapping[str, Any], source: str) -> Any:
    """What stands at `file#/json/pointer`."""
    file, pointer = source.split("#")
    value = found[file]
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def changed(study: Mapping[str, Any], name: str, folder: Path, pointer: str, value: Any) -> dict[str, Any]:
    """The study with one value of a JSON file replaced, or taken out (`value` is KeyError)."""
    content = json.loads(Path(study[name]).read_text())
    *steps, last = pointer.split("/")[1:]
    place = content
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    path = folder / Path(study[name]).name
    path.write_text(json.dumps(content))
    return {**study, name: path}


def words(html: str) -> str:
    """The page without its pictures, whose letters and digits mean nothing."""
    return re.sub(r'"data:[^"]*"', "", html)
