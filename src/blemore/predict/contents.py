"""The folder of a bundle: what lies where, and that every byte is as it was written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blemore.fusion import scaling
from blemore.fusion.nested import Candidate, Fit
from blemore.learning.stored import made_by, read_models, write_models
from blemore.params.parts import FUSION_METHOD
from blemore.scoring.model_name import FINAL
from joblineage.errors import DataError, MissingDataError, refuse
from joblineage.files import read_json, sha256, write_json

FORMAT = 1
"""Of the folder; a bundle of another one is refused."""
ABOUT, MANIFEST, CARD, FUSION = "bundle.json", "manifest.json", "README.md", "fusion.safetensors"


@dataclass(frozen=True)
class Contents:
    """A bundle's folder, checked.

    about : what bundle.json says (`making.make_bundle`).
    """

    folder: Path
    about: Mapping[str, Any]

    def settings(self, name: str) -> dict[str, Any]:
        """Settings of an encoder's network, its checkpoint in the bundle."""
        settings = dict(self.about["encoders"][name]["network"])
        if "checkpoint" in settings:
            settings["checkpoint"] = str(self.folder / settings["checkpoint"])
        return settings

    def model(self, name: str, part: str) -> Path:
        """A file of an encoder's: "heads", or "fold0", "fold1", ..."""
        return self.folder / "encoders" / name / f"{part}.safetensors"


def write_fusion(path: Path, final: Candidate) -> None:
    """Write the final fit of a fusion method."""
    fit = final.outer(FINAL)
    models = {"scaling": fit.scaling, "method": fit.model, "recalibration": final.recalibrations[FINAL]}
    write_models(path, models)


def read_fusion(path: Path, method: str) -> Candidate:
    """The final fit of a fusion method, which is all that new clips need."""
    kinds: dict[str, type[Any]] = {"scaling": scaling.Scaling, "method": made_by(FUSION_METHOD.load(method).fit)}
    fits = read_models(path, kinds | {"recalibration": scaling.Scaling})
    return Candidate(method, {(): Fit(fits["scaling"], fits["method"])}, {FINAL: fits["recalibration"]}, {})


def write_manifest(folder: Path) -> None:
    """Write the sha256 of every file of the folder, but of the manifest itself."""
    write_json(
        folder / MANIFEST, {"format": FORMAT, "sha256": {name: sha256(folder / name) for name in _files(folder)}}
    )


def read_contents(folder: str | Path) -> Contents:
    """A bundle, every byte compared with its manifest.

    Raises
    ------
    MissingDataError : there is no bundle.
    DataError : it has another format; a file is lost, changed, or none of the bundle's. All faults, by name.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise MissingDataError(str(folder), [f"is no bundle, {MANIFEST} is not in it: `blemore bundle` makes one"])
    manifest = read_json(folder / MANIFEST)
    form = manifest.get("format") if isinstance(manifest, dict) else None
    if form != FORMAT or not isinstance(manifest.get("sha256"), dict):
        text = f"the bundle has format {form!r}, this version of blemore reads format {FORMAT}"
        raise DataError(str(folder / MANIFEST), [f"{text}: take the version that made it, or make it again"])
    listed, there = manifest["sha256"], _files(folder)
    faults = [f"{name}: is not there" for name in sorted(set(listed) - set(there))]
    faults += [f"{name}: does not belong to the bundle" for name in sorted(set(there) - set(listed))]
    for name in sorted(set(listed) & set(there)):
        if sha256(folder / name) != listed[name]:
            faults.append(f"{name}: its bytes are not those that were bundled")
    refuse(folder, [f"{fault}; fetch the bundle again" for fault in faults])
    return Contents(folder, read_json(folder / ABOUT))


def _files(folder: Path) -> list[str]:
    """Paths of all files below a folder, but of the manifest."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in files if name != MANIFEST)
