"""Imported first wherever torch meets timm, transformers or torchaudio, and by `device`.

The registry's torchvision and torchaudio are CUDA builds. Beside a CPU torch their compiled libraries do not load, and
then timm and torchaudio fail to import although they need nothing of what is compiled. Where that is so, torchvision's
two operators get schemas without an implementation, and torchaudio finds no extension. To call a compiled part still
fails, loudly.

torch's compiler (`torch._dynamo`: 1.1 to 1.4 CPU seconds and 65 MB in every job, measured on torch 2.13) is put off
until something uses it. Optimizers, torchvision and transformers import it only to mark functions that it shall leave
alone, and nothing is compiled here.

A module that imports timm or torchaudio imports this one, which ruff sorts before them (`isort` in pyproject.toml).
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

COMPILER = ("torch._dynamo", "torch._dynamo.utils")


class _Later(ModuleType):
    """A module of torch's compiler: the marks change nothing; to ask for more imports the module itself."""

    __path__: Any = (str(Path(torch.__file__).parent / "_dynamo"),)  # where its other modules are found

    @staticmethod
    def disable(function: Any = None, *_: Any, **__: Any) -> Any:
        return (lambda marked: marked) if function is None else function

    allow_in_graph = assume_constant_result = disable

    @staticmethod
    def graph_break(*_: Any, **__: Any) -> None: ...

    @staticmethod
    def is_compile_supported(device: str) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # `inspect` asks every module in passing
            raise AttributeError(name)
        if sys.modules[self.__name__] is self:
            for module in COMPILER:
                del sys.modules[module]
        return getattr(import_module(self.__name__), name)


def _loads(package: str, library: str) -> bool:
    """Whether the package's own compiled library loads beside this torch."""
    spec = find_spec(package)
    try:
        torch.ops.load_library(Path((spec and spec.origin) or package).parent / library)
    except OSError:
        return False
    return True


if COMPILER[0] not in sys.modules:
    sys.modules.update({name: _Later(name) for name in COMPILER})
    torch._dynamo, torch._dynamo.utils = map(sys.modules.get, COMPILER)

if not _loads("torchvision", "_C.so"):
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)

if not _loads("torchaudio", "lib/_torchaudio.abi3.so"):
    extension: Any = ModuleType("torchaudio._extension")
    extension._IS_TORCHAUDIO_EXT_AVAILABLE = extension._IS_ALIGN_AVAILABLE = False
    extension.fail_if_no_align = lambda function: function
    sys.modules["torchaudio._extension"] = extension
