"""Imported first wherever torch meets timm, transformers or torchaudio.

The registry's torchvision and torchaudio are CUDA builds. Beside a CPU torch their compiled libraries do not load
("operator torchvision::nms does not exist", "libc10_cuda.so"), and then timm and parts of transformers fail to import
although they need nothing of what is compiled. Importing this module heals that: where a library loads nothing is
changed; else the two operators that torchvision describes at import (`nms`, `qnms`) get their schemas, without an
implementation, and torchaudio is told that its extension is absent. Calling a compiled part still fails, loudly.

torch's compiler (`torch._dynamo`, 4 CPU seconds to import) is put off until something uses it: optimizers, torchvision
and transformers import it only to mark functions that it shall leave alone, and nothing is compiled here.

A module that needs one of them begins with `from blemore.encoders.torch_compat import torch` and a line `# isort: split`.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

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


class _Later(ModuleType):
    """Stands for a module of torch's compiler; whoever asks for more than the marks gets the module itself."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of every module in passing, by `inspect`
            raise AttributeError(name)
        return getattr(_compiler(self.__name__), name)


def _compiler(name: str) -> ModuleType:
    """The real module of torch's compiler, in place of what stands for it."""
    if isinstance(sys.modules.get("torch._dynamo"), _Later):
        del sys.modules["torch._dynamo"], sys.modules["torch._dynamo.utils"], torch._dynamo
    return import_module(name)


def _unmarked(function: Callable | None = None, *_: Any, **__: Any) -> Any:
    """What "leave this function alone", "take it as it is" mean without a compiler: the function itself."""
    return (lambda marked: marked) if function is None else function


def _put_off_compiler() -> None:
    later, utils = _Later("torch._dynamo"), _Later("torch._dynamo.utils")
    later.__path__ = [str(Path(torch.__file__).parent / "_dynamo")]  # its other modules are found as ever
    later.disable = later.allow_in_graph = later.assume_constant_result = _unmarked
    later.graph_break = lambda *_, **__: None
    later.utils = utils
    utils.is_compile_supported = lambda device: _compiler("torch._dynamo.utils").is_compile_supported(device)
    sys.modules["torch._dynamo"] = torch._dynamo = later
    sys.modules["torch._dynamo.utils"] = utils


if "torch._dynamo" not in sys.modules:
    _put_off_compiler()

if not _loads("torchvision", "_C.so"):
    TORCHVISION_OPERATORS = _declare_torchvision_operators()  # the schemas live as long as this object

if not _loads("torchaudio", "lib/_torchaudio.abi3.so"):
    sys.modules["torchaudio._extension"] = _absent_extension()
