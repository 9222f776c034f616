"""`blemore bundle`, `blemore predict` and `blemore serve`.

Imports stand inside the commands: `blemore --help` must not wait for torch.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from joblineage.files import check_output
from joblineage.telling import say, say_json

if TYPE_CHECKING:
    from blemore.predict.answers import Predictions
    from blemore.predict.bundle import Bundle

TABLES = (".json", ".csv", ".parquet")


def bundle(
    out: Annotated[Path, typer.Argument(help="The folder to make.")],
    study: Annotated[Path, typer.Option(help="The finished study's folder.")] = Path(),
) -> None:
    """Pack a finished study into one folder that judges new clips: weights, heads, fusion, decoder, model card; no clip."""
    from blemore.audit.root import last_run
    from blemore.predict.contents import CARD
    from blemore.predict.making import make_bundle

    make_bundle(study, out, last_run(study), lambda done: say(f"  {done}", err=True))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    say(f"{out}: {size / 1e6:.0f} MB; read {out / CARD} before you hand it on: licences, scores, limits")


def predict(
    clips: Annotated[list[Path], typer.Argument(help="Video files, or folders of them.")],
    study: Annotated[Path | None, typer.Option(help="A finished study's folder; its bundle is made once.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="A folder that `blemore bundle` made.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the answers here: .json, .csv or .parquet; with --every .csv, .parquet, .eaf or .TextGrid."
        ),
    ] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the answers here (.png).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    person: Annotated[
        str | None, typer.Option(help="All clips show this one person: decide them together, too.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="What that assumes: `balanced`, together they show the study's mix of emotions.")
    ] = None,
    every: Annotated[
        float | None, typer.Option(help="For a long recording: judge a window every so many seconds.")
    ] = None,
    window: Annotated[float, typer.Option(help="Length of a window, s.")] = 2.0,
) -> None:
    """Say which emotions clips show, and how probable that is. Nothing is sent anywhere. Exit code 1 where a clip has no answer."""
    from blemore.predict.bundle import Bundle
    from blemore.predict.exports import ENDINGS

    _check_source(study, bundle)
    if every is not None and (len(clips) != 1 or person or schedule or as_json):
        raise typer.BadParameter("--every takes one recording, and neither --person nor --json")
    check_output(out, TABLES if every is None else ENDINGS, *clips)
    check_output(picture, (".png",), *clips)
    used = Bundle.load(_folder(study, bundle))
    _tell_cost(used)
    if every is not None:
        _over_time(used, clips[0], every, window, out, picture)
        return
    predictions = used.predict(clips, person=person, schedule=schedule)
    if out is not None:
        _write(predictions, out)
    if picture is not None:
        from blemore.predict.drawing import draw_predictions, save_picture

        save_picture(draw_predictions(predictions), picture)
    if as_json:
        say_json(predictions.to_json())
    else:
        say(*predictions.text())
    if predictions.failed:
        say(f"{len(predictions.failed)} of {len(predictions.answers)} clip(s) have no answer", err=True, fg="red")
        raise typer.Exit(1)


def serve(
    study: Annotated[Path | None, typer.Option(help="A finished study's folder; its bundle is made once.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="A folder that `blemore bundle` made.")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any other than the default is open to others.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.", min=1, max=65535)] = 8000,
    megabytes: Annotated[float, typer.Option(help="Most that may be sent at once, MB.", min=0.001)] = 500.0,
    minutes: Annotated[
        float, typer.Option(help="Most that sending, or judging, clips may take, min.", min=0.01)
    ] = 60.0,
    waiting: Annotated[int, typer.Option(help="Most requests that may wait for their turn.", min=0)] = 8,
) -> None:
    """A local page to try a study on: drop clips or record one. Nothing is stored, and nothing leaves this machine."""
    from blemore.predict.serve.run import run

    _check_source(study, bundle)
    try:
        run(_folder(study, bundle), host=host, port=port, megabytes=megabytes, minutes=minutes, waiting=waiting)
    except KeyboardInterrupt:
        say("ended", err=True)


def _check_source(study: Path | None, bundle: Path | None) -> None:
    if (study is None) == (bundle is None):
        raise typer.BadParameter("give --bundle FOLDER or --study FOLDER")


def _folder(study: Path | None, bundle: Path | None) -> Path:
    """The bundle's folder; that of a study is made where it is not there."""
    return bundle if bundle is not None else _of_study(study or Path())


def _of_study(study: Path) -> Path:
    """The bundle of a study, in its cache; made again after another run."""
    from blemore.audit.root import last_run
    from blemore.predict.contents import ABOUT
    from blemore.predict.making import make_bundle
    from joblineage.files import read_json

    place, run = study / "cache/bundle", last_run(study)
    if run is None or not (place / ABOUT).is_file() or read_json(place / ABOUT)["lineage"] != run:
        say("the study's bundle is made first:", err=True)
        shutil.rmtree(place, ignore_errors=True)
        make_bundle(study, place, run, lambda done: say(f"  {done}", err=True))
    return place


def _tell_cost(used: "Bundle") -> None:
    from blemore.predict.cost import seconds_per_clip
    from joblineage.progress import spoken

    seconds, unknown = seconds_per_clip(used.contents)
    more = f", and what {', '.join(unknown)} take, which was not measured" if unknown else ""
    said = spoken(seconds) if seconds >= 1 else "1 s or less"
    say(f"About {said} of one CPU core for each clip or window of 4 s{more}.", err=True)


def _over_time(
    used: "Bundle", recording: Path, every: float, window: float, out: Path | None, picture: Path | None
) -> None:
    from blemore.predict.exports import tiers, write_timeline

    timeline = used.timeline(recording, every=every, window=window)
    if out is not None:
        write_timeline(timeline, out)
    if picture is not None:
        from blemore.predict.drawing import draw_timeline, save_picture

        save_picture(draw_timeline(timeline), picture)
    said = tiers(timeline)
    for (start, end, text), (*_, chance) in zip(said["answer"], said["p_presence"], strict=True):
        say(f"{start:8.2f} to {end:8.2f} s  {text}, right with {chance}")


def _write(predictions: "Predictions", out: Path) -> None:
    from blemore.tables import write_csv, write_table
    from joblineage.files import write_json

    ending = out.suffix.lower()
    if ending == ".json":
        write_json(out, predictions.to_json())
    else:
        (write_csv if ending == ".csv" else write_table)(predictions.table(), out)
