"""What a cold start costs: the processor time of a fresh process until a function could send its first call.

Each function runs from what `sam build` made, compiled as the README compiles it. Beside it: one client of boto3 alone,
and for the two that speak to Wan a handler built on the DashScope SDK, both compiled too and from folders of their own.
A ratio is ours over the peer's.
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

from bench.rows import Row
from tools.harness.artifact import ENVIRONMENT, start_command
from tools.template import WORDS
from wan_video_local.log import RunLog
from wan_video_local.sam import Sam
from wan_video_local.stack import PROJECT, WORK

BOTO3 = "import boto3; boto3.client('secretsmanager')"
PACKAGES = """
import boto3, requests
from aws_lambda_powertools import Logger
logger = Logger()
session = boto3.session.Session()
rows, secrets = session.client("dynamodb"), session.client("secretsmanager")
"""
"""What `submit` and `poll` stand on: nothing of ours can start sooner."""

DASHSCOPE = """
import boto3
from aws_lambda_powertools import Logger
from dashscope import VideoSynthesis
logger = Logger()
table = boto3.resource("dynamodb").Table("videos")
secrets = boto3.client("secretsmanager")
"""
"""As one would write it: a row to read and write, a key to fetch, a task to make."""

GOALS = {"api": 1.7, "submit": 1.2, "poll": 1.2, "deliver": 1.3}
DASHSCOPE_GOAL = 0.45


def rows(quick: bool) -> Iterator[Row]:
    """Functions (quick: those with a goal) beside one client and the SDK; submit beside itself without .pyc files."""
    rounds = 3 if quick else 15
    with RunLog(WORK / "bench.log") as log:
        Sam(PROJECT, WORK, log.file).build()
    built = WORK / "build"
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        boto3 = peer(BOTO3, installed(Path(folder, "boto3"), "boto3"))
        for word in GOALS if quick else WORDS:
            ours = start_command(built, word)
            yield row(f"cold start, {word}", ours, "one boto3 client", boto3, rounds, GOALS.get(word))
        packages = peer(PACKAGES, built / "SharedLayer/python")
        yield row("cold start, the packages of submit alone", packages, "one boto3 client", boto3, rounds, None)
        sdk = installed(Path(folder, "dashscope"), "boto3", "aws-lambda-powertools", "dashscope")
        for word in ("submit", "poll"):
            ours = start_command(built, word)
            theirs = peer(DASHSCOPE, sdk)
            yield row(f"cold start, {word}", ours, "a handler on the DashScope SDK", theirs, rounds, DASHSCOPE_GOAL)
        bare = Path(folder, "bare")
        shutil.copytree(built / "SharedLayer/python", bare, ignore=shutil.ignore_patterns("__pycache__"))
        ours, theirs = start_command(built, "submit"), start_command(built, "submit", bare)
        yield row("cold start, submit", ours, "the same without .pyc files", theirs, rounds, None)


def row(what: str, ours: Sequence[str], peer: str, theirs: Sequence[str], rounds: int, goal: float | None) -> Row:
    """Seconds of processor time, in turn, after one run of each that fills the machine's caches."""
    cpu_seconds(ours), cpu_seconds(theirs)
    pairs = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(rounds)]
    ratios = [our / their for our, their in pairs]
    our, their = (statistics.median(side) for side in zip(*pairs, strict=True))
    return Row(what, "s CPU", our, ratios, peer, their, goal, "below")


def cpu_seconds(command: Sequence[str]) -> float:
    """User and system time of one process, from its start to its end."""
    process = subprocess.Popen(command, env=ENVIRONMENT, cwd=os.sep)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"it failed: {command}")
    return used.ru_utime + used.ru_stime


def peer(script: str, folder: Path) -> list[str]:
    """A command that runs a script with a folder's packages and no others."""
    return [sys.executable, "-B", "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}"]


def installed(folder: Path, *names: str) -> Path:
    """A folder with these packages, as they are installed here, and what they need; compiled."""
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
