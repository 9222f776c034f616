"""Environment variables that change what a job computes, or the code that it loads."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

CHANGING = re.compile(
    r"(ARROW|ATEN|BLIS|CUBLAS|CUDA|CUDNN|DNNL|GLIBC|GOMP|KMP|LD|MALLOC|MKL|NPY|NUMBA|NVIDIA|OMP|ONEDNN|OPENBLAS"
    r"|OPENCV|PYTORCH|SCIPY|SKLEARN|TIMM|TORCH(DYNAMO|INDUCTOR)?)_\w+"
    r"|PYTHON[A-Z]+|PYTHON_(GIL|JIT|CPU_COUNT)"
)
HARMLESS = re.compile(
    r"PYTHON(BREAKPOINT|DONTWRITEBYTECODE|FAULTHANDLER|INSPECT|IOENCODING|UNBUFFERED|UTF8|VERBOSE|WARNINGS)"
    r"|\w+_(VERSION|VISIBLE_DEVICES|NUM_THREADS)|NVIDIA_(DRIVER|REQUIRE)_\w+|PYTHONHASHSEED"  # threads and seed: fields of their own
)
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|AUTH")
PLAIN = re.compile(r"[\w.,:=+-]{0,200}", re.ASCII)
SET = "(set)"
"""In place of a value that may be a secret, or holds a path."""
OF_A_RUN = {"PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1", "PYTHONPATH": SET}
"""What every process of a run has: no folder of a script or of the moment, and none of the user's, is looked for modules."""


def of_start() -> dict[str, str]:
    """The environment that this process, or the one it is a fork of, was started with: libraries set some for themselves."""
    try:
        said = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environ)
    pairs = (os.fsdecode(part).partition("=") for part in said.split(b"\0") if part)
    variables = {name: value for name, _, value in pairs}
    cut = {"GLIBC_TUNABLES"} & os.environ.keys()  # glibc reads it by cutting it apart, in this very place
    return variables | {name: os.environ[name] for name in cut}


def changing(environment: Mapping[str, str]) -> dict[str, str]:
    """{name: value} of those that are set. A value is shown where it is plain: no path, nothing that may be a secret."""
    names = sorted(name for name in environment if CHANGING.fullmatch(name) and not HARMLESS.fullmatch(name))
    return {name: shown(name, environment[name]) for name in names}


def shown(name: str, value: str) -> str:
    """The value, or `SET`."""
    return value if PLAIN.fullmatch(value) and not SECRET.search(name) else SET


def unusual(variables: Mapping[str, str], usual: Mapping[str, str]) -> list[str]:
    """ "NAME=value" of each one that a plain run has not, or has otherwise.

    Parameters
    ----------
    variables : as `changing` gives it. usual : what the study itself sets.
    """
    plain = OF_A_RUN | {name: shown(name, value) for name, value in usual.items()}
    return [f"{name}={value}" for name, value in variables.items() if plain.get(name) != value]
