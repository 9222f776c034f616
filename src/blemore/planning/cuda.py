"""Whether CUDA works here, asked before the first job of a run that counts on it."""

import subprocess
import sys

from joblineage.errors import DataError

PRODUCT = "import torch; ones = torch.ones(2, 2, device='cuda'); assert (ones @ ones).sum().item() == 8"
CURE = (
    "repair it (`nvidia-smi` shows driver and devices; `rm -r .venv && make TORCH=cuda .venv/runtime` replaces a CPU build "
    "of torch), or leave the profile away: `blemore plan` says how long the CPU takes"
)


def check(device: str) -> None:
    """Refuse a run on GPUs where a small product on one does not come out.

    In a process of its own: the workflow's own would hold torch, and a GPU's memory, to its end.

    Parameters
    ----------
    device : "cuda", or "any": what a job finds.

    Raises
    ------
    DataError : the reason, in torch's words; or another word.
    """
    if device not in ("any", "cuda"):
        raise DataError("--config device", [f'"{device}" is neither "any" nor "cuda"'])
    if device == "cuda":
        done = subprocess.run(
            [sys.executable, "-c", PRODUCT], capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        if done.returncode:
            said = (done.stderr.strip() or "torch gives no reason").splitlines()
            raise DataError("profiles/gpu", [f"CUDA does not work here ({said[-1]}): {CURE}"])
