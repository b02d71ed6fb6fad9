"""`python -m wan_video_local.engine`: the embedded AWS engine (ministack) with the shim, on a free loopback port."""

import argparse
import asyncio
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

HEALTH_PATH = "/_ministack/ready"
REGION = "us-east-1"
ACCOUNT = "000000000000"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
"""The engine's own credentials, which are useless elsewhere."""

WORKER_DIED_TYPE = "Runtime.ExitError"
"""Lambda's name for a runtime that ends by itself or is killed, while it starts or while it runs.

Source: AWS Lambda "Lambda execution environment lifecycle", "Failures during the Init phase".
"""

SHORTEST_INTERVAL = 3
"""The fewest real seconds between two runs of a schedule: one run per second kept a fifth of a core busy for as long
as a stack ran, even if nothing waited."""

SERVICES = (
    "apigateway,cloudformation,cloudwatch,dynamodb,dynamodbstreams,events,iam,kms,lambda,logs,monitoring,s3,"
    "secretsmanager,sns,sqs,states,sts"
)


def environment(port: int, speed: float, *, enforce: bool = False) -> dict[str, str]:
    """Return the variables that the engine reads on import, for a server on `port` at `speed` times real time.

    With `enforce` it holds every call to the policies of the caller's role.
    """
    return {
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SFN_WAIT_SCALE": repr(1 / speed),
        "SERVICES": SERVICES,
        "AUTH": str(enforce).lower(),
        # This stack needs no listeners on fixed ports and no Docker.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{tempfile.gettempdir()}/no-docker.sock",
    }


def main() -> None:
    """Serve until SIGTERM."""
    serve(parser().parse_args())


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time to run")
    command.add_argument("--port-file", type=Path, required=True, help="where to write the port once it is bound")
    command.add_argument("--plain", action="store_true", help="run the engine without the shim")
    command.add_argument("--enforce", action="store_true", help="hold every call to the rights of the caller's role")
    command.add_argument("--record-rights", type=Path, help="where to write the calls of functions; with --enforce")
    return command


def serve(options: argparse.Namespace, more: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM; `more` is called after the engine is imported and patched."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    os.environ.update(environment(port, options.speed, enforce=options.enforce))

    # Imported only now: the engine reads its whole configuration while it is imported.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app  # type: ignore[import-untyped]

    from wan_video_local import enforcing, shim

    if not options.plain:
        shim.apply(options.speed)
    if options.enforce:
        enforcing.apply(options.record_rights)
    more()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.keep_alive_timeout = 75
    options.port_file.write_text(str(port))
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
