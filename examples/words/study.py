"""What the library must know of this project, and its command line: `python study.py verify`."""

from joblineage.commands.app import commands
from joblineage.study import Study

STUDY = Study(
    title="Which of two texts a line comes from",
    files=("params.yaml", "Snakefile", "dvc.yaml", "profiles/*/*.yaml"),
    sources=("Snakefile", "workflow_scripts", "params.yaml"),
    modules=("study.py",),
    copied=("Snakefile", "params.yaml", "study.py", "profiles", "workflow_scripts"),
    headline_rule="judge",
)

if __name__ == "__main__":
    commands(STUDY)()
