"""What the AWS engine does differently from AWS and the stack depends on, mended in the engine's own process.

Each function mends one thing, and each has a test in tests/contract/test_engine_*.py that fails as soon as a new
version of the engine no longer needs it.
"""

import base64
import hashlib
import json
import math
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import reduce
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from zipfile import BadZipFile, LargeZipFile, ZipFile

from awscrt.checksums import crc64nvme
from ministack import app  # type: ignore[import-untyped]
from ministack.core import lambda_runtime  # type: ignore[import-untyped]
from ministack.services import apigateway_v1, eventbridge, lambda_svc, s3  # type: ignore[import-untyped]
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

EXECUTE_API = "/_aws/execute-api"
"""Where the engine serves REST APIs on its one port."""

UNNAMED = "Runtime.HandlerError"
"""The errorType under which the engine reports every exception of a handler."""

FULL_OBJECT_CHECKSUM = "x-amz-checksum-crc64nvme"

WORKER_DIED = "Worker process died"
WORKER_DIED_TYPE = "Runtime.ExitError"


class EngineChanged(Exception):
    """The engine's source is not the one this shim was written for; `what` names the part that was not found."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This version of the AWS engine has no {what}; see wan_video_local/shim.py.")
        self.what = what


def apply(speed: float) -> None:
    """Mend the imported engine, before it serves; `speed` is how many times faster than real time schedules run."""
    name_exceptions()
    allow_empty_bodies()
    tell_callers_path()
    isolate_workers()
    share_extractions(Path(tempfile.gettempdir()) / "extracted")
    scale_schedules(speed)
    retry_events()
    take_metric_math()
    keep_full_object_checksums()


def name_exceptions() -> None:
    """Let a Python exception's class name be the Lambda's errorType, so that Retry and Catch match by name.

    On AWS an exception arrives as its class name, and a killed runtime as Runtime.ExitError.
    """
    _edit_worker_script('"error": str(e), "trace":', '"error": str(e), "type": type(e).__name__, "trace":')
    invocation = threading.local()
    invoke_worker: Callable[..., dict[str, Any]] = lambda_runtime.Worker.invoke
    execute: Callable[..., dict[str, Any]] = lambda_svc._execute_function_warm

    def invoke_and_note(*args: Any, **kwargs: Any) -> dict[str, Any]:
        answer = invoke_worker(*args, **kwargs)
        died = answer.get("error") == WORKER_DIED
        invocation.error_type = WORKER_DIED_TYPE if died else answer.get("type")
        return answer

    def execute_and_name(*args: Any, **kwargs: Any) -> dict[str, Any]:
        invocation.error_type = None
        result = execute(*args, **kwargs)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == UNNAMED:
            body["errorType"] = invocation.error_type or UNNAMED
        return result

    lambda_runtime.Worker.invoke = invoke_and_note
    lambda_svc._execute_function_warm = execute_and_name


def allow_empty_bodies() -> None:
    """Let a proxy integration answer `"body": null`, as API Gateway does; the engine breaks its connection."""
    send_response: Callable[..., Awaitable[None]] = app._send_response

    async def send(channel: Any, status: int, headers: Any, body: bytes | str | None, **options: Any) -> None:
        await send_response(channel, status, headers, b"" if body is None else body, **options)

    app._send_response = send


def tell_callers_path() -> None:
    """Let `requestContext.path` be the path the caller asked for, as on AWS; the engine leaves out its own prefix."""
    build: Callable[..., dict[str, Any]] = apigateway_v1._build_lambda_event_v1

    def build_and_tell(*args: Any, **kwargs: Any) -> dict[str, Any]:
        event = build(*args, **kwargs)
        context = event["requestContext"]
        context["path"] = f"{EXECUTE_API}/{context['apiId']}{context['path']}"
        return event

    apigateway_v1._build_lambda_event_v1 = build_and_tell


def isolate_workers() -> None:
    """Hide this machine's site-packages from the Lambdas: what they import must be in their artifact and layer."""
    _edit_worker_script(
        "import sys, json, importlib,",
        "import sys, sysconfig\n"
        "_stdlib = {sysconfig.get_path(name) for name in ('stdlib', 'platstdlib')}\n"
        "sys.path[:] = [p for p in sys.path if p in _stdlib or p.endswith(('lib-dynload', '.zip'))]\n"
        "import json, importlib,",
    )


def scale_schedules(speed: float) -> None:
    """Let `rate(...)` schedules run at the stack's clock; the engine itself scales only the waits of executions."""
    seconds_of: Callable[[str], int | None] = eventbridge._parse_rate_seconds

    def scaled(expression: str) -> int | None:
        seconds = seconds_of(expression)
        return seconds if seconds is None else max(1, math.ceil(seconds / speed))

    eventbridge._parse_rate_seconds = scaled
    eventbridge._SCHEDULER_TICK_INTERVAL = max(1.0, eventbridge._SCHEDULER_TICK_INTERVAL / speed)


