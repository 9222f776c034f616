"""Imported first wherever torch meets timm, transformers or torchaudio.

The registry's torchvision and torchaudio are CUDA builds. Beside a CPU torch their compiled libraries do not load
("operator torchvision::nms does not exist", "libc10_cuda.so"), and then timm and parts of transformers fail to import
although they need nothing of what is compiled. Importing this module heals that: where a library loads nothing is
changed; else the two operators that torchvision describes at import (`nms`, `qnms`) get their schemas, without an
implementation, and torchaudio is told that its extension is absent. Calling a compiled part still fails, loudly.

A module that needs one of them begins with `from blemore.torch_compat import torch` and a line `# isort: split`.
"""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch


def _loads(package: str, library: str) -> bool:
    """Whether the package's own compiled library loads beside this torch (True too where the package is absent)."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return True
    try:
        torch.ops.load_library(Path(spec.origin).parent / library)
    except OSError:
        return False
    return True


def _declare_torchvision_operators() -> torch.library.Library:
    operators = torch.library.Library("torchvision", "DEF")
    operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return operators


def _absent_extension() -> ModuleType:
    """What torchaudio itself would put up if its library were not installed."""

    def fail_if_no_align(function):
        def refuse(*arguments, **options):
            raise RuntimeError(f"{function.__name__} needs torchaudio's compiled part, which does not load here")

        return refuse

    extension = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
    extension._IS_ALIGN_AVAILABLE = False
    extension.fail_if_no_align = fail_if_no_align
    return extension


if not _loads("torchvision", "_C.so"):
    TORCHVISION_OPERATORS = _declare_torchvision_operators()  # the schemas live as long as this object

if not _loads("torchaudio", "lib/_torchaudio.abi3.so"):
    sys.modules["torchaudio._extension"] = _absent_extension()
