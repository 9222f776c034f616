"""Print how many cores and how much memory a run may use here, as options of Snakemake; nothing where a cluster runs the jobs.

`python limits.py PROFILE [CORES]`; `make submission` calls this. Snakemake's own `--cores all` counts the machine's cores, also in a
container that may use fewer, and takes no account of memory. The standard library only.
"""

import math
import os
import re
import sys
from pathlib import Path

PROFILES = Path(__file__).parents[1] / "profiles"
CONTROL = Path("/sys/fs/cgroup")


def groups(control: Path, own: str) -> list[Path]:
    """Folders of the control groups of this process, its own and those above.

    own : what /proc/self/cgroup says, a line "number:controllers:path" for each hierarchy; one alone in version 2.
    """
    folders = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        top = control / controllers  # "" in version 2
        inside = top / path.lstrip("/")
        folders += [folder for folder in (inside, *inside.parents) if folder.is_relative_to(top) and folder.is_dir()]
    return folders


def cores(folders: list[Path]) -> int:
    """Whole cores that this process may use: by its affinity, and by the quota of its control groups."""
    least = len(os.sched_getaffinity(0))
    for folder in folders:
        quota, period = [*text(folder / "cpu.max").split(), "", ""][:2]
        quota, period = quota or text(folder / "cpu.cfs_quota_us"), period or text(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal():
            least = min(least, math.ceil(int(quota) / int(period)))
    return max(1, least)


def memory(folders: list[Path], machine: int) -> int:
    """Bytes that this process may use, at most those of the machine."""
    said = (text(folder / name) for folder in folders for name in ("memory.max", "memory.limit_in_bytes"))
    return min([machine, *(int(limit) for limit in said if limit.isdecimal())])


def text(path: Path) -> str:
    return path.read_text("utf-8").strip() if path.is_file() else ""


def main(profile: str, wanted: str = "") -> None:
    settings = text(PROFILES / profile / "config.yaml")
    if re.search(r"^executor:", settings, re.M):
        print(f"--cores {wanted}" if wanted else "")
        return
    # The option displaces the profile's own resources, which are given with it.
    others = "".join(re.findall(r"^resources: \[(.*)\]", settings, re.M)).replace(",", " ")
    folders = groups(CONTROL, text(Path("/proc/self/cgroup")))
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = f"mem_mb={memory(folders, machine) // 10**6} {others}".rstrip()
    print(f"--cores {wanted or cores(folders)} --resources {limits}")


if __name__ == "__main__":
    main(*sys.argv[1:])
