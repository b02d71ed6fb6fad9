"""Patches in the engine's process for behaviour of AWS that the stack depends on and the engine lacks.

Each function patches one behaviour, and each has a test in tests/contract/test_engine_*.py that fails as soon as a new
version of the engine no longer needs it.
"""

import base64
import hashlib
import json
import math
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import reduce
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from zipfile import BadZipFile, LargeZipFile, ZipFile

from awscrt.checksums import crc64nvme
from ministack import app  # type: ignore[import-untyped]
from ministack.core import lambda_runtime  # type: ignore[import-untyped]
from ministack.core.responses import error_response_json  # type: ignore[import-untyped]
from ministack.services import (  # type: ignore[import-untyped]
    apigateway_v1,
    eventbridge,
    lambda_svc,
    s3,
    sns,
    stepfunctions,
)
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from wan_video_local.engine import SHORTEST_INTERVAL, WORKER_DIED_TYPE

EXECUTE_API = "/_aws/execute-api"
"""The path below which the engine serves REST APIs."""

FULL_OBJECT_CHECKSUM = "x-amz-checksum-crc64nvme"

ENDED_WHILE_STARTING = "Worker process exited immediately"
"""The beginning of the engine's message about a worker that ends before it is ready."""

TIMED_OUT = "Task timed out after "
"""The beginning of the engine's message about an invocation that takes longer than the function's timeout."""

MAX_ANSWER_BYTES = 6_291_556
"""The largest answer of a function to a synchronous call. Source: AWS Lambda "Lambda quotas"."""

MAX_EVENT_BYTES = MAX_ANSWER_BYTES
"""The largest event of a synchronous call. Source: AWS Lambda "Lambda quotas"."""

MAX_FILE_BYTES = 512 * 1024 * 1024
"""The size of /tmp. Source: AWS Lambda "Lambda quotas", "/tmp directory storage"."""

MAX_STATE_BYTES = 262_144
"""The largest input of a state. Source: Step Functions "Service quotas"."""


