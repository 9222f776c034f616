"""The metadata of a crate: OrganizeAction > ControlAction > CreateAction, one of these a job, beside files and tools."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from joblineage.export.payload import COPIES, MANIFEST, README, WHY, Payload
from joblineage.export.view import Job, Thing, View
from joblineage.store import FOLDER, digest

CONTEXT = "https://w3id.org/ro/terms/workflow-run/context"
"""Of sha256, environment and resourceUsage."""
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
SNAKEFILE, LOCK, SCRIPTS = "Snakefile", "requirements.lock", "workflow_scripts/"
SNAKEMAKE = "https://snakemake.github.io"
COMPLETED = "http://schema.org/CompletedActionStatus"
TYPES = {".csv": "text/csv", ".html": "text/html", ".md": "text/markdown", ".py": "text/x-python", ".png": "image/png"}
TYPES |= {".npz": "application/octet-stream", ".parquet": "application/vnd.apache.parquet"}
TYPES |= {f".{kind}": f"application/{kind}" for kind in ("json", "yaml", "zip")}
"""Of files by their ending; text for any other."""
UNIT = "https://qudt.org/vocab/unit"
UNITS = {"seconds": "SEC", "cpu_seconds": "SEC", "peak_mb": "MebiBYTE", "peak_gpu_mb": "MebiBYTE"}
"""Of what a record says about a job's cost."""


