"""Importing a function has no cost and no side effects."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.harness.patience import PATIENCE
from tools.words import WORDS

IMPORT = """
import socket, sys
def refuse(*_, **__): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
from functions.{word}.handler import lambda_handler
heavy = sorted({{"anycrc", "boto3", "botocore", "pydantic", "requests"}} & set(sys.modules))
assert not heavy, heavy
"""


@pytest.mark.parametrize("word", WORDS)
def test_importing_a_handler_reads_no_environment_and_makes_no_client(word: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT.format(word=word)],
        env={},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr


RUN = """
import sys
from tools.harness.lambdas import event, end_process, invoke, warm
from tools.harness.stack import deployed
from tools.harness.samples import made, running, starting, stored
import pytest
before = "pydantic" in sys.modules
monkeypatch = pytest.MonkeyPatch()
with deployed() as stack:
    warm(stack, monkeypatch)
    video = made().completed(1, stored()).announced(1)
    stack.videos.accept(video)
    step = {"video_id": "video_1", "task_id": "task-1", "n": 1}
    print([invoke(word, step)["outcome"] for word in ("submit", "poll", "deliver", "report_failure")])
monkeypatch.undo()
assert not before, "the test itself imports pydantic"
assert "pydantic" not in sys.modules
"""


def test_the_functions_of_the_state_machine_never_load_pydantic(credentials: None) -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "['over', 'over', 'over', 'completed']"