class EngineChanged(Exception):
    """Raised when the engine's source is not the version this shim was written for; `what` names the missing part."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This version of the AWS engine has no {what}; see wan_video_local/shim.py.")
        self.what = what


def apply(speed: float) -> None:
    """Patch the imported engine before it serves; schedules run `speed` times faster than real time."""
    name_exceptions()
    allow_empty_bodies()
    tell_callers_path()
    read_binary_media_types()
    limit_requests()
    isolate_workers()
    share_extractions(Path(tempfile.gettempdir()) / "extracted")
    scale_schedules(speed)
    retry_events()
    retry_notifications()
    take_metric_math()
    keep_full_object_checksums()
    limit_answers()
    limit_files()
    limit_states()
    end_overdue_executions(speed)


def name_exceptions() -> None:
    """Let a Python exception's class name be the Lambda's errorType, so that Retry and Catch match by name.

    On AWS an exception arrives as its class name, and a killed runtime as Runtime.ExitError.
    """
    _edit_worker_script('"error": str(e), "trace":', '"error": str(e), "type": type(e).__name__, "trace":')
    invocation = threading.local()
    invoke_worker: Callable[..., dict[str, Any]] = lambda_runtime.Worker.invoke
    execute: Callable[..., dict[str, Any]] = lambda_svc._execute_function_warm

    def invoke_and_note(*args: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            answer = invoke_worker(*args, **kwargs)
        except Exception as error:
            invocation.error_type = WORKER_DIED_TYPE if ended_while_starting(error) else None
            raise
        invocation.error_type = error_type(answer)
        return answer

    def execute_and_name(*args: Any, **kwargs: Any) -> dict[str, Any]:
        invocation.error_type = None
        result = execute(*args, **kwargs)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and invocation.error_type:
            body["errorType"] = invocation.error_type
        return result

    lambda_runtime.Worker.invoke = invoke_and_note
    lambda_svc._execute_function_warm = execute_and_name


def error_type(answer: dict[str, Any]) -> str | None:
    """Return Lambda's name for the error in a worker's answer; None for no error, or if the engine's name is right.

    A worker that answers names its exception. Without a name, the engine itself wrote the answer: after a timeout, or
    because a pipe of the worker was closed, for which its message is whatever Python says about the pipe.
    """
    if answer.get("status") != "error":
        return None
    named: str | None = answer.get("type")
    return named or (None if answer.get("error", "").startswith(TIMED_OUT) else WORKER_DIED_TYPE)


def ended_while_starting(error: Exception) -> bool:
    """Whether the engine raised this error because a worker ended while it started.

    The engine notices that the answer is missing, or Python that a pipe is closed or the worker's folder is gone. A
    module that cannot be imported and a layer that cannot be unpacked are other RuntimeErrors.
    """
    if isinstance(error, RuntimeError):
        return str(error).startswith(ENDED_WHILE_STARTING)
    return isinstance(error, OSError | ValueError | AttributeError)


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


def read_binary_media_types() -> None:
    """Let `~1` stand for a slash in the binary media types of a template, as CloudFormation defines it."""
    matches: Callable[[str | None, list[str]], bool] = apigateway_v1._media_type_matches

    def matches_unescaped(media_type: str | None, patterns: list[str] | None) -> bool:
        return matches(media_type, [pattern.replace("~1", "/") for pattern in patterns or []])

    apigateway_v1._media_type_matches = matches_unescaped


def limit_requests() -> None:
    """Refuse a request that is too large for the event of a function, as API Gateway does."""
    invoke: Callable[..., Awaitable[Any]] = apigateway_v1._invoke_lambda_proxy_v1
    build: Callable[..., dict[str, Any]] = apigateway_v1._build_lambda_event_v1

    async def invoke_if_it_fits(*args: Any, **options: Any) -> Any:
        names = ("binary_media_types", "authorizer_context", "caller_identity")
        event = build(*args[1:], **{name: options.get(name) for name in names})
        if len(json.dumps(event, ensure_ascii=False).encode()) > MAX_EVENT_BYTES:
            return apigateway_v1._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
        return await invoke(*args, **options)

    apigateway_v1._invoke_lambda_proxy_v1 = invoke_if_it_fits


def isolate_workers() -> None:
    """Hide this machine's site-packages from the Lambdas: their imports must be in their artifact and layer."""
    _edit_worker_script(
        "import sys, json, importlib,",
        "import sys, sysconfig\n"
        "_stdlib = {sysconfig.get_path(name) for name in ('stdlib', 'platstdlib')}\n"
        "sys.path[:] = [p for p in sys.path if p in _stdlib or p.endswith(('lib-dynload', '.zip'))]\n"
        "import json, importlib,",
    )


def scale_schedules(speed: float) -> None:
    """Let `rate(...)` schedules run at the stack's clock, but not more often than a machine can do beside other work.

    The engine itself scales only the waits of executions.
    """
    seconds_of: Callable[[str], int | None] = eventbridge._parse_rate_seconds

    def scaled(expression: str) -> int | None:
        seconds = seconds_of(expression)
        return seconds if seconds is None else max(SHORTEST_INTERVAL, math.ceil(seconds / speed))

    eventbridge._parse_rate_seconds = scaled
    eventbridge._SCHEDULER_TICK_INTERVAL = max(1.0, eventbridge._SCHEDULER_TICK_INTERVAL / speed)


def retry_events() -> None:
    """Let EventBridge invoke functions asynchronously, with the retries and the on-failure target that they have.

    The engine invokes them once, and failed events are lost. A schedule skips a function that is still running: its
    intervals are so short here that a slow machine would start worker after worker and never catch up.
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


def retry_notifications() -> None:
    """Let SNS invoke functions asynchronously, with the retries and the on-failure target that they have.

    The engine invokes them once, and failed notifications are lost.
    """
    if not callable(getattr(sns, "_deliver_to_lambda", None)) or sns._lambda_svc is not lambda_svc:
        raise EngineChanged("SNS subscription that is a function")
    sns._lambda_svc = SimpleNamespace(
        _get_func_record_for_ref=lambda_svc._get_func_record_for_ref,
        _execution_record_for_config=lambda_svc._execution_record_for_config,
        _execute_function_with_config_scope=lambda_svc.invoke_async_with_retry,
    )


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
    """Let a multipart upload have one CRC-64/NVME of all its bytes, as S3 does; the engine combines those of the parts.

    The engine also computes it byte by byte, at a few megabytes per second.
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


