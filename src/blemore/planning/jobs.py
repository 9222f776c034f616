"""What the jobs of a run will take by the study's plan: before anything like them was measured in this folder."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from blemore.planning.study import GPU_MEMORY, plan

RULES = {
    "make the clips": ("demo_actor", "demo_actor_1", "demo_actor_2", "demo_cut", "demo_test"),
    "prepare the media": ("prepare_shard", "prepare_later"),
    "train": ("train_fold",),
    "embed": ("embed_clips",),
    "fit the head": ("fit_head",),
}
"""How the plan's steps begin, behind an encoder's name -> the rules whose jobs they are."""
OF_ENCODERS = ("train_fold", "embed_clips", "fit_head")


def estimates(params: Mapping[str, Any], root: Path, jobs: Collection[Any]) -> Callable[[Any], float | None]:
    """A function that gives the seconds that a job of Snakemake's will take; None where the plan does not know.

    Parameters
    ----------
    params, root : as `plan` takes them.
    jobs : that will run: on a GPU, where one of them asks for it.
    """
    on_gpu = any(job.resources.get("gpu") for job in jobs)

    @cache  # made when the first job is met of which no record tells
    def planned() -> dict[tuple[str, str], float]:
        expected: dict[tuple[str, str], float] = {}
        for step in plan(params, root, gpu_memory=GPU_MEMORY if on_gpu else None)["steps"]:
            encoder, _, what = step["step"].rpartition(": ")
            hours = step["cpu_hours"] if step["gpu_hours"] is None else step["gpu_hours"]
            for begins, rules in RULES.items():
                if what.startswith(begins) and hours is not None and step["jobs"]:
                    expected |= {(rule, encoder): hours * 3600 / step["jobs"] for rule in rules}
        return expected

    def seconds(job: Any) -> float | None:
        rule = job.rule.name
        of_all = planned().get((rule, job.wildcards[0] if rule in OF_ENCODERS else ""))
        alone = hasattr(job.wildcards, "fold") and not on_gpu  # where the plan has all folds in one job
        return of_all / params[params["dataset"]]["folds"] if of_all and alone else of_all

    return seconds
