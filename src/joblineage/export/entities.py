"""The entities of a crate's metadata: its root, its files, and what is made of a name, a value or a file elsewhere."""

import json
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from joblineage.export.payload import COPIES, MANIFEST, README, WHY, Payload
from joblineage.export.told import Thing, Told
from joblineage.store import digest

CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
"""Of sha256, environment and resourceUsage."""
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles"
SNAKEFILE, LOCK, SCRIPTS = "Snakefile", "requirements.lock", "workflow_scripts/"
TYPES = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".npz": "application/octet-stream",
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".py": "text/x-python",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
}
"""Of files by their ending; text for any other."""


class Entities:
    """What a crate with these files says of itself and of each of them."""

    def __init__(self, told: Told, held: Payload):
        self.told, self.held = told, held
        self.sums = {path: digest(data) for path, data in held.files.items()}
        self.version = (", ".join(told.commits) or "unknown") + (" with changes" if told.dirty else "")
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(CONTEXT)
        self._root()
        self.flow = self._files()

    def graph(self) -> dict[str, Any]:
        """The JSON-LD, entities by their id."""
        document: dict[str, Any] = self.crate.metadata.generate()
        document["@graph"] = sorted(map(_plain, document["@graph"]), key=lambda one: str(one["@id"]))
        return document

    def add(self, id_: str, kind: str | list[str], /, **properties: Any) -> Entity:
        """The entity of that id; made where there is none."""
        id_ = id_ if id_.startswith("http") else quote(id_, safe="#/=")
        known = self.crate.dereference(id_)
        if known is None:
            known = self.crate.add(ContextEntity(self.crate, id_, properties={"@type": kind}))
            for key, value in properties.items():
                known[key] = value
        return known

    def file(self, path: str) -> Entity:
        """The file of that path, where it is in the crate."""
        return self.crate.dereference(quote(path))

    def thing(self, thing: Thing) -> Entity:
        """The file in the crate; for another what is known of it. The manifest stands for the raw files."""
        if thing.count:
            return self.file(MANIFEST)
        if self.sums.get(thing.path) == thing.sha256:
            return self.file(thing.path)
        why = self.held.absent.get(thing.path, ("", 0, "names"))[2]
        return self.add(
            f"#absent/{thing.path}",
            "CreativeWork",
            name=thing.path,
            sha256=thing.sha256,
            contentSize=str(thing.size),
            description=f"not in this crate: {WHY[why]}",
        )

    def value(self, id_: str, name: str, value: Any, **more: str) -> Entity:
        """A value by its name; what JSON writes with brackets, as JSON."""
        text = value if isinstance(value, str | int | float | bool) else json.dumps(value, sort_keys=True)
        return self.add(id_, "PropertyValue", name=name, value=text, **more)

    def agent(self, user: str | None) -> Entity:
        """Who ran a job, by the name of the login."""
        return self.add(f"#agent/{user or 'unknown'}", "Person", name=user or "unknown")

    def _root(self) -> None:
        end = moment(self.told.run["time"]["end"])
        data = self.crate.root_dataset
        data["name"] = self.told.store.study.title
        data["description"] = (
            f"Code, parameters, environment, lineage records and small results of the run that ended at {end}. "
            f"{len(self.held.absent)} files are not in it: {MANIFEST} has their sha256 and says why."
        )
        data["datePublished"] = end
        data["identifier"] = self.told.run_id
        data["conformsTo"] = [
            self.add(uri, "CreativeWork", name=name, version=version) for uri, (name, version) in PROFILES.items()
        ]
        data["license"] = self.add(
            "#licence",
            "CreativeWork",
            name="unknown",
            description="Nobody has said under which licence these results may be used. That of the code is in LICENSE.",
        )
        nobody = self.add("#unknown", "Organization", name="unknown", description="Nobody has been named.")
        nobody["url"] = nobody
        data["author"] = data["publisher"] = nobody

    def _files(self) -> Entity:
        """Every file with its hash; the Snakefile is the workflow, which is returned."""
        for path, data in sorted(self.held.files.items()):
            about: dict[str, Any] = {
                "name": path,
                "sha256": self.sums[path],
                "contentSize": str(len(data)),
                "encodingFormat": _format(path),
            }
            if path.startswith(SCRIPTS):
                about |= {"@type": ["File", "SoftwareSourceCode"], "version": self.version, "url": {"@id": quote(path)}}
            if path.startswith(COPIES):
                about["description"] = (
                    f"copy of {path.removeprefix(COPIES)} with pseudonyms and its rows in another order"
                )
            if path == SNAKEFILE:
                about |= {"version": self.version, "url": {"@id": path}}
                about["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
                flow = self.crate.add_workflow(
                    dest_path=path, main=True, lang="snakemake", gen_cwl=False, properties=about
                )
                flow["conformsTo"] = self.add(
                    f"{BIOSCHEMAS}/ComputationalWorkflow/1.0-RELEASE",
                    "CreativeWork",
                    name="ComputationalWorkflow",
                    version="1.0",
                )
            else:
                self.crate.add_file(dest_path=path, properties=about)
        raw = self.told.raw
        self.file(MANIFEST)["description"] = (
            f"sha256 and size of the files that are not here, and why; among them {raw.count} raw files ({raw.size} bytes)"
        )
        if LOCK in self.sums:
            self.file(LOCK)["description"] = (
                "every package of the environment with version and hashes; there is no container"
            )
            flow["softwareRequirements"] = self.file(LOCK)
        self.file(README)["about"] = self.crate.root_dataset
        return flow


def _format(path: str) -> str:
    return TYPES.get(PurePosixPath(path).suffix, "text/plain")


def moment(text: str) -> str:
    """A moment as the profile wants it, "2026-11-25T12:00:00.000+00:00"."""
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds")


def _plain(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity whose lists of one are that one, as RO-Crate wants it."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 and name != "@type" else value
        for name, value in entity.items()
    }
