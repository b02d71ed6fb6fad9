"""The local stack: its servers are started, template.yaml is built and deployed, keys and a token are stored."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from wan_video_local import engine
from wan_video_local.aws import Aws
from wan_video_local.client import check_health
from wan_video_local.provision import add_gateway_responses
from wan_video_local.sam import STACK_NAME, Sam
from wan_video_local.servers import Server

if TYPE_CHECKING:
    from wan_simulator.films import FilmKind

PROJECT = Path(__file__).resolve().parents[2]
WORK = PROJECT / ".run"
"""The folder that keeps builds, logs and the record of a running stack between commands."""

SIMULATED_REGIONS = ("singapore", "beijing", "virginia")
SIMULATED_WORKSPACE = "ws-simulator"
"""The workspace that exists in every region of the simulator by default."""
OWNER = "local"
"""The owner of the token, of the API's videos and of the prompt files' videos."""
SIMULATOR_HEALTH = "/_simulator/health"

Report = Callable[[str], None]
"""Receives a few words about each finished step."""


@dataclass(frozen=True)
class Plan:
    """What kind of stack to start.

    `speed` is how many seconds pass on both sides' clock in one real second; `wan` is the region of the real service
    to use instead of the simulator, with its key and the id of a workspace; `latency` is how long the simulator's tasks
    take, in seconds of that clock; `films` is the simulator's option `--render`, `--reuse` or `--still`; `parameters`
    are further template parameters; `servers` gives the module of the server `engine` or `simulator`, with options that
    follow the stack's own and so replace them; `enforce` holds functions to the rights of their roles, and `rights` is
    a file that records their calls.
    """

    speed: float = 20.0
    wan: str = ""
    wan_key: str = field(default="", repr=False)
    workspace: str = ""
    latency: float = 60.0
    films: "FilmKind" = "render"
    parameters: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    enforce: bool = True
    rights: Path | None = None


@dataclass(frozen=True)
class Stack:
    """A deployed local stack: everything that a client needs, as plain data."""

    engine_url: str
    simulator_url: str
    """Empty with the real service."""
    api_url: str
    token: str = field(repr=False)
    outputs: Mapping[str, str]
    speed: float

    @property
    def aws(self) -> Aws:
        """Clients of its engine."""
        return Aws(self.engine_url)


class LocalStack:
    """Starts a stack and owns its processes, which end with the `with` block or this process unless detached."""

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
        """Return the server processes that are running."""
        return tuple(self._servers)

    def detach(self) -> None:
        """Leave the stack running when this process ends."""
        for server in self._servers:
            server.detach()

    def start(self) -> Stack:
        """Start the whole stack. Raises ServerError or SamError; the started processes then end with the block."""
        plan = self._plan
        clock = f"{plan.speed:g}@{time.time():.3f}" if plan.speed != 1 else ""
        sam = Sam(PROJECT, WORK, self._log)
        enforce = ["--enforce"] if plan.enforce else []
        record = ["--record-rights", str(plan.rights)] if plan.rights is not None else []
        aws_server = self._serve("engine", "wan_video_local.engine", "--speed", f"{plan.speed:g}", *enforce, *record)
        simulator = None
        if not plan.wan:
            options = ("--clock", clock) if clock else ()
            command = (f"--{plan.films}", "--latency", f"{plan.latency:g}", *options)
            simulator = self._serve("simulator", "wan_simulator", *command)
        built = sam.build()
        self._report("built with sam build" if built else "build reused: nothing changed")
        engine_url = aws_server.await_url(engine.HEALTH_PATH)
        simulator_url = simulator.await_url(SIMULATOR_HEALTH) if simulator else ""
        self._report(f"AWS engine at {engine_url}" + (f", Wan simulator at {simulator_url}" if simulator else ""))
        aws = Aws(engine_url)
        parameters = {**_wan_parameters(plan, simulator_url), "FileUploadsOwner": OWNER, "Clock": clock}
        parameters["Thumbnails"] = "enabled"
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
    """Return the simulator's default keys, which are not secret."""
    return {region: f"sk-simulator-{region}" for region in SIMULATED_REGIONS}


def local_api_url(engine_url: str, api_url: str) -> str:
    """Return the address at which the engine serves the API of the AWS address `https://{id}.execute-api.{region}.amazonaws.com/{stage}`."""
    host, _, stage = api_url.removeprefix("https://").partition("/")
    return f"{engine_url}/_aws/execute-api/{host.partition('.')[0]}/{stage}"


def create_token(aws: Aws, owner: str = OWNER) -> str:
    """Create an owner's bearer token for reading and writing, with the users' own command."""
    command = ["wan-video", "token", "create", "--stack", STACK_NAME, "--owner", owner]
    made = subprocess.run(command, env=aws.environment(), capture_output=True, text=True, check=True)
    return made.stdout.strip()


def _wan_parameters(plan: Plan, simulator_url: str) -> dict[str, str]:
    if plan.wan:
        return {"WanRegions": plan.wan, "DefaultRegion": plan.wan, "WanWorkspaceId": plan.workspace}
    return {
        "WanRegions": ",".join(SIMULATED_REGIONS),
        "WanEndpoints": ",".join(url for region in SIMULATED_REGIONS for url in _hosts(simulator_url, region)),
        "WanWorkspaceId": SIMULATED_WORKSPACE,
        "ResultHosts": simulator_url,
    }


def _hosts(simulator_url: str, region: str) -> tuple[str, str]:
    """Return the prefixes that stand for a region's shared host and for that of a workspace, as `region=url`."""
    return f"{region}={simulator_url}/{region}/api/v1", f"{region}={simulator_url}/{{workspace}}.{region}/api/v1"
