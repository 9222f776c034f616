"""Where a job computes."""

from blemore.torch_compat import torch


def use_one_thread() -> torch.device:
    """One CPU thread, reproducible operations where torch has them; the device to compute on."""
    torch.set_num_threads(1)
    if not torch.cuda.is_available():  # one thread of a CPU adds up in one order anyway
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    return torch.device("cuda")
