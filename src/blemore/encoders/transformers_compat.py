"""transformers without the libraries that it takes along wherever they are installed: half the time of its import.

transformers asks at its import which optional libraries there are, once, and imports those that it finds: scipy's and
torchvision's for the losses and pictures of detection networks, torch's for networks spread over machines, and with
these sympy. Nothing here uses them, and each job paid 2 CPU seconds for them. So they are absent while transformers is
imported, and only then: whoever wants one of them afterwards gets it.

Imported by every module that imports transformers; ruff sorts it before (`isort` in pyproject.toml).
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock
import blemore.encoders.torch_compat  # noqa: F401

import torch

UNUSED = ("jinja2", "scipy", "torchaudio", "torchvision", "trio")


@contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Within, the packages are not found, as if they were not installed."""
    modules: dict[str, Any] = sys.modules
    there = {name: modules[name] for name in packages if name in modules}
    modules.update(dict.fromkeys(packages))  # None: Python's own mark of a module that cannot be imported
    try:
        yield
    finally:
        for name in packages:
            del modules[name]
        modules.update(there)


if "transformers" not in sys.modules:  # else it has looked for them already
    with absent(*UNUSED), mock.patch.object(torch.distributed, "is_available", return_value=False):
        import transformers.modeling_utils  # noqa: F401 - asks for all of them; the networks themselves for none
