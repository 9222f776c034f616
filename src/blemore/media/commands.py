"""`blemore media ...`: clips looked at before a study begins.

Exit codes: 0 every file could be used, 1 some would be set aside.
Imports stand inside the commands: `blemore --help` must be fast.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from joblineage.errors import MissingDataError
from joblineage.telling import say, say_json

app = typer.Typer(help="Check video files before a study is run.", no_args_is_help=True)


@app.callback()
def _media() -> None:
    pass


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Video files.", show_default=False)],
    params: Annotated[Path, typer.Option(help="The study's parameters (media.samples).")] = Path("params.yaml"),
    sheet: Annotated[
        Path | None, typer.Option(help="Write a picture: crops, landmarks, sound, the piece.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Check files as a run would: usable or set aside and why, what is unusual about each, who is seen and heard."""
    from blemore.media.check import check_files
    from blemore.params.check import read_params
    from joblineage.files import not_over

    absent = [f"no file {path}" for path in files if not path.is_file()]
    if absent:
        raise MissingDataError("media check", absent)
    not_over(sheet, *files)
    options = read_params(params)["media"]["samples"]
    checked = check_files(files, options)
    probes = {path: rows["probe"][0] for path, rows in checked.items()}
    if as_json:
        say_json(probes)
    else:
        for path, probe in probes.items():
            say(path, *_lines(probe))
    if sheet is not None:
        _write_sheet(checked, sheet, options["piece"]["seconds"])
    if any(probe["quarantine"] for probe in probes.values()):
        raise typer.Exit(1)


def _lines(probe: dict[str, Any]) -> list[str]:
    """Lines about one file, indented."""
    from blemore.tables import remarks_of

    if probe["quarantine"]:
        lines = [f"SET ASIDE: {probe['quarantine']}"]
    else:
        heard = "no sound" if probe["good_sound"] is None else f"sound {probe['good_sound']:.0%}"
        size = f"{probe['width']} x {probe['height']}, {probe['fps']:.3g} fps, {probe['duration']:.2f} s"
        seen = f"{probe['faces']} face(s), on {probe['face_share']:.0%} of the samples"
        lines = [f"usable: {size}; pictures {probe['good_pictures']:.0%}, {heard}; {seen}"]
    return [f"  {line}" for line in [*lines, *(f"- {remark}" for remark in remarks_of(probe))]]


def _write_sheet(checked: dict[str, Any], path: Path, seconds: float) -> None:
    import cv2

    from blemore.media.check import sheet
    from joblineage.files import whole_file

    picture = cv2.cvtColor(sheet(checked, seconds), cv2.COLOR_RGB2BGR)
    with whole_file(path) as temporary:
        Path(temporary).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