def limit_answers() -> None:
    """Let a function whose answer is too large for Lambda fail as on AWS."""
    execute: Callable[..., dict[str, Any]] = lambda_svc._execute_function_warm

    def execute_and_measure(*args: Any, **kwargs: Any) -> dict[str, Any]:
        result = execute(*args, **kwargs)
        # As Lambda's runtime for Python writes it, which sends UTF-8 as it is.
        if result.get("error") or len(json.dumps(result.get("body"), ensure_ascii=False).encode()) <= MAX_ANSWER_BYTES:
            return result
        message = f"Response payload size exceeded maximum allowed payload size ({MAX_ANSWER_BYTES} bytes)."
        return {
            **result,
            "body": {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message},
            "error": True,
        }

    lambda_svc._execute_function_warm = execute_and_measure


def limit_files() -> None:
    """Let no file that a function writes grow beyond the /tmp of Lambda; Python raises OSError then."""
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({MAX_FILE_BYTES}, {MAX_FILE_BYTES}))"
    _edit_worker_script("import sys, sysconfig\n", f"import sys, sysconfig, resource\n{limit}\n")


def limit_states() -> None:
    """Let no execution begin with, or receive from a task, more than Step Functions carries."""
    start: Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]] = stepfunctions._start_execution
    invoke: Callable[..., Any] = stepfunctions._invoke_resource
    matches: Callable[[list[str], str], bool] = stepfunctions._error_matches
    too_much = "States.DataLimitExceeded"

    def start_if_it_fits(data: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if len(data.get("input", "").encode()) > MAX_STATE_BYTES:
            message = f"Value at 'input' failed to satisfy constraint: at most {MAX_STATE_BYTES} bytes"
            refused: tuple[int, dict[str, str], bytes] = error_response_json("ValidationException", message, 400)
            return refused
        return start(data)

    def invoke_and_measure(resource: str, *args: Any, **kwargs: Any) -> Any:
        result = invoke(resource, *args, **kwargs)
        if len(json.dumps(result, ensure_ascii=False, default=str).encode()) > MAX_STATE_BYTES:
            raise stepfunctions._ExecutionError(too_much, f"The result of {resource} is larger than a state may carry.")
        return result

    def matches_by_name(names: list[str], error: str) -> bool:
        return error in names if error == too_much else matches(names, error)

    stepfunctions._start_execution = start_if_it_fits
    stepfunctions._invoke_resource = invoke_and_measure
    stepfunctions._error_matches = matches_by_name


def end_overdue_executions(speed: float) -> None:
    """Let an execution end as TIMED_OUT at its first event after the TimeoutSeconds of its machine."""
    add: Callable[..., dict[str, Any]] = stepfunctions._add_event
    run: Callable[[str], None] = stepfunctions._run_execution
    fail: Callable[..., None] = stepfunctions._fail_execution
    deadlines: dict[str, float] = {}

    def run_until_deadline(arn: str) -> None:
        machine = stepfunctions._state_machines.get(stepfunctions._executions.get(arn, {}).get("stateMachineArn"), {})
        with suppress(ValueError):
            seconds = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
            if seconds is not None:
                deadlines[arn] = time.monotonic() + seconds / speed
        try:
            run(arn)
        finally:
            deadlines.pop(arn, None)

    def add_and_look(execution: dict[str, Any], *args: Any) -> dict[str, Any]:
        event = add(execution, *args)
        arn = execution.get("executionArn", "")
        if execution.get("status") == "RUNNING" and time.monotonic() > deadlines.get(arn, math.inf):
            execution |= {"status": "TIMED_OUT", "error": "States.Timeout", "stopDate": stepfunctions.now_iso()}
            add(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
            stepfunctions._emit_execution_status_event(execution)
        return event

    def fail_if_running(execution: dict[str, Any], *args: Any) -> None:
        if execution.get("status") == "RUNNING":
            fail(execution, *args)

    stepfunctions._run_execution = run_until_deadline
    stepfunctions._add_event = add_and_look
    stepfunctions._fail_execution = fail_if_running


def share_extractions(folder: Path) -> None:
    """Unpack each code and layer archive once below `folder`, with links to it in every worker's own folder.

    Only the speed changes: a worker does not have to unpack or compile what another one already has. The engine
    checks the names in a layer for paths that leave it, which takes as long; here the layer is our own.
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
