"""Random numbers from names: the same name gives the same numbers, in whatever order the work is done.

New code takes `generator`, with a name that says what is drawn and begins with the study's seed ("17/persons"). torch
draws with generators of its own: they start from `seed_of`. `letters_generator` (fusion) and `digest_generator`
(individuals) differ from `generator` only in how they start; results rest on their numbers, so they stay as they are.
"""

import hashlib

import numpy as np


def generator(name: str) -> np.random.Generator:
    """A generator that starts from the first 64 bits of the name's sha256."""
    return np.random.default_rng(int.from_bytes(_digest(name)[:8]))


def seed_of(name: str) -> int:
    """A number in [0, 2^63) from the first bits of the name's sha256: what torch accepts as a seed."""
    return int.from_bytes(_digest(name)[:8]) >> 1


def letters_generator(name: str) -> np.random.Generator:
    """A generator that starts from the bytes of the name itself."""
    return np.random.default_rng(list(name.encode()))


def digest_generator(name: str) -> np.random.Generator:
    """A generator that starts from all 256 bits of the name's sha256."""
    return np.random.default_rng(np.frombuffer(_digest(name), "<u4"))


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
