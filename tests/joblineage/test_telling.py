"""Whatever a file, a cell or a service is called, a terminal and a log show it as text, and nothing else."""

import json
import logging
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from joblineage.errors import DataError, MissingDataError, escaped
from joblineage.telling import Plain, plain_console, say, say_json

CLEAR, TURN, FORGED = "a\x1b[2Jb", "a\u202egpj.exe", "clip.mov\nOK: 12 records"
HOSTILE = (CLEAR, TURN, FORGED, "\x9b2J", "\r", "\x07", "\u2028", "\udcff", "\U000e0041")


def harmless(text: str) -> bool:
    return all(one.isprintable() or one == "\n" or unicodedata.category(one) == "Zs" for one in text)


@given(st.text(st.characters(codec=None)))
def test_no_text_holds_more_than_text_when_it_is_shown(text: str) -> None:
    assert harmless(escaped(text))
    assert "\n" not in escaped(text)
    assert escaped(escaped(text)) == escaped(text)
    escaped(text).encode()


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_letters_signs_and_blanks_of_every_script_stay(text: str) -> None:
    assert escaped(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_messages_tables_and_logs_show_escapes(text: str, capsys) -> None:
    say(f"Ignored: {text}", err=True)
    say(str(DataError(text, [text])), fg="red")
    table = Table("name")
    table.add_row(f"[/] {text}")
    plain_console(width=200).print(table)
    record = logging.LogRecord("", logging.INFO, "", 0, "clip %s", (text,), None)
    shown = capsys.readouterr()
    assert harmless(shown.out + shown.err + Plain("%(message)s").format(record))
    assert "[/]" in shown.out
    assert shown.err.count("\n") == 1


def test_a_line_feed_in_a_fault_forges_no_line_and_advice_in_lines_stays() -> None:
    assert str(DataError("t.csv", [FORGED])).splitlines() == ["t.csv: 1 fault(s)", r"  - clip.mov\nOK: 12 records"]
    assert str(MissingDataError("data", [f"1. get it\n2. run {CLEAR}"])).splitlines()[1:] == [
        "  - 1. get it",
        r"2. run a\u001b[2Jb",
    ]


@given(st.dictionaries(st.text(), st.text()))
def test_json_stays_json(value: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: lines.append(text))
        say_json(value)
    assert json.loads("\n".join(lines)) == value
    assert harmless(lines[0])


def test_a_failed_jobs_log_and_what_the_run_says_of_it_hold_no_escape(tmp_path: Path) -> None:
    from joblineage.job import FAILED, _message, failure

    log = tmp_path / "job.log"
    handler = logging.FileHandler(log, mode="w", encoding="utf-8", errors="strict")
    handler.setFormatter(Plain("%(levelname)s %(message)s"))
    for error in (OSError(2, "No such file", FORGED), ValueError(CLEAR), DataError(CLEAR, [FORGED])):
        told = logging.LogRecord("", logging.ERROR, "", 0, "%s%s", (FAILED, _message(error)), None)
        handler.handle(told)
    handler.close()
    assert harmless(log.read_text("utf-8"))
    assert "\nOK: 12 records" not in log.read_text("utf-8")
    assert failure(log).startswith(r"a\u001b[2Jb: 1 fault(s)")