def retry_events() -> None:
    """Let EventBridge invoke functions asynchronously, with the retries and the on-failure target that they have.

    The engine invokes them once, and what fails is lost. A schedule passes over a function that is still at work: its
    turns come so fast here that a machine that falls behind would start worker after worker and never catch up.
    """
    execute: Callable[..., dict[str, Any]] = lambda_svc._execute_function
    at_work: Counter[str] = Counter()
    lock = threading.Lock()

    def execute_and_count(record: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        arn = (record.get("config") or record).get("FunctionArn", "")
        with lock:
            at_work[arn] += 1
        try:
            return execute(record, *args, **kwargs)
        finally:
            with lock:
                at_work[arn] -= 1

    def dispatch(arn: str, payload: str) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function and config:
            event = json.loads(payload)
            if event.get("detail-type") == "Scheduled Event" and at_work[config.get("FunctionArn", "")]:
                return
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, event)

    lambda_svc._execute_function = execute_and_count

    if not callable(getattr(eventbridge, "_dispatch_to_lambda", None)):
        raise EngineChanged("EventBridge target that is a function")
    eventbridge._dispatch_to_lambda = dispatch


def take_metric_math() -> None:
    """Let an alarm be over several metrics, as CloudWatch does; the engine, which never rings, keeps the first one."""
    record: Callable[..., dict[str, Any]] = provisioners._cw_metric_alarm_record

    def record_first(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = [metric["MetricStat"] for metric in properties.get("Metrics", ()) if "MetricStat" in metric]
        if not metrics:
            return record(name, properties)
        first = {**metrics[0]["Metric"], "Period": metrics[0]["Period"], "Statistic": metrics[0]["Stat"]}
        return record(name, {**properties, **first, "Metrics": None})

    provisioners._cw_metric_alarm_record = record_first


def keep_full_object_checksums() -> None:
    """Let a multipart upload have one CRC-64/NVME of all its bytes, as S3 does; the engine makes one of the parts' own.

    The engine also reckons it byte by byte, at a few megabytes a second.
    """
    s3._crc64nvme = crc64nvme
    complete: Callable[..., tuple[int, dict[str, Any], bytes]] = s3._complete_multipart_upload

    def complete_and_check(
        bucket: str, key: str, body: bytes, query: Any, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any], bytes]:
        stated = {**(headers or {})}
        wanted = stated.pop(FULL_OBJECT_CHECKSUM, None)
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"), {})
        parts = [part["body"] for _, part in sorted(upload.get("parts", {}).items())]
        whole = base64.b64encode(reduce(lambda sum_, part: crc64nvme(part, sum_), parts, 0).to_bytes(8, "big")).decode()
        if parts and wanted not in (None, whole):
            refusal: tuple[int, dict[str, Any], bytes] = s3._error("BadDigest", "The CRC64NVME did not match.", 400)
            return refusal
        answer = complete(bucket, key, body, query, stated)
        if answer[0] == 200 and parts and upload.get("checksum_algorithm") == "CRC64NVME":
            s3._ensure_bucket(bucket)["objects"][key] |= {
                "checksums": {"CRC64NVME": whole},
                "checksum_type": "FULL_OBJECT",
            }
        return answer

    s3._complete_multipart_upload = complete_and_check


def share_extractions(folder: Path) -> None:
    """Unpack each code and layer archive once below `folder`, with links to it in every worker's own folder.

    Nothing changes but the speed: a worker need neither unpack nor compile what another one has already. The engine
    looks through the names of a layer for paths that lead out of it, which takes as long; here they are our own.
    """
    lock = threading.Lock()

    class SharedArchive:
        def __init__(self, path: str) -> None:
            self._path = Path(path)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing is open."""

        def namelist(self) -> list[str]:
            return []

        def extractall(self, path: str) -> None:
            with self._path.open("rb") as archive:
                digest = hashlib.file_digest(archive, "sha256").hexdigest()
            shared = folder / digest
            with lock:
                if not shared.exists():
                    with ZipFile(self._path) as members:
                        members.extractall(shared.with_suffix(".part"))
                    shared.with_suffix(".part").rename(shared)
            for entry in shared.iterdir():
                Path(path, entry.name).symlink_to(entry)

    lambda_runtime.zipfile = SimpleNamespace(ZipFile=SharedArchive, BadZipFile=BadZipFile, LargeZipFile=LargeZipFile)


def _edit_worker_script(old: str, new: str) -> None:
    script: str = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(old) != 1:
        raise EngineChanged(f"{old!r} in its Lambda worker")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(old, new)
