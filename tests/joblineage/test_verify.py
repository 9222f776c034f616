"""What `verify` says on the command line of a file that no job made."""

import os

import pytest
from made_records import main, small_study

from joblineage.present import not_here
from joblineage.store import ANY


def test_verify_of_a_file_that_no_record_made_names_it_and_ends_with_13(tmp_path, capsys):
    made = small_study(tmp_path)
    made.file("notes.txt", "mine")
    with pytest.raises(SystemExit) as ended:
        main(["verify", "notes.txt", "--workspace", str(made.root)])
    assert ended.value.code == 13
    said = capsys.readouterr().out
    assert said.startswith("UNRECORDED  notes.txt\n  no record made this file\n")
    assert said.endswith("UNRECORDED: 0 records, 0 files (0.0 MB read, unchanged files by their status)\n")


def test_a_file_whose_name_no_terminal_can_show_is_named_all_the_same(tmp_path, capfd):
    made = small_study(tmp_path)
    (made.root / "results" / os.fsdecode(b"caf\xe9")).write_text("mine")
    with pytest.raises(SystemExit):
        main(["verify", "--workspace", str(made.root)])
    said = capfd.readouterr().out
    assert "UNRECORDED  results/caf" in said


def test_parameters_and_stages_of_any_form_hide_nothing_and_end_nothing(tmp_path):
    for text in ("[]", "a: [", "stages: 1", "stages: {a: 1}", "stages: {a: {outs: [{}]}}", "x: ${y}", "caf\udce9"):
        for path in ("params.yaml", "dvc.yaml"):
            (tmp_path / path).write_bytes(text.encode(errors="surrogateescape"))
            assert not_here(tmp_path, ANY) == []
