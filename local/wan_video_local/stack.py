"""The local stack as one thing: servers started, template.yaml built and deployed, keys and a token in place."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from wan_video_local import engine
from wan_video_local.aws import Aws
from wan_video_local.client import check_health
from wan_video_local.provision import add_gateway_responses
from wan_video_local.sam import STACK_NAME, Sam
from wan_video_local.servers import Server

PROJECT = Path(__file__).resolve().parents[2]
WORK = PROJECT / ".run"
"""Where builds, logs and the record of a running stack are kept between commands."""

SIMULATED_REGIONS = ("singapore", "beijing", "virginia")
OWNER = "local"
"""Whose videos the token sees: those asked for through the API and those of prompt files."""
SIMULATOR_HEALTH = "/_simulator/health"

Report = Callable[[str], None]
"""Told in a few words what has just been done."""


@dataclass(frozen=True)
class Plan:
    """What kind of stack to start.

    `speed` is how many seconds pass on both sides' clock in one real second; `wan` is the region of the real service
    to use instead of the simulator, with its key; `latency` is how long the simulator's tasks take, in seconds of
    that clock; `render` has it render a film for every task rather than reuse one clip for each format; `parameters`
    are further template parameters; `servers` gives the module of the server `engine` or `simulator`, with options that
    come after the stack's own and so replace them; `enforce` holds functions to the rights of their roles, and `rights`
    is a file to write to what they ask for.
    """

    speed: float = 20.0
    wan: str = ""
    wan_key: str = field(default="", repr=False)
    latency: float = 60.0
    render: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    enforce: bool = True
    rights: Path | None = None


@dataclass(frozen=True)
class Stack:
    """A deployed local stack: everything a client of it needs, and all of it plain data."""

    engine_url: str
    simulator_url: str
    """Empty when the real service is used."""
    api_url: str
    token: str = field(repr=False)
    outputs: Mapping[str, str]
    speed: float

    @property
    def aws(self) -> Aws:
        """Clients of its engine."""
        return Aws(self.engine_url)


class LocalStack:
    """Starts a stack and owns its processes: they end with the `with` block, or with this process, unless detached."""

    def __init__(self, plan: Plan, log: IO[bytes], report: Report = lambda _: None) -> None:
        self._plan = plan
        self._log = log
        self._report = report
        self._servers: list[Server] = []
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @property
    def servers(self) -> tuple[Server, ...]:
        """The server processes that run so far."""
        return tuple(self._servers)

    def detach(self) -> None:
        """Leave the stack running when this process ends."""
        for server in self._servers:
            server.detach()

    def start(self) -> Stack:
        """Bring the whole stack up. Raises ServerError or SamError; what was started then ends with the block."""
        plan = self._plan
        clock = f"{plan.speed:g}@{time.time():.3f}" if plan.speed != 1 else ""
        sam = Sam(PROJECT, WORK, self._log)
        enforce = ["--enforce"] if plan.enforce else []
        record = ["--record-rights", str(plan.rights)] if plan.rights is not None else []
        aws_server = self._serve("engine", "wan_video_local.engine", "--speed", f"{plan.speed:g}", *enforce, *record)
        simulator = None
        if not plan.wan:
            films = "--render" if plan.render else "--reuse"
            options = ("--clock", clock) if clock else ()
            simulator = self._serve("simulator", "wan_simulator", films, "--latency", f"{plan.latency:g}", *options)
        built = sam.build()
        self._report("built with sam build" if built else "build reused: nothing changed")
        engine_url = aws_server.await_url(engine.HEALTH_PATH)
        simulator_url = simulator.await_url(SIMULATOR_HEALTH) if simulator else ""
        self._report(f"AWS engine at {engine_url}" + (f", Wan simulator at {simulator_url}" if simulator else ""))
        aws = Aws(engine_url)
        parameters = {**_wan_parameters(plan, simulator_url), "FileUploadsOwner": OWNER, "Clock": clock}
        outputs = sam.deploy(aws, {**parameters, **plan.parameters})
        add_gateway_responses(aws, STACK_NAME)
        self._report(f"template.yaml deployed as stack {STACK_NAME}")
        keys = {plan.wan: plan.wan_key} if plan.wan else simulator_keys()
        aws.secrets.put_secret_value(SecretId=outputs["WanSecretArn"], SecretString=json.dumps(keys))
        api_url = local_api_url(engine_url, outputs["ApiUrl"])
        with ThreadPoolExecutor() as side:
            health = side.submit(check_health, api_url)
            token = create_token(aws)
            health.result()
        return Stack(
            engine_url=engine_url,
            simulator_url=simulator_url,
            api_url=api_url,
            token=token,
            outputs=outputs,
            speed=plan.speed,
        )

    def _serve(self, name: str, module: str, *options: str) -> Server:
        module, *own = self._plan.servers.get(name, [module])
        command = [sys.executable, "-m", module, *options, *own]
        server = self._exits.enter_context(Server(name, command, self._log))
        self._servers.append(server)
        return server


def simulator_keys() -> dict[str, str]:
    """The simulator's own default keys, which are secret to nobody."""
    return {region: f"sk-simulator-{region}" for region in SIMULATED_REGIONS}


def local_api_url(engine_url: str, api_url: str) -> str:
    """Where the engine serves an API whose AWS address is `https://{id}.execute-api.{region}.amazonaws.com/{stage}`."""
    host, _, stage = api_url.removeprefix("https://").partition("/")
    return f"{engine_url}/_aws/execute-api/{host.partition('.')[0]}/{stage}"


def create_token(aws: Aws, owner: str = OWNER) -> str:
    """Make an owner's bearer token for reading and writing, with the command that a user has for it."""
    command = ["wan-video", "token", "create", "--stack", STACK_NAME, "--owner", owner]
    made = subprocess.run(command, env=aws.environment(), capture_output=True, text=True, check=True)
    return made.stdout.strip()


def _wan_parameters(plan: Plan, simulator_url: str) -> dict[str, str]:
    if plan.wan:
        return {"WanRegions": plan.wan, "DefaultRegion": plan.wan}
    return {
        "WanRegions": ",".join(SIMULATED_REGIONS),
        "WanEndpoints": ",".join(f"{region}={simulator_url}/{region}/api/v1" for region in SIMULATED_REGIONS),
        "ResultHosts": simulator_url,
    }