class Description:
    """What a crate with these files says of itself, of each of them, and of the jobs and the run that made them."""

    def __init__(self, view: View, held: Payload):
        self.view, self.held = view, held
        self.sums = {path: digest(data) for path, data in held.files.items()}
        self.version = (", ".join(view.commits) or "unknown") + (" with changes" if view.dirty else "")
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_contexts.append(CONTEXT)

    def written(self) -> dict[str, Any]:
        """The JSON-LD, entities by their id."""
        self._root()
        self.flow = self._files()
        self._run([self._job(job) for job in self.view.jobs])
        document: dict[str, Any] = self.crate.metadata.generate()
        document["@graph"] = sorted(map(_plain, document["@graph"]), key=lambda entity: str(entity["@id"]))
        return document

    def _add(self, id_: str, kind: str, /, **properties: Any) -> Entity:
        """The entity of that id; made where there is none."""
        id_ = id_ if id_.startswith("http") else quote(id_, safe="#/=")
        entity = ContextEntity(self.crate, id_, properties={"@type": kind, **properties})
        return self.crate.dereference(id_) or self.crate.add(entity)

    def _file(self, path: str) -> Entity:
        """The file of that path, where it is in the crate."""
        return self.crate.dereference(quote(path))

    def _thing(self, thing: Thing) -> Entity:
        """The file in the crate; for another what is known of it. The manifest stands for the raw files."""
        if thing.count:
            return self._file(MANIFEST)
        if self.sums.get(thing.path) == thing.sha256:
            return self._file(thing.path)
        why = self.held.absent.get(thing.path, ("", 0, "names"))[2]
        about = {"name": thing.path, "sha256": thing.sha256, "contentSize": str(thing.size)}
        return self._add(f"#absent/{thing.path}", "CreativeWork", **about, description=f"not in this crate: {WHY[why]}")

    def _value(self, id_: str, name: str, value: Any, **more: str) -> Entity:
        """A value by its name; what JSON writes with brackets, as JSON."""
        text = value if isinstance(value, str | int | float | bool) else json.dumps(value, sort_keys=True)
        return self._add(id_, "PropertyValue", name=name, value=text, **more)

    def _bioschemas(self, name: str) -> Entity:
        uri = f"https://bioschemas.org/profiles/{name}/1.0-RELEASE"
        return self._add(uri, "CreativeWork", name=name, version="1.0")

    def _completed(self, user: str | None, time: dict[str, Any]) -> dict[str, Any]:
        """What every finished action has: who did it, by the name of the login, and when."""
        agent = self._add(f"#agent/{user or 'unknown'}", "Person", name=user or "unknown")
        when = {"startTime": _moment(time["start"]), "endTime": _moment(time["end"])}
        return {"agent": agent, "actionStatus": COMPLETED, **when}

    def _root(self) -> None:
        end = _moment(self.view.run["time"]["end"])
        nobody = self._add("#unknown", "Organization", name="unknown", description="Nobody has been named.")
        nobody["url"] = nobody
        data = self.crate.root_dataset
        data["name"] = self.view.store.study.title
        data["description"] = (
            f"Code, parameters, environment, lineage records and small results of the run that ended at {end}. "
            f"{len(self.held.absent)} files are not in it: {MANIFEST} has their sha256 and says why."
        )
        data["datePublished"], data["identifier"] = end, self.view.run_id
        data["author"] = data["publisher"] = nobody
        data["conformsTo"] = [
            self._add(uri, "CreativeWork", name=name, version=version) for uri, (name, version) in PROFILES.items()
        ]
        said = "Nobody has said under which licence these results may be used. That of the code is in LICENSE."
        data["license"] = self._add("#licence", "CreativeWork", name="unknown", description=said)

    def _files(self) -> Entity:
        """Every file with its hash; the Snakefile is the workflow, which is returned."""
        for path, data in sorted(self.held.files.items()):
            about: dict[str, Any] = {"name": path, "sha256": self.sums[path], "contentSize": str(len(data))}
            about["encodingFormat"] = TYPES.get(PurePosixPath(path).suffix, "text/plain")
            if path == SNAKEFILE or path.startswith(SCRIPTS):
                about |= {"@type": ["File", "SoftwareSourceCode"], "version": self.version, "url": {"@id": quote(path)}}
            if path.startswith(COPIES):
                name = path.removeprefix(COPIES)
                about["description"] = f"copy of {name} with pseudonyms and its rows in another order"
            if path == SNAKEFILE:
                about["@type"] += ["ComputationalWorkflow", "HowTo"]
                flow = self.crate.add_workflow(dest_path=path, main=True, lang="snakemake", properties=about)
                flow["conformsTo"] = self._bioschemas("ComputationalWorkflow")
            else:
                self.crate.add_file(dest_path=path, properties=about)
        raw = self.view.raw
        self._file(MANIFEST)["description"] = (
            f"sha256 and size of the files that are not here, and why; among them {raw.count} raw files ({raw.size} bytes)"
        )
        if LOCK in self.sums:
            flow["softwareRequirements"] = lock = self._file(LOCK)
            lock["description"] = "every package of the environment with version and hashes; there is no container"
        self._file(README)["about"] = self.crate.root_dataset
        return flow

    def _things(self, job: Job, side: str, pairs: Iterable[tuple[str, Thing]], tool: Entity) -> list[Entity]:
        """Entities of a job's files, as examples of its rule's formal parameters."""
        entities = {}
        for role, thing in pairs:
            entity = self._thing(thing)
            here = (
                entity if entity.type != "CreativeWork" else self._file(MANIFEST)
            )  # only what is in a crate is an example
            self._formal(job.rule, side, role, "File", tool, here)
            entities[entity.id] = entity
        return list(entities.values())

    def _formal(self, rule: str, side: str, name: str, kind: str, tool: Entity, example: Entity) -> None:
        about = {"name": name, "additionalType": kind, "conformsTo": self._bioschemas("FormalParameter")}
        formal = self._add(f"#{side}/{rule}/{name}", "FormalParameter", **about)
        for entity, where in ((tool, "output" if side == "out" else "input"), (example, "exampleOfWork")):
            if formal not in entity.get(where, []):
                entity.append_to(where, formal)

    def _tool(self, job: Job) -> Entity:
        """The rule's script, with the modules that it loads."""
        sources = [self._thing(thing) for _, thing in job.code]
        tool = next((source for source in sources if source.id.startswith(SCRIPTS)), None)
        if tool is None:
            tool = self._add(f"#tool/{job.rule}", "SoftwareSourceCode", name=job.rule, version=self.version)
            tool["url"] = tool
        if "hasPart" not in tool:
            tool["hasPart"] = [source for source in sources if source is not tool and source.id != LOCK]
            if LOCK in self.sums:
                tool["softwareRequirements"] = self._file(LOCK)
            self.flow.append_to("hasPart", tool)
        return tool

    def _job(self, job: Job) -> Entity:
        record, tool, cost, short = job.record, self._tool(job), job.record["time"], job.id[:16]
        used = self._things(job, "in", job.used, tool)
        for name, value in self.view.names.shown(record["params"]["values"]).items():
            used.append(self._value(f"#value/{short}/{name}", name, value))
            self._formal(job.rule, "parameter", name, "PropertyValue", tool, used[-1])
        outputs = self._things(job, "out", job.made, tool)
        outputs += [self._value(f"#metric/{short}/{name}", name, value) for name, value in record["metrics"].items()]
        machine = record["hardware"]
        surroundings = {**record["determinism"]["threads"], "PYTHONHASHSEED": record["determinism"]["hash_seed"]}
        surroundings |= {"sha256 of the environment": record["environment"], "git commit": record["code"]["commit"]}
        kept = self._file(f"{FOLDER}/objects/{record['environment']}")
        if kept is not None:
            kept["description"] = "Python, system and version of every installed package"
        about = {"name": job.name, "identifier": job.id, "instrument": tool, "object": used, "result": outputs}
        about["description"] = (
            f"{job.name}, {cost['seconds']} s on {cost['device']} ({machine['cpu']}, {machine['cores']} cores, "
            f"{machine['ram_mb']} MB); status {record['status']}; unknown: {', '.join(record['unknown']) or 'nothing'}"
        )
        view = [(name, value) for name, value in surroundings.items() if value]
        about["environment"] = [self._value(f"#environment/{name}={value}", name, value) for name, value in view]
        about["resourceUsage"] = [
            self._value(f"#cost/{short}/{name}", name, cost[name], unitCode=f"{UNIT}/{unit}", propertyID=name)
            for name, unit in UNITS.items()
        ]
        return self._add(f"#record-{job.id}", "CreateAction", **about, **self._completed(record["agent"]["user"], cost))

    def _run(self, actions: list[Entity]) -> None:
        """The workflow's own action, its steps, and Snakemake that organised them."""
        study, first, run_id = self.view.store.study, self.view.jobs[0].record["agent"], self.view.run_id
        files = [self._file(path) for path in (study.settings, MANIFEST) if path in self.held.files]
        products = [self._file(path) for path in sorted(self.held.files) if path.startswith(study.products)]
        for side, group in (("in", files), ("out", products)):
            for file in group:
                self._formal(
                    "study", side, "settings" if file.id == study.settings else "files", "File", self.flow, file
                )
        completed = self._completed(first["user"], self.view.run["time"])
        about = {
            "name": "The study",
            "identifier": run_id,
            "instrument": self.flow,
            "object": files,
            "result": products,
        }
        about["description"] = f"{len(self.view.run['executed'])} jobs executed, {len(self.view.run['reused'])} reused"
        run = self._add(f"#run-{run_id}", "CreateAction", **about, **completed)
        controls: list[Entity] = []
        steps: dict[str, Entity] = {}
        for job, action in zip(self.view.jobs, actions, strict=True):
            step = self._add(f"{SNAKEFILE}#{job.rule}", "HowToStep", name=job.rule, position=str(len(steps)))
            step["workExample"] = action["instrument"]
            steps[step.id] = step
            control = f"#step-{job.id}", "ControlAction"
            controls.append(self._add(*control, name=f"step {job.name}", instrument=step, object=action))
        self.flow["step"] = list(steps.values())
        version = first["snakemake"]
        engine = self._add(SNAKEMAKE, "SoftwareApplication", name="Snakemake", url=SNAKEMAKE, softwareVersion=version)
        about = completed | {"name": f"Snakemake {version}", "instrument": engine, "object": controls, "result": run}
        self._add("#organised", "OrganizeAction", **about)
        self.crate.root_dataset["mentions"] = [run, *actions]


def _moment(text: str) -> str:
    """A moment as the profile wants it, "2026-11-25T12:00:00.000+00:00"."""
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds")


def _plain(entity: dict[str, Any]) -> dict[str, Any]:
    """An entity whose lists of one are that one, as RO-Crate wants it."""
    return {
        name: value[0] if isinstance(value, list) and len(value) == 1 and name != "@type" else value
        for name, value in entity.items()
    }
