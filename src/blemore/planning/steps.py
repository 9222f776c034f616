"""The parts of a step of the workflow. If a new step lacks one, the message says which, and where it goes.

A step is rules/<step>.smk, included by the Snakefile, with a stage of the same name in dvc.yaml; a script of each rule in
workflow_scripts/, whose modules lie in src/; and its block in params.yaml and its schema. Rules are read as text, before
Snakemake parses the first of them: it would only say KeyError, or "Nothing to be done".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from joblineage.errors import refuse
from joblineage.files import read_yaml

SCRIPT = re.compile(r"workflow_scripts/(\w+)\.py|\bcode\(\"(\w+)\"")
KEY = re.compile(r"\bconfig\[\"(\w+)\"\]|\blookup\(\"(\w+)")
IMPORT = re.compile(r"^from ((?:blemore|joblineage|demoactors)[.\w]*) import (\w+)", re.M)
RULE = re.compile(r"^ *(?:rule|use rule \w+ as) (\w+)(?: with)?:", re.M)
"""A rule's name, also of one that stands below an `if` or that takes after another."""
WILDCARD = re.compile(r"\\\{\w+(?:,[^{}]*)?\\\}")


def check_steps(root: Path, config: Mapping[str, Any]) -> None:
    """Refuse a workflow of which a file, a stage or a block of parameters is missing.

    Raises
    ------
    DataError : one fault per missing part: what to add where.
    """
    rules = {path.stem: path.read_text("utf-8") for path in sorted((root / "rules").glob("*.smk"))}
    steps = [step for step in rules if step != "common"]
    main = (root / "Snakefile").read_text("utf-8")
    stages = read_yaml(root / "dvc.yaml")["stages"]
    targets = set(RULE.findall("\n".join([main, *rules.values()])))
    faults = []
    for step in steps:
        if f'include: "rules/{step}.smk"' not in main:
            faults.append(f'Snakefile: rules/{step}.smk is not included, add `include: "rules/{step}.smk"`')
        if step not in stages:
            faults.append(f"dvc.yaml: no stage {step}, add one with cmd `snakemake {step}`, deps, params and outs")
    for stage, entry in stages.items():
        if (target := entry["cmd"].split()[-1]) not in targets:
            said = f"no rule {target}, which stage {stage} of dvc.yaml calls"
            faults.append(f"rules/{stage}.smk: {said}: add it, its inputs are what the step makes")
    advice = "add it, and its meaning to schemas/params.schema.yaml"
    for step, text in rules.items():
        lacking = [key for key in _found(KEY, text) if key not in config]
        faults += [f"params.yaml: no key {key}, which rules/{step}.smk reads: {advice}" for key in lacking]
    scripts = {script for text in rules.values() for script in _found(SCRIPT, text)}
    for script in sorted(scripts | {path.stem for path in (root / "workflow_scripts").glob("*.py")}):
        faults += _of_script(root, script, known=script in scripts)
    refuse("the workflow", dict.fromkeys(faults))


def _found(pattern: re.Pattern, text: str) -> list[str]:
    """What a pattern with several groups finds, sorted."""
    return sorted({next(filter(None, match.groups())) for match in pattern.finditer(text)})


def _of_script(root: Path, script: str, *, known: bool) -> Iterator[str]:
    """What is missing of, or around, one script."""
    path = f"workflow_scripts/{script}.py"
    if not known:
        yield f"{path}: no rule runs it, add rule {script} to the rules/*.smk of its step"
    if not (root / path).is_file():
        yield f"{path}: missing, a rule runs it: write it (arguments in, one call of the package)"
        return
    for module, name in IMPORT.findall((root / path).read_text("utf-8")):
        file = Path("src", *module.split("."))
        if (root / file / f"{name}.py").is_file():
            continue
        if not (root / file).with_suffix(".py").is_file():
            yield f"{file}.py: missing, {path} imports {name} from it: write it"
        elif not re.search(rf"\b{name}\b", (root / file).with_suffix(".py").read_text("utf-8")):
            yield f"{file}.py: {name} is missing, which {path} imports: write it"


def check_rules(root: Path, rules: Iterable[Any], goal: str, asked: Iterable[str]) -> None:
    """Refuse rules whose results nothing reads, or DVC does not keep.

    Parameters
    ----------
    rules : Snakemake's, all parsed.
    goal : name of the rule whose inputs the whole study is made for. Other rules without outputs ask for nothing: they are
        names for parts of it.
    asked : paths, with wildcards, that input functions ask for.

    Raises
    ------
    DataError : one fault per rule: what to add where.
    """
    rules, faults = list(rules), []
    readers = [rule for rule in rules if rule.output or rule.name == goal]
    wanted = {*asked, *(path for rule in readers for path in rule.input if isinstance(path, str))}
    patterns = [_pattern(path) for path in wanted if "{" in path]
    stages = read_yaml(root / "dvc.yaml")["stages"]

    def read(path: str) -> bool:
        asked = path in wanted or any(pattern.fullmatch(path) for pattern in patterns)
        return asked or ("{" in path and any(map(_pattern(path).fullmatch, wanted)))

    for rule in rules:
        # Raw clips: of the chosen data set only.
        outputs = [path for path in rule.output if path.startswith("results/")]
        if not outputs:
            continue
        step = Path(rule.snakefile).stem
        if not any(map(read, outputs)):
            faults.append(
                f"rule {rule.name} in rules/{step}.smk: nothing reads {outputs[0]}, so it would never run: add it to the inputs "
                f"of the rule that reads it, or of rule {goal} in Snakefile; if only an input function names it, to "
                "check_rules there"
            )
        outs = [out for place in ("outs", "metrics") for out in stages[step].get(place, [])]
        kept = [out if isinstance(out, str) else next(iter(out)) for out in outs]
        lost = [path for path in outputs if not any(path == out or path.startswith(f"{out}/") for out in kept)]
        if lost:
            faults.append(f"dvc.yaml: stage {step} does not keep {lost[0]} of rule {rule.name}: add it to its outs")
    refuse("the workflow", faults)


def _pattern(path: str) -> re.Pattern:
    """What a path with wildcards can be."""
    return re.compile(WILDCARD.sub(".+", re.escape(path)))
