"""The log of a stack: what child processes print, kept apart from that of another session in the same checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wan_video_local.log import TAIL_LINES, RunLog


def prints(log: RunLog, text: str) -> None:
    subprocess.run([sys.executable, "-c", f"print({text!r})"], stdout=log.file, check=True)


def test_the_log_has_what_processes_print_one_after_another(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run" / "test.log") as log:
        assert log.tail() == ""
        prints(log, "one")
        assert log.text() == "one\n"
        prints(log, "two")
        assert log.text() == "one\ntwo\n"
    assert (tmp_path / "run" / "test.log").read_text() == "one\ntwo\n"


def test_each_log_begins_empty(tmp_path: Path) -> None:
    (tmp_path / "test.log").write_text("an older run\n")
    with RunLog(tmp_path / "test.log") as log:
        assert log.text() == ""


def test_a_session_reads_only_its_own_log_while_another_one_runs(tmp_path: Path) -> None:
    with RunLog(tmp_path / "test.log") as first:
        prints(first, "first")
        with RunLog(tmp_path / "test.log") as second:
            prints(second, "second")
            prints(first, "first again")
            assert (first.text(), second.text()) == ("first\nfirst again\n", "second\n")


def test_the_tail_is_the_last_lines_also_if_they_are_not_text(tmp_path: Path) -> None:
    with RunLog(tmp_path / "test.log") as log:
        log.file.write(b"\xff\n" + b"".join(b"line %d\n" % number for number in range(TAIL_LINES - 1)))
        assert log.tail().splitlines()[0] == "\N{REPLACEMENT CHARACTER}"
        log.file.write(b"the end\n")
        assert log.tail().splitlines()[0] == "line 0"
        assert log.tail().splitlines()[-1] == "the end"
