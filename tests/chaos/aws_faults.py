"""`python -m tests.chaos.aws_faults`: a proxy to the AWS engine that refuses calls, and corrupts and loses answers.

The AWS_ENDPOINT_URL of the Lambda functions points here. Errors have the text and the format of the service that is
called, so that the SDK retries them as it does on AWS. (The package `microburst` does the same and more, but a call
takes ten milliseconds of CPU, seven times what the engine itself needs.)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.plan import Dice, Mix

LIMIT: Final = 1 << 20
SCOPE: Final = re.compile(rb"credential=[^/,]+/\d+/[^/]+/([a-z0-9]+)/aws4_request", re.IGNORECASE)
LENGTH: Final = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding:\s*chunked", re.IGNORECASE)
EXPECT: Final = re.compile(rb"\r\nexpect:[^\r]*", re.IGNORECASE)

SERVICES: Final = ("dynamodb", "s3", "sns", "secretsmanager", "sqs", "states")


@dataclass(frozen=True)
class Words:
    """The text and the format of one service's errors."""

    throttle: tuple[int, str]
    broken: tuple[int, str]
    form: str
    content_type: str

    def answer(self, kind: str, *, head: bool) -> bytes:
        """Return the whole HTTP answer, without its body if `head`."""
        status, code = self.throttle if kind == "throttle" else self.broken
        body = b"" if head else (self.form % code).encode()
        lines = (f"HTTP/1.1 {status} Fault", f"Content-Type: {self.content_type}", f"Content-Length: {len(body)}")
        return "\r\n".join((*lines, "", "")).encode() + body


_JSON: Final = '{"__type": "%s", "message": "planned by the seed"}'
_AMZ_JSON: Final = "application/x-amz-json-1.0"

WORDS: Final[Mapping[str, Words]] = {
    "dynamodb": Words(
        (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
        (500, "com.amazonaws.dynamodb.v20120810#InternalServerError"),
        _JSON,
        _AMZ_JSON,
    ),
    "s3": Words((503, "SlowDown"), (500, "InternalError"), "<Error><Code>%s</Code></Error>", "application/xml"),
    "sns": Words(
        (400, "Throttling"),
        (500, "InternalFailure"),
        "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>planned</Message></Error></ErrorResponse>",
        "text/xml",
    ),
    "secretsmanager": Words((400, "ThrottlingException"), (500, "InternalServiceError"), _JSON, _AMZ_JSON),
    "sqs": Words(
        (400, "com.amazonaws.sqs#RequestThrottled"), (500, "com.amazonaws.sqs#InternalError"), _JSON, _AMZ_JSON
    ),
    "states": Words((400, "ThrottlingException"), (500, "ServiceException"), _JSON, _AMZ_JSON),
}


class Way:
    """A proxy to the engine at one port."""

    def __init__(self, port: int, seed: int, mix: Mix, armed: Path) -> None:
        self._port = port
        self._dice = {service: Dice(seed, service, mix.get(service, {})) for service in SERVICES}
        self._armed = armed

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, call by call, over one connection to the engine."""
        engine: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /_chaos/faults "):
                    writer.write(_json({service: dice.thrown for service, dice in self._dice.items()}))
                    continue
                engine = engine or await asyncio.open_connection("127.0.0.1", self._port, limit=LIMIT)
                if not await self._call(head, reader, writer, *engine):
                    break
        for open_writer in filter(None, (writer, engine and engine[1])):
            open_writer.transport.abort()

    async def _call(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        engine_reader: asyncio.StreamReader,
        engine_writer: asyncio.StreamWriter,
    ) -> bool:
        """Forward one call or inject a fault into it; return False if the connection has to end."""
        if EXPECT.search(head):
            head = EXPECT.sub(b"", head)
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(head, reader)
        method = head.split(b" ", 1)[0]
        scope = SCOPE.search(head)
        service = scope[1].decode() if scope else ""
        kind = self._dice[service].throw() if service in self._dice and self._armed.exists() else None
        if kind in ("throttle", "500"):
            writer.write(WORDS[service].answer(kind, head=method == b"HEAD"))
            return True
        engine_writer.write(head + body)
        answer = await engine_reader.readuntil(b"\r\n\r\n")
        while answer.startswith(b"HTTP/1.1 1"):
            answer = await engine_reader.readuntil(b"\r\n\r\n")
        bodiless = method == b"HEAD" or answer[9:12] in (b"204", b"304")
        rest = b"" if bodiless else await _body(answer, engine_reader)
        if kind == "lost":
            return False
        writer.write(answer + rest)
        await writer.drain()
        return True


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """Return the bytes that follow a head, without decoding them."""
    if length := LENGTH.search(head):
        return await reader.readexactly(int(length[1]))
    if not CHUNKED.search(head):
        return b""
    body = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body


def _json(document: object) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


async def serve(options: argparse.Namespace) -> None:
    """Listen on a free port and serve until the process ends."""
    way = Way(options.engine_port, options.seed, options.mix, options.folder / "armed")
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0, limit=LIMIT)
    options.port_file.write_text(str(server.sockets[0].getsockname()[1]))
    async with server:
        await server.serve_forever()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine-port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--mix", type=json.loads, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where `armed` is")
    parser.add_argument("--port-file", type=Path, required=True)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
