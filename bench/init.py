"""The cost of a cold start: the processor time of a new process until a function can send its first call.

Each function runs from the output of `sam build`. It is compared with a single boto3 client,
and the two functions that call Wan also with a handler built on the DashScope SDK. Both peers are compiled too, in
folders of their own. Processes end without Python's clean-up, which Lambda does not do either. A ratio is our time
over the peer's.
"""

from __future__ import annotations

import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path
from py_compile import PycInvalidationMode

from packaging.requirements import Requirement

from bench.rows import FEWEST_PAIRS, Row
from tools.harness.artifact import ENVIRONMENT, start_command
from tools.words import WORDS
from wan_video_local.log import RunLog
from wan_video_local.sam import Sam
from wan_video_local.stack import PROJECT, WORK

BOTO3 = "import boto3; boto3.client('secretsmanager')"
PACKAGES = """
import requests
from aws_lambda_powertools import Logger
from botocore.session import Session
logger = Logger()
session = Session()
rows, secrets = session.create_client("dynamodb"), session.create_client("secretsmanager")
"""
"""The packages that `submit` and `poll` import: they cannot start in less time than these."""

DASHSCOPE = """
import boto3
from aws_lambda_powertools import Logger
from dashscope import VideoSynthesis
logger = Logger()
table = boto3.resource("dynamodb").Table("videos")
secrets = boto3.client("secretsmanager")
"""
"""A handler as users would write it: it reads and writes a row, fetches a key and creates a task."""

WITHOUT_CLEAN_UP = "import os; os._exit(0)"

GOALS = {"api": 1.5, "submit": 1.2, "poll": 1.2, "deliver": 1.3}
DASHSCOPE_GOAL = 0.45


def rows(quick: bool) -> Iterator[Row]:
    """Yield a row for each function (quick: those with a goal) and peer, and for `submit` without .pyc files."""
    rounds = FEWEST_PAIRS if quick else 15
    with RunLog(WORK / "bench.log") as log:
        Sam(PROJECT, WORK, log.file).build()
    built = WORK / "build"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        boto3 = peer(BOTO3, installed(Path(folder, "boto3"), "boto3"))
        for word in GOALS if quick else WORDS:
            ours = started(built, word)
            pairs = rounds if word in GOALS else FEWEST_PAIRS
            yield row(f"cold start, {word}", ours, "one boto3 client", boto3, pairs, GOALS.get(word))
        packages = peer(PACKAGES, built / "SharedLayer/python")
        yield row("cold start, only the packages of submit", packages, "one boto3 client", boto3, rounds, None)
        sdk = installed(Path(folder, "dashscope"), "boto3", "aws-lambda-powertools", "dashscope")
        for word in ("submit", "poll"):
            ours = started(built, word)
            theirs = peer(DASHSCOPE, sdk)
            yield row(f"cold start, {word}", ours, "a handler on the DashScope SDK", theirs, rounds, DASHSCOPE_GOAL)
        bare = Path(folder, "bare")
        shutil.copytree(built / "SharedLayer/python", bare, ignore=shutil.ignore_patterns("__pycache__"))
        ours, theirs = started(built, "submit"), started(built, "submit", bare)
        yield row("cold start, submit", ours, "the same without .pyc files", theirs, rounds, None)


def row(what: str, ours: Sequence[str], peer: str, theirs: Sequence[str], rounds: int, goal: float | None) -> Row:
    """Return the row of two commands in seconds of processor time; one run of each first fills the machine's caches."""
    cpu_seconds(ours), cpu_seconds(theirs)
    pairs = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(rounds)]
    ratios = [our / their for our, their in pairs]
    our, their = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(what, "s CPU", our, ratios, peer, their, goal, "below")


def cpu_seconds(command: Sequence[str]) -> float:
    """Return the user and system time of one process from start to end, in seconds."""
    process = subprocess.Popen(command, env=ENVIRONMENT, cwd=os.sep)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"it failed: {command}")
    return used.ru_utime + used.ru_stime


def started(built: Path, word: str, layer: Path | None = None) -> list[str]:
    """Return the command that starts a function, and ends as soon as it could send its first request."""
    *python, script = start_command(built, word, layer)
    return [*python, f"{script}\n{WITHOUT_CLEAN_UP}"]


def peer(script: str, folder: Path) -> list[str]:
    """Return a command that runs a script with only the packages of a folder."""
    path = f"import sys; sys.path.insert(0, {str(folder)!r})"
    return [sys.executable, "-B", "-I", "-S", "-c", f"{path}\n{script}\n{WITHOUT_CLEAN_UP}"]


def installed(folder: Path, *names: str) -> Path:
    """Copy installed packages and their dependencies into a folder, compile them, and return the folder."""
    wanted, seen = list(names), set[str]()
    while wanted:
        package = distribution(wanted.pop())
        if package.name in seen:
            continue
        seen.add(package.name)
        for file in package.files or ():
            if not file.is_absolute() and ".." not in file.parts and "__pycache__" not in file.parts:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), folder / file)
        needs = [Requirement(text) for text in package.requires or ()]
        wanted += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    compileall.compile_dir(folder, quiet=2, workers=0, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return folder
