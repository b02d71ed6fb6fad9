"""One local stack for the whole session: the real template, deployed to the engine beside the simulator."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.clocks import ahead
from tools import rights
from tools.harness import event_schema
from tools.harness.patience import PATIENCE, until
from tools.template import logical_id
from tools.words import WORDS
from wan_video_local.client import Client
from wan_video_local.log import RunLog
from wan_video_local.notices import Notices
from wan_video_local.rights import Call, recorded
from wan_video_local.sam import STACK_NAME
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import WORK, LocalStack, Plan, Stack

SPEED = 60.0
"""The stack's clock runs a minute in a second, so five minutes of trouble are soon over and real work has time."""

LASTING = 1000
"""More calls than a test makes, so that a fault lasts until it is removed."""


@dataclass(frozen=True)
class Local:
    """The running stack, and what a test needs to watch it and to inject faults."""

    stack: Stack
    client: Client
    notices: Notices
    simulator: SimulatorControls
    engine_temp_dir: Path
    log: RunLog
    """Everything that sam, the engine and the simulator print."""
    rights: Path
    """The file with everything that the functions have asked the engine for."""

    def calls(self) -> Collection[tuple[str, Call]]:
        """Return what the functions have asked AWS for so far."""
        resources = self.stack.aws.cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
        logical_ids = {found.get("PhysicalResourceId", ""): found["LogicalResourceId"] for found in resources}
        for secret in ("WanSecret", "WebhookSecret"):
            logical_ids[self.stack.outputs[f"{secret}Arn"]] = secret
        queues = [found for found in resources if found["ResourceType"] == "AWS::SQS::Queue"]
        # The physical id of a queue is its URL, which ends with its name.
        logical_ids |= {found["PhysicalResourceId"].rpartition("/")[2]: found["LogicalResourceId"] for found in queues}
        words = {logical_id(word): word for word in WORDS}
        return {(words[function], call) for function, call in recorded(self.rights, logical_ids)}

    def kill_worker(self, word: str) -> None:
        """Kill the worker process of one function with SIGKILL, as if its machine had died."""
        workers = self._workers(word)
        for process in workers:
            with suppress(OSError):
                os.kill(int(process.name), signal.SIGKILL)
        assert workers, f"no worker of {word} is running"

    def peak_memory(self, word: str) -> list[int]:
        """Return the peak resident memory, in bytes, of each worker process of one function."""
        statuses = [(process / "status").read_text() for process in self._workers(word)]
        return [int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 for status in statuses]

    def _workers(self, word: str) -> list[Path]:
        marker = f"{self.engine_temp_dir}/ministack-lambda-wan-video-{word}-".encode()
        found = []
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and marker in (process / "cmdline").read_bytes():
                    found.append(process)
        return found

    def variable(self, word: str, name: str) -> str:
        """Return an environment variable of one function."""
        return self._variables(word)[name]

    def set_variable(self, words: Sequence[str], name: str, value: str) -> None:
        """Change a variable of functions, as a new deployment with another parameter would."""
        for word in words:
            self.stack.aws.functions.update_function_configuration(
                FunctionName=f"wan-video-{word}", Environment={"Variables": {**self._variables(word), name: value}}
            )

    def advance(self, seconds: int) -> None:
        """Move the clock of every function forward; all workers end, even while they run (`Runtime.ExitError`)."""
        for word in WORDS:
            name = word.replace("_", "-")
            self.set_variable([name], "CLOCK", ahead(self.variable(name, "CLOCK"), seconds))

    def _variables(self, word: str) -> dict[str, str]:
        functions = self.stack.aws.functions
        return functions.get_function_configuration(FunctionName=f"wan-video-{word}")["Environment"]["Variables"]

    @contextmanager
    def nothing_starts(self) -> Iterator[None]:
        """Switch starts off while the block runs; requested videos wait."""
        self.set_variable(["dispatch"], "STARTS", "disabled")
        try:
            yield
        finally:
            self.set_variable(["dispatch"], "STARTS", "enabled")

    @contextmanager
    def hanging(self, route: str) -> Iterator[Callable[[], None]]:
        """Hold back the answers of a route of Wan while the block runs; yields a wait for the first call that hangs.

        If a client gives up on an answer and asks again, the next answer also hangs.
        """
        self.simulator.add_fault(route, "hang", after=True, seconds=2 * PATIENCE, times=LASTING)
        yield lambda: self.await_fault_taken(left=LASTING - 1)
        self.simulator.clear_faults()

    @contextmanager
    def nothing_begins_at_wan(self, model: str, region: str = "singapore") -> Iterator[None]:
        """Keep every new task of a model PENDING while the block runs; the quota API does not show why."""
        hidden = ["async_user_concurrency_limit"]
        self.simulator.set_quota(region, model, async_user_concurrency_limit=0, hidden=hidden)
        try:
            yield
        finally:
            self.simulator.reset_quotas()

    def await_fault_taken(self, *, left: int = 0) -> None:
        """Wait until only `left` of the simulator's queued faults have not yet met a call."""
        until(lambda: self.simulator.faults_waiting() <= left, "the call of the fault")


@contextmanager
def deployed(plan: Plan, log_path: Path) -> Iterator[Local]:
    """Run a local stack while the block runs; at its end, check the functions' calls against the known rights.

    Sessions may run at the same time in one checkout: each has its own file of calls, and reads only its own log.
    """
    with (
        TemporaryDirectory(prefix="wan-video-rights-") as folder,
        RunLog(log_path) as log,
        LocalStack(replace(plan, rights=(asked := Path(folder) / "calls.jsonl")), log.file) as running,
    ):
        try:
            stack = running.start()
        except Exception:
            print(log.tail())
            raise
        notices = Notices(stack.aws, stack.outputs["TopicArn"], "e2e")
        local = Local(
            stack=stack,
            client=Client(stack.api_url, stack.token),
            notices=notices,
            simulator=SimulatorControls(stack.simulator_url),
            engine_temp_dir=running.servers[0].temp_dir,
            log=log,
            rights=asked,
        )
        yield local
        rights.check(local.calls())
        for event in notices.all():
            event_schema.check(event)


RUNNING: pytest.StashKey[ExitStack] = pytest.StashKey()
"""What ends the stack of the session."""


@pytest.fixture(scope="session")
def local(pytestconfig: pytest.Config) -> Iterator[Local]:
    """Yield the stack of this session; its log remains in `.run/test.log`, or `.run/test-gw0.log` of a worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    log = WORK / (f"test-{worker}.log" if worker else "test.log")
    with ExitStack() as running:
        pytestconfig.stash[RUNNING] = running
        yield running.enter_context(deployed(Plan(speed=SPEED, films="still"), log))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the stack of a worker after its last test: its schedules would run beside all other tests until the end.

    The tests of a group run one after another on one worker (tests/conftest.py), and no others run between them.
    """
    if item.config.getoption("loadgroup", False) and uses_the_stack(item) and not uses_the_stack(nextitem):
        item.config.stash.get(RUNNING, ExitStack()).close()


def uses_the_stack(item: pytest.Item | None) -> bool:
    """Whether a test uses the stack of the session, or one of its own in its place."""
    return "local" in getattr(item, "fixturenames", ())


@pytest.fixture(autouse=True)
def _no_faults_left(request: pytest.FixtureRequest) -> Iterator[None]:
    local: Local | None = request.getfixturevalue("local") if uses_the_stack(request.node) else None
    yield
    if local:
        local.simulator.clear_faults()
