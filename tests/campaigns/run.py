"""`make campaign PART=...`: run one part's trials, two at a time; what was done before an interruption is not done again.

A part is a module beside this one with

    ABOUT            what is tried, one sentence for docs/campaigns.md
    trials()         {name: command}; the same names and commands for the same commit. A command that ends with 0 has passed.
    figures(printed) if the part has some: lines of Markdown for below its table, of {trial: the JSON in its last line}.

Results lie in .campaigns/<part>.jsonl, one line a trial, those of another commit are dropped. The closing table goes into
docs/campaigns.md. A fault that is found becomes a test.
"""

import datetime
import importlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AT_ONCE = 2


def parts(folder: Path = HERE) -> list[str]:
    """Names of the parts that exist."""
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "run")


def commit(root: Path) -> str:
    """The commit that the trials are of; uncommitted changes of what is tried are refused."""

    def git(*command: str) -> str:
        return subprocess.run(["git", *command], cwd=root, check=True, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--", ".", ":!docs/campaigns.md")
    if changed:
        raise SystemExit(f"A campaign is of a commit; commit or set aside first:\n{changed}")
    return git("rev-parse", "HEAD")


def remembered(kept: Path, at: str) -> dict[str, dict[str, Any]]:
    """{trial: its line} of the trials that were done at this commit; a line cut short by a kill does not count."""
    done = {}
    for line in kept.read_text().splitlines() if kept.exists() else []:
        try:
            one = json.loads(line)
        except json.JSONDecodeError:
            continue
        if one["commit"] == at:
            done[one["trial"]] = one
    return done


def run(trials: Mapping[str, Sequence[str]], kept: Path, at: str, root: Path = ROOT) -> dict[str, bool]:
    """Do the trials that are not yet done; {trial: passed} of all. What a failed one printed goes to the standard error."""
    lines = {name: line for name, line in remembered(kept, at).items() if name in trials}
    done = {name: line["passed"] for name, line in lines.items()}
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("".join(f"{json.dumps(line)}\n" for line in lines.values()))
    with ThreadPoolExecutor(AT_ONCE) as pool, open(kept, "a", buffering=1) as file:
        left = {
            pool.submit(subprocess.run, command, cwd=root, capture_output=True, text=True): name
            for name, command in trials.items()
            if name not in done
        }
        for future in as_completed(left):
            name, ended = left[future], future.result()
            done[name] = ended.returncode == 0
            line = {"commit": at, "trial": name, "passed": done[name], "printed": last_json(ended.stdout)}
            file.write(json.dumps(line) + "\n")
            print(f"{len(done)} of {len(trials)}: {name} {'passed' if done[name] else 'FAILED'}", flush=True)
            if not done[name]:
                print(ended.stdout, ended.stderr, file=sys.stderr)
    return {name: done[name] for name in trials}


def last_json(printed: str) -> Any:
    """The JSON block in the last line of what a trial printed; None where it is none."""
    line = printed.strip().rpartition("\n")[2]
    try:
        return json.loads(line) if line.startswith("{") else None
    except json.JSONDecodeError:
        return None


def close(done: Mapping[str, bool]) -> str:
    """The last line of a campaign."""
    return f"{sum(done.values())} passed, {len(done) - sum(done.values())} failed"


def write_table(
    page: Path, part: str, about: str, done: Mapping[str, bool], at: str, day: str, figures: Sequence[str] = ()
) -> None:
    """Replace the part's section of the page. Trials "what/which" are counted together by what they try."""
    lines = [
        f"## {part}",
        "",
        about,
        "",
        f"{close(done)}; commit {at}, {day}.",
        "",
        "| tried | passed | failed |",
        "|---|---|---|",
    ]
    for what in dict.fromkeys(name.split("/")[0] for name in done):
        ended = [passed for name, passed in done.items() if name.split("/")[0] == what]
        lines.append(f"| {what} | {sum(ended)} | {len(ended) - sum(ended)} |")
    failed = [name for name, passed in done.items() if not passed]
    lines += ["", *(f"- failed: {name}" for name in failed)] if failed else []
    lines += ["", *figures] if figures else []
    head, *sections = page.read_text().split("\n## ")
    others = {one.split("\n")[0]: f"## {one.strip()}" for one in sections}
    others[part] = "\n".join(lines)
    page.write_text("\n\n".join([head.strip(), *(others[name] for name in sorted(others))]) + "\n")


def main(arguments: Sequence[str]) -> int:
    part = arguments[0] if len(arguments) == 1 else ""
    if part not in parts():
        print(f"make campaign PART=...: there is no part {part!r}; these exist: {', '.join(parts())}", file=sys.stderr)
        return 2
    at = commit(ROOT)
    module = importlib.import_module(part)
    kept = ROOT / f".campaigns/{part}.jsonl"
    done = run(module.trials(), kept, at)
    figures = ()
    if hasattr(module, "figures"):
        lines = remembered(kept, at)
        figures = module.figures({name: lines[name]["printed"] for name in done if lines[name]["printed"]})
    write_table(ROOT / "docs/campaigns.md", part, module.ABOUT, done, at, datetime.date.today().isoformat(), figures)
    print(close(done))
    return 0 if all(done.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
