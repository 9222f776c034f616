"""Write small networks as ONNX files (a protocol buffer), with no package for it: what real weights come as."""

from pathlib import Path

import numpy as np

INTS, TENSOR_FLOAT = 7, 1
"""Type of an attribute, and of the numbers of a tensor."""


def _field(number: int, value: bytes | int | str) -> bytes:
    """One field of a message: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def _tensor(name: str, values: np.ndarray) -> bytes:
    shape = b"".join(_field(1, size) for size in values.shape)
    return shape + _field(2, TENSOR_FLOAT) + _field(8, name) + _field(9, values.astype("<f4").tobytes())


def _shape(name: str, sizes: tuple[int, ...]) -> bytes:
    """A ValueInfoProto: name, and a tensor of floats of that shape."""
    shape = b"".join(_field(1, _field(1, size)) for size in sizes)
    return _field(1, name) + _field(2, _field(1, _field(1, TENSOR_FLOAT) + _field(2, shape)))


def _node(kind: str, inputs: list[str], output: str, **lists: list[int]) -> bytes:
    said = b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, kind)
    for name, values in lists.items():
        said += _field(5, _field(1, name) + b"".join(_field(8, value) for value in values) + _field(20, INTS))
    return said


def write_face_network(path: Path, numbers: int = 128, side: int = 112, patch: int = 8, seed: int = 0) -> None:
    """A network with the inputs and outputs of SFace: (1, 3, 112, 112) -> (1, numbers), of random weights.

    Mean light of patches, then random projections: pictures of one face give about one direction.
    """
    draw = np.random.default_rng(seed)
    cells = 3 * (side // patch) ** 2
    means = np.zeros((3, 3, patch, patch))
    means[[0, 1, 2], [0, 1, 2]] = 1 / patch**2
    project = draw.normal(0, cells**-0.5, (cells, numbers))
    nodes = [
        _node("Conv", ["data", "means"], "cells", kernel_shape=[patch, patch], strides=[patch, patch]),
        _node("Flatten", ["cells"], "flat"),
        _node("MatMul", ["flat", "project"], "fc1"),
    ]
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "face")
    graph += _field(5, _tensor("means", means)) + _field(5, _tensor("project", project))
    graph += _field(11, _shape("data", (1, 3, side, side))) + _field(12, _shape("fc1", (1, numbers)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13)))
