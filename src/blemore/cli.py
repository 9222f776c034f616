"""`blemore ...`: the study's own functions, for people and their own tables.

Exit codes: 0 done, 1 the data is wrong or not there (the message says what and where), 2 the command was called wrongly.
Imports stand inside the commands: `blemore --help` must not wait for pandas. Some commands need more than `pip install
blemore` brings: they say which extra brings it.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from blemore.api.commands import check_submission, decode, decoder, enroll, evaluate, score, thresholds
from blemore.api.encoders import encoders
from blemore.api.features import app as features_app
from blemore.audit.commands import find, leaks, report, withdraw
from blemore.challenge.uploads.commands import app as submission_app
from blemore.datasets.commands import app as data_app
from blemore.evaluate.layers.commands import layers
from blemore.gemini.commands import app as gemini_app
from blemore.media.commands import app as media_app
from blemore.planning.commands import plan
from blemore.predict.commands import bundle, predict, serve
from blemore.report.commands import app as report_app
from blemore.simulation.commands import app as simulation_app
from blemore.study import STUDY
from blemore.weights.commands import app as weights_app
from joblineage.commands.app import commands, recover
from joblineage.errors import DataError
from joblineage.progress import never_fail_to_print
from joblineage.telling import Plain, say

AUDIT = {"cryptography", "dvc", "dvc_data", "filelock", "google", "in_toto_attestation", "jinja2", "jsonschema"}
AUDIT |= {"markupsafe", "psutil", "rfc8785", "rocrate", "snakemake", "yaml"}
"""Modules that the extra `audit` brings; all others come with `study`."""

OWN_EXTRAS = (["predict"], ["serve"])
"""Commands that an extra of their name is enough for, on a bundle."""

app = typer.Typer(
    name="blemore",
    help="Blended emotions in short videos: score, decide and check, with the challenge's own rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@data_app.callback()
def _data(context: typer.Context) -> None:
    if context.invoked_subcommand == "import":
        from blemore.audit.withdrawal.shortened import refuse_shortened

        refuse_shortened(Path())


app.add_typer(data_app, name="data")
app.add_typer(media_app, name="media")
app.add_typer(features_app, name="features")
app.add_typer(weights_app, name="weights")
app.add_typer(gemini_app, name="gemini")
app.add_typer(submission_app, name="submission")
app.add_typer(report_app, name="report")
app.add_typer(simulation_app, name="simulate")
app.add_typer(commands(STUDY, find, leaks, report), name="lineage")
app.command(context_settings={"obj": STUDY})(recover)
for command in (
    score,
    encoders,
    evaluate,
    thresholds,
    decoder,
    decode,
    enroll,
    check_submission,
    plan,
    layers,
    bundle,
    predict,
    serve,
    withdraw,
):
    app.command()(command)

Workspace = Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")]


@app.command()
def summary(workspace: Workspace = Path()) -> None:
    """What the finished study made, where, and its out-of-fold scores."""
    from blemore.study import summary

    if not (workspace / "results/submission/submission.json").is_file():
        say("no finished study here: `snakemake submission` (or `make submission`) makes it", err=True)
        raise typer.Exit(1)
    say(*summary(workspace))


def other_clone(workspace: Path) -> str | None:
    """A sentence where this command is of another clone than the study's folder, whose own code is another one.

    Parameters
    ----------
    workspace : the folder that the command is called in.
    """
    here, own = workspace.resolve() / "src", Path(__file__).resolve().parents[1]
    if here == own or not (here / "blemore/cli.py").is_file():
        return None
    from joblineage.capture import differ

    if not differ(own, here, "blemore", "joblineage"):
        return None
    return (
        f"Note: this `blemore` runs the code in {own}, where its environment was made; the study in this folder has code of "
        "its own, which Snakemake runs. `make .venv/runtime` makes an environment here; `PYTHONPATH=src blemore ...` takes "
        "this folder's code once."
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; faults of the data end it with a message and exit code 1, never with a traceback."""
    called = list(sys.argv[1:] if arguments is None else arguments)
    never_fail_to_print()
    if logging.lastResort:  # what a command says beside its work
        logging.lastResort.setFormatter(Plain("%(message)s"))
    if note := other_clone(Path()):
        say(note, err=True)
    try:
        app(called, prog_name="blemore")
    except DataError as error:
        _fail(*str(error).split("\n"))
    except OSError as error:
        _fail(f"{error.filename or 'blemore'}: {error.strerror or error}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "blemore", "joblineage"):
            raise
        extra = (
            called[0]
            if called[:1] in OWN_EXTRAS and "--study" not in called
            else "audit"
            if called[:1] in (["lineage"], ["withdraw"]) and missing in AUDIT
            else "study"
        )
        _fail(f"{missing} is not installed, which this command needs: pip install 'blemore[{extra}]'")


def _fail(*lines: str) -> None:
    say(*lines, err=True, fg="red")
    sys.exit(1)


if __name__ == "__main__":
    main()
