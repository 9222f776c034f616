"""The metadata of a crate: OrganizeAction > ControlAction > CreateAction, one of these a job, beside files and tools."""

from collections.abc import Iterable
from typing import Any

from rocrate.model.entity import Entity

from joblineage.export.entities import BIOSCHEMAS, LOCK, SCRIPTS, SNAKEFILE, Entities, moment
from joblineage.export.payload import MANIFEST
from joblineage.export.told import Job, Thing
from joblineage.store import FOLDER

COMPLETED = "http://schema.org/CompletedActionStatus"
UNITS = {
    "seconds": "https://qudt.org/vocab/unit/SEC",
    "cpu_seconds": "https://qudt.org/vocab/unit/SEC",
    "peak_mb": "https://qudt.org/vocab/unit/MebiBYTE",
    "peak_gpu_mb": "https://qudt.org/vocab/unit/MebiBYTE",
}
"""Of what a record says about a job's cost."""


class Description(Entities):
    """The jobs and the run, beside the files."""

    def written(self) -> dict[str, Any]:
        """The JSON-LD, entities by their id."""
        self._run([self._job(job) for job in self.told.jobs])
        return self.graph()

    def _things(self, job: Job, side: str, pairs: Iterable[tuple[str, Thing]], tool: Entity) -> list[Entity]:
        """Entities of a job's files, as examples of its rule's formal parameters."""
        found = {}
        for role, thing in pairs:
            one = self.thing(thing)
            here = one if one.type != "CreativeWork" else self.file(MANIFEST)  # only what is in a crate is an example
            self._formal(job.rule, side, role, "File", tool, here)
            found[one.id] = one
        return list(found.values())

    def _formal(self, rule: str, side: str, name: str, kind: str, tool: Entity, example: Entity) -> None:
        name_of = f"#{side}/{rule}/{name}"
        formal = self.add(
            name_of,
            "FormalParameter",
            name=name,
            additionalType=kind,
            conformsTo=self.add(
                f"{BIOSCHEMAS}/FormalParameter/1.0-RELEASE", "CreativeWork", name="FormalParameter", version="1.0"
            ),
        )
        for one, where in ((tool, "output" if side == "out" else "input"), (example, "exampleOfWork")):
            if formal not in one.get(where, []):
                one.append_to(where, formal)

    def _tool(self, job: Job) -> Entity:
        """The rule's script, with the modules that it loads."""
        sources = [self.thing(thing) for _, thing in job.code]
        script = next((one for one in sources if one.id.startswith(SCRIPTS)), None)
        if script is None:
            script = self.add(f"#tool/{job.rule}", "SoftwareSourceCode", name=job.rule, version=self.version)
            script["url"] = script
        tool = script
        if "hasPart" not in tool:
            tool["hasPart"] = [one for one in sources if one is not tool and one.id != LOCK]
            if LOCK in self.sums:
                tool["softwareRequirements"] = self.file(LOCK)
            self.flow.append_to("hasPart", tool)
        return tool

    def _job(self, job: Job) -> Entity:
        record, tool, cost = job.record, self._tool(job), job.record["time"]
        action = self.add(f"#record-{job.id}", "CreateAction", name=job.name)
        used = self._things(job, "in", job.used, tool)
        for name, value in self.told.names.shown(record["params"]["values"]).items():
            given = self.value(f"#value/{job.id[:16]}/{name}", name, value)
            self._formal(job.rule, "parameter", name, "PropertyValue", tool, given)
            used.append(given)
        made = self._things(job, "out", job.made, tool)
        made += [self.value(f"#metric/{job.id[:16]}/{name}", name, value) for name, value in record["metrics"].items()]
        machine = record["hardware"]
        action["description"] = (
            f"{job.name}, {cost['seconds']} s on {cost['device']} ({machine['cpu']}, {machine['cores']} cores, "
            f"{machine['ram_mb']} MB); status {record['status']}; unknown: {', '.join(record['unknown']) or 'nothing'}"
        )
        action["identifier"] = job.id
        action["startTime"], action["endTime"] = moment(cost["start"]), moment(cost["end"])
        action["actionStatus"] = COMPLETED
        action["instrument"], action["agent"] = tool, self.agent(record["agent"]["user"])
        action["object"], action["result"] = used, made
        surroundings = {**record["determinism"]["threads"], "PYTHONHASHSEED": record["determinism"]["hash_seed"]}
        surroundings |= {"sha256 of the environment": record["environment"], "git commit": record["code"]["commit"]}
        action["environment"] = [
            self.value(f"#environment/{name}={value}", name, value) for name, value in surroundings.items() if value
        ]
        action["resourceUsage"] = [
            self.value(f"#cost/{job.id[:16]}/{name}", name, cost[name], unitCode=unit, propertyID=name)
            for name, unit in UNITS.items()
        ]
        kept = self.file(f"{FOLDER}/objects/{record['environment']}")
        if kept is not None:
            kept["description"] = "Python, system and version of every installed package"
        return action

    def _run(self, actions: list[Entity]) -> None:
        """The workflow's own action, its steps, and Snakemake that organised them."""
        study, time, first = self.told.store.study, self.told.run["time"], self.told.jobs[0].record["agent"]
        agent = self.agent(first["user"])
        run = self.add(f"#run-{self.told.run_id}", "CreateAction", name="The study")
        files = [self.file(path) for path in (study.settings, MANIFEST) if path in self.held.files]
        made = [self.file(path) for path in sorted(self.held.files) if path.startswith(study.products)]
        for side, group in (("in", files), ("out", made)):
            for one in group:
                self._formal("study", side, "settings" if one.id == study.settings else "files", "File", self.flow, one)
        run["description"] = f"{len(self.told.run['executed'])} jobs executed, {len(self.told.run['reused'])} reused"
        run["identifier"] = self.told.run_id
        run["instrument"], run["agent"], run["actionStatus"] = self.flow, agent, COMPLETED
        run["startTime"], run["endTime"] = moment(time["start"]), moment(time["end"])
        run["object"], run["result"] = files, made
        controls: list[Entity] = []
        steps: dict[str, Entity] = {}
        for job, action in zip(self.told.jobs, actions, strict=True):
            step = self.add(f"{SNAKEFILE}#{job.rule}", "HowToStep", name=job.rule, position=str(len(steps)))
            step["workExample"] = action["instrument"]
            steps[step.id] = step
            control = self.add(f"#step-{job.id}", "ControlAction", name=f"step {job.name}")
            control["instrument"], control["object"] = step, action
            controls.append(control)
        self.flow["step"] = list(steps.values())
        engine = self.add(
            "https://snakemake.github.io",
            "SoftwareApplication",
            name="Snakemake",
            url="https://snakemake.github.io",
            softwareVersion=first["snakemake"],
        )
        organised = self.add("#organised", "OrganizeAction", name=f"Snakemake {first['snakemake']}")
        organised["instrument"], organised["agent"], organised["actionStatus"] = engine, agent, COMPLETED
        organised["object"], organised["result"] = controls, run
        organised["startTime"], organised["endTime"] = run["startTime"], run["endTime"]
        self.crate.root_dataset["mentions"] = [run, *actions]
