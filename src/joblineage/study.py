"""What the library must know of a project. One object, made by the project itself; every field has a usual value."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from joblineage.graph import Graph
    from joblineage.outcome import Outcome
    from joblineage.store import Store
    from joblineage.verdict import Finding

Checked = tuple[list["Finding"], list[str]]
"""Findings, and notes on what is no fault or could not be checked."""
Checker = Callable[[Path, "Graph", set[str], str | None, list["Finding"]], Checked]
"""Called with the study's folder, its graph, the ids of the records asked about, the file whose chain they are (None:
all), and what was found so far."""


@dataclass(frozen=True)
class Study:
    """A project, as far as the library knows it. Paths and patterns count from the project's folder.

    Parameters
    ----------
    title : str
        What the project is, for those who find an export of it.
    command : str
        What is typed before a command of the library, such as "python study.py".
    target : str
        Snakemake's target that makes the whole study.
    settings : str
        The file of parameters.
    files : sequence of str
        Patterns of the files that decide which jobs there are; each run keeps a copy.
    sources : sequence of str
        Files and folders of source code that the stages of dvc.yaml depend on.
    modules : sequence of str
        Files and packages of Python that its processes may import, scripts of rules aside. Nothing else may lie in src/
        then.
    variables : mapping of str to str
        Environment variables that its runs set, where they are not set already.
    raw : str
        Folder of data from outside, and of what is made in their place.
    results : sequence of str
        Patterns of what an export may hold.
    private : sequence of str
        Patterns of what it never holds.
    outside : sequence of str
        Patterns of what is not the project's to hand on.
    made : str
        Folder of all that jobs make.
    products : str
        Folder of the files for whose sake the study is run.
    volatile : str or None
        YAML file with the list `volatile`: patterns of files with times, hosts or costs, in which two equal runs may
        differ.
    shared : sequence of str
        Folders that a replay links to.
    copied : sequence of str
        Files and folders that it copies.
    headline_rule : str
        The rule whose record holds the study's headline.
    called : mapping of str to str
        {rule: what its jobs are called, in one word}, where that is not "job".
    entries : (str, sequence of str) or None
        Key of the settings that lists entries by name, and the wildcards that take such a name.
    other_data : str or None
        Key of the settings that chooses other raw data.
    absent : callable
        Whether the settings say that what goes to the remote "private" is not here.
    checkers : sequence of callable
        What `verify` checks besides.
    names : callable
        Words that an export must not tell, such as those of people.
    headline : callable
        The numbers of a record's `metrics` under which two runs are compared; may add to them.
    divide : callable or None
        Divides the change of the headline between two runs over its causes, given the comparison's outcome and how many
        other seeds to try; gives something with `lines()` and `as_dict()`.
    near : callable
        How near two files are that should be equal and were made on different machines; None: not near.
    """

    title: str = "A Snakemake study"
    command: str = "python study.py"
    target: str = "all"
    settings: str = "params.yaml"
    files: Sequence[str] = (
        *("params.yaml", "Snakefile", "dvc.yaml", "requirements.lock"),
        *("rules/*.smk", "profiles/*/*.yaml"),
    )
    sources: Sequence[str] = ("Snakefile", "rules", "src", "workflow_scripts", "requirements.lock")
    modules: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    raw: str = "data/"
    results: Sequence[str] = ("results/",)
    private: Sequence[str] = ("data/",)
    outside: Sequence[str] = ()
    made: str = "results/"
    products: str = "results/"
    volatile: str | None = None
    shared: Sequence[str] = ("data", "results")
    copied: Sequence[str] = ("Snakefile", "params.yaml", "rules", "src", "workflow_scripts")
    headline_rule: str = ""
    called: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[str, Sequence[str]] | None = None
    other_data: str | None = None
    absent: Callable[[Mapping[str, Any]], bool] = lambda settings: False
    checkers: Sequence[Checker] = ()
    names: Callable[["Store"], frozenset[str]] = lambda store: frozenset()
    headline: Callable[[Mapping[str, float]], dict[str, float]] = dict
    divide: Callable[["Outcome", int], Any] | None = None
    near: Callable[[Path, Path], str | None] = lambda recorded, made: None
