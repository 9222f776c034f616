"""What `verify` says on the command line of a file that no job made."""

import pytest
from made_records import main, small_study


def test_verify_of_a_file_that_no_record_made_names_it_and_ends_with_13(tmp_path, capsys):
    made = small_study(tmp_path)
    made.file("notes.txt", "mine")
    with pytest.raises(SystemExit) as ended:
        main(["verify", "notes.txt", "--workspace", str(made.root)])
    assert ended.value.code == 13
    said = capsys.readouterr().out
    assert said.startswith("UNRECORDED  notes.txt\n  no record made this file\n")
    assert said.endswith("UNRECORDED: 0 records, 0 files (0.0 MB read, unchanged files by their status)\n")
