"""`blemore plan`: jobs, hours, memory and disk of a study before it is begun."""

from pathlib import Path
from typing import Annotated, Any

import typer

from joblineage.progress import spoken
from joblineage.telling import plain_console, say, say_json


def plan(
    params: Annotated[Path, typer.Option(help="The study's parameters.")] = Path("params.yaml"),
    dataset: Annotated[
        str | None, typer.Option(help="Plan for this data set instead of the one in the parameters.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Plan for tiny or pretrained, for every encoder without `weights` of its own.")
    ] = None,
    gpu_memory: Annotated[float, typer.Option(min=1, help="Memory of the one GPU, in GB.")] = 24.0,
    gpu_tflops: Annotated[
        float, typer.Option(min=1, help="Its peak in half precision, TFLOP/s (71: a GeForce RTX 3090).")
    ] = 71.0,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Print `set-resources` of profiles/slurm for this study instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """What the study will cost: jobs, CPU and GPU time, memory and disk (DVC's copy included), step by step."""

    from blemore.params.check import read_params
    from blemore.planning.study import plan as planned

    what_if = {key: value for key, value in (("dataset", dataset), ("weights", weights)) if value is not None}
    values = read_params(params, **what_if)
    estimate = planned(values, params.parent, gpu_memory=gpu_memory, gpu_tflops=gpu_tflops)
    if slurm:
        from blemore.planning.slurm import lines, resources

        say(*lines(resources(estimate)))
    elif as_json:
        say_json(estimate)
    else:
        _show(estimate, gpu_memory)


def _show(estimate: dict[str, Any], gpu_memory: float) -> None:
    from rich.table import Table

    study, clips = estimate["study"], estimate["clips"]
    title = (
        f"{study['dataset']}, {study['weights']}: {study['encoders']} encoders, {clips['train']} train and "
        f"{clips['test']} test clips, {clips['folds']} folds"
    )
    table = Table("step", title=title)
    on_gpu = any(step["gpu_hours"] is not None for step in estimate["steps"])
    columns = {"jobs": "jobs", "cpu_hours": "CPU time", "memory_gb": "memory GB"}
    if on_gpu:
        columns |= {"cpu_hours": "CPU time without GPU", "gpu_hours": "GPU time", "gpu_gb": "GPU GB"}
    for heading in columns.values():
        table.add_column(heading, justify="right")
    for step in [*estimate["steps"], {"step": "in all", **estimate["totals"]}]:
        if step["step"] == "in all":
            table.add_section()
        table.add_row(step["step"], *(_cell(key, step[key]) for key in columns))
    console = plain_console()
    console.print(table)
    disk = estimate["disk_gb"]
    parts = ", ".join(f"{kind} {size:g}" for kind, size in disk.items() if kind != "total")
    console.print(f"Disk: {disk['total']:g} GB ({parts})", highlight=False)
    for step in estimate["steps"]:
        if step["advice"]:
            needed = f"{step['gpu_gb']:g} GB needed, {gpu_memory:g} there"
            console.print(f"Does not fit: {step['step']}: {needed}: {step['advice']}", style="red", markup=False)
    if on_gpu and not any(step["advice"] for step in estimate["steps"]):
        console.print(f"Every network fits into {gpu_memory:g} GB of GPU memory.", highlight=False)
    for line in estimate["assumptions"]:
        console.print(f"- {line}", highlight=False, markup=False)
    if estimate["totals"]["not_measured"]:
        console.print(f"- Not measured, not in the sums: {'; '.join(estimate['totals']['not_measured'])}", markup=False)


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    return spoken(value * 3600) if key.endswith("_hours") and value else f"{value:.3g}"
