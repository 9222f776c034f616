"""What a cluster's scheduler must be asked for, rule by rule: minutes, memory and GPUs of the plan, with a margin."""

import math
from collections.abc import Mapping
from typing import Any

from blemore.planning.jobs import RULES

ASKED = ("prepare_shard", "embed_clips", "fit_head", "train_fold")
"""Rules whose jobs the plan knows; all others take what the profile gives by default."""
MARGIN = 3
"""A node may be so much slower than what the plan counts with."""
MEMORY_MARGIN = 4
"""Beside the network: libraries, decoded media, the threads that decode."""
LEAST_MINUTES, LEAST_MB = 10, 3000


def resources(plan: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """{rule: gpu, mem_mb, runtime in minutes}, each enough for the largest of the rule's jobs.

    Parameters
    ----------
    plan : as `blemore.planning.study.plan` gives it.
    """
    by_rule: dict[str, dict[str, int]] = {}
    for step in plan["steps"]:
        what = step["step"].rpartition(": ")[2]
        rules = [rule for begins, named in RULES.items() if what.startswith(begins) for rule in named if rule in ASKED]
        hours = step["cpu_hours"] if step["gpu_hours"] is None else step["gpu_hours"]
        for rule in rules if hours is not None and step["jobs"] else []:
            most = by_rule.setdefault(rule, {"gpu": 0, "mem_mb": LEAST_MB, "runtime": LEAST_MINUTES})
            asked = {
                "gpu": int(step["gpu_hours"] is not None),
                "mem_mb": math.ceil((step["memory_gb"] or 0) * MEMORY_MARGIN) * 1000,
                "runtime": math.ceil(hours / step["jobs"] * 60 * MARGIN / 10) * 10,
            }
            most.update({name: max(most[name], number) for name, number in asked.items()})
    return {rule: by_rule[rule] for rule in ASKED if rule in by_rule}


def lines(by_rule: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The same as lines of a profile; each attempt asks for more memory."""
    return [
        "set-resources:",
        *(
            f"  {rule}: {{gpu: {need['gpu']}, mem_mb: {need['mem_mb']} * attempt, runtime: {need['runtime']}}}"
            for rule, need in by_rule.items()
        ),
    ]
