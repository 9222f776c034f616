"""BLEMORE clip names: what a training clip's name says, and the name that says it.

    A412_ang_int3_ver1          anger, intensity 3 of 4, first take
    A26_neu_sit2_ver1           neutral, situation 2 of 4
    A412_mix_ang_sad_70_30_ver2 70 % anger, 30 % sadness, second take

Test clips are called test_0001, test_0002, ...: their names say nothing.
"""

import re
from typing import NamedTuple

from blemore.scoring.labels import CLASSES, EMOTIONS

SALIENCES = ((50, 50), (70, 30), (30, 70))
"""The shares of the two emotions of a blend, in percent, in the order of the name."""

TEST_NAME = re.compile(r"test_[0-9]{1,9}")

_SINGLE = re.compile(r"(A[0-9]{2,3})_([a-z]+)_(int|sit)([1-4])_ver([1-9][0-9]{0,8})")
_BLEND = re.compile(r"(A[0-9]{2,3})_mix_([a-z]+)_([a-z]+)_([0-9]{1,9})_([0-9]{1,9})_ver([1-9][0-9]{0,8})")


class ClipName(NamedTuple):
    """What the name of a training clip says. `str()` gives the name back."""

    person: str  # "A412"
    emotion_1: str
    emotion_1_salience: int  # percent, 100 for a single
    version: int  # 1, 2, ...: the take
    emotion_2: str | None = None
    emotion_2_salience: int | None = None  # percent
    variant: int | None = None  # intensity (emotions) or situation (neutral), 1..4; none for blends

    @property
    def mix(self) -> int:
        """1 for a blend, 0 for a single."""
        return int(self.emotion_2 is not None)

    def __str__(self) -> str:
        if self.emotion_2 is not None:
            shares = f"{self.emotion_1_salience}_{self.emotion_2_salience}"
            return f"{self.person}_mix_{self.emotion_1}_{self.emotion_2}_{shares}_ver{self.version}"
        kind = "sit" if self.emotion_1 == "neu" else "int"
        return f"{self.person}_{self.emotion_1}_{kind}{self.variant}_ver{self.version}"


def parse_name(name: str) -> ClipName:
    """What a training clip's name (without extension) says.

    Raises
    ------
    ValueError : the name is none of BLEMORE's; the message says what is wrong with it.
    """
    if match := _SINGLE.fullmatch(name):
        person, emotion, kind, variant, version = match.groups()
        if emotion not in CLASSES:
            raise ValueError(f"unknown emotion {emotion!r}, expected one of {', '.join(CLASSES)}")
        if kind != ("sit" if emotion == "neu" else "int"):
            raise ValueError("neutral clips have a situation (sit), all others an intensity (int)")
        return ClipName(person, emotion, 100, int(version), variant=int(variant))
    if match := _BLEND.fullmatch(name):
        person, first, second, share_1, share_2, version = match.groups()
        if "neu" in (first, second):
            raise ValueError("neutral is never part of a blend")
        unknown = [emotion for emotion in (first, second) if emotion not in EMOTIONS]
        if unknown:
            raise ValueError(f"unknown emotion {unknown[0]!r}, expected one of {', '.join(EMOTIONS)}")
        if EMOTIONS.index(first) >= EMOTIONS.index(second):
            raise ValueError(f"the pair {first}_{second} is out of order, expected {' < '.join(EMOTIONS)}")
        shares = (int(share_1), int(share_2))
        if shares not in SALIENCES:
            raise ValueError(f"saliences {share_1}_{share_2}, expected 50_50, 70_30 or 30_70")
        return ClipName(person, first, shares[0], int(version), second, shares[1])
    raise ValueError(
        "not a BLEMORE name, expected A<id>_<emotion>_int<1-4>_ver<n>, A<id>_neu_sit<1-4>_ver<n> "
        "or A<id>_mix_<emotion>_<emotion>_<50_50|70_30|30_70>_ver<n>"
    )
