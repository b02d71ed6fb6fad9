"""The fuzz targets: every parser of bytes from outside, each with the properties that must hold for any bytes.

A target takes bytes and returns; any exception that it raises is a finding. `make fuzz` lets Atheris search for
findings, guided by coverage. `tests/unit/fuzz`, which `make test` includes, runs the corpus and a short search by
Hypothesis.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from functions.api.bodies import BodyRefused, read_body
from functions.api.dashscope import _json as json_of_dashscope
from tests.fakes.store import MemoryStore
from tests.fakes.wan import FakeWan
from tests.fakes.world import FakeClock
from tools.harness.samples import ALICE, EVERYWHERE, NOW, known_task, running, task_id_of
from wan_video.adapters.dynamodb.records import dump, load
from wan_video.adapters.transfer.source import _retry_after
from wan_video.adapters.wan.bodies import MESSAGE_LIMIT, PROMPT_LIMIT, error_of, task_of
from wan_video.adapters.wan.client import _json as json_of_wan
from wan_video.adapters.wan.task_list import read_list
from wan_video.domain.document import video_document
from wan_video.domain.image import BadImage, image_problem, read_header
from wan_video.domain.models import IMAGES_FROM_27
from wan_video.domain.prompt_file import PromptFile, Row
from wan_video.domain.video import Video
from wan_video.errors import BudgetExceeded, InvalidRequest, PromptFileRefused, WanUnavailable
from wan_video.services.api.images import unread
from wan_video.services.intake import Intake
from wan_video.services.poll import Poll
from wan_video.wire import dashscope
from wan_video.wire.body import read_object
from wan_video.wire.multipart import read_multipart
from wan_video.wire.prompt_file import _NotReadable, _unescaped, parse
from wan_video.wire.video_body import read_fields

Check = Callable[[bytes], None]

TARGETS: Final[dict[str, Check]] = {}

ROW_BYTES: Final = 400_000
"""The bytes that DynamoDB accepts as one item."""

_INTAKE: Final = Intake(FakeClock(), EVERYWHERE)


def target(check: Check) -> Check:
    """Register a target by its function's name."""
    TARGETS[check.__name__] = check
    return check


# --- images -----------------------------------------------------------------------------------------------------------


@target
def image_header(data: bytes) -> None:
    """Read the header of an image; what is cut off says so, and nothing is larger than its fields can state."""
    try:
        header = read_header(data, len(data))
    except BadImage:
        return
    assert 0 < header.width < 2**32
    assert 0 < header.height < 2**32
    assert header.bytes == len(data)
    image_problem(header, IMAGES_FROM_27, "wan3.0-video")


# --- the API's bodies -------------------------------------------------------------------------------------------------


@target
def form(data: bytes) -> None:
    """Parse a form; its first line is what follows `multipart/form-data` in the Content-Type."""
    options, _, body = data.partition(b"\n")
    content_type = f"multipart/form-data{options.decode('latin-1')}"
    fields = _read(content_type, body)
    if fields is None:
        return
    for value in fields.values():
        for text in value.values() if isinstance(value, dict) else [value]:
            assert isinstance(text, str | bool | int), text
    # In HTML a name cannot contain a literal %22, %0D or %0A; with backslashes it can.
    names = "".join(f"{name} {[*value] if isinstance(value, dict) else ''}" for name, value in fields.items()).upper()
    if not any(code in names for code in ("%22", "%0D", "%0A")):
        assert read_multipart("multipart/form-data; boundary=-again-", _form_of(fields)) == fields
    _ask(fields)


@target
def body(data: bytes) -> None:
    """Parse a JSON body."""
    fields = _read("application/json", data)
    if fields is None:
        return
    # Python's own parser agrees; what it accepts in addition must be refused.
    assert json.loads(data) == fields
    _ask(fields)


def _read(content_type: str, data: bytes) -> dict[str, Any] | None:
    """Return what the API reads from a body: an object that can be stored, or None if it is refused with a reason."""
    event = {
        "headers": {"content-type": content_type},
        "body": base64.b64encode(data).decode(),
        "isBase64Encoded": True,
    }
    try:
        read = read_body(event)
    except (BodyRefused, InvalidRequest) as error:
        _check_reason(error)
        return None
    assert read["headers"] == {"Content-Type": "application/json"}
    fields = json.loads(read["body"])
    assert isinstance(fields, dict)
    assert read_object(read["body"]) == fields
    json.dumps(fields, ensure_ascii=False).encode()
    return fields


def _ask(fields: Mapping[str, Any]) -> None:
    """Request a video, which is accepted or refused with a reason."""
    try:
        request, estimate = _INTAKE.check(ALICE, read_fields(fields))
    except (InvalidRequest, BudgetExceeded) as error:
        _check_reason(error)
        return
    assert request.prompt.strip()
    assert estimate.price is None or estimate.price > 0
    assert estimate.seconds == request.most_seconds > 0


def _check_reason(error: Exception) -> None:
    """Check that a refusal gives its reason in text that can be sent."""
    assert str(error)
    str(error).encode()
    for problem in error.problems if isinstance(error, InvalidRequest) else ():
        assert problem.detail
        assert problem.pointer == "" or problem.pointer.startswith("/")
        json.dumps([problem.pointer, problem.detail], ensure_ascii=False).encode()


def _form_of(fields: Mapping[str, Any]) -> bytes:
    """Write fields as the HTML standard does, and backslashes as httpx does."""
    lines: list[str] = []
    for name, value in fields.items():
        members = (
            [(f"{name}[{key}]", text) for key, text in value.items()] if isinstance(value, dict) else [(name, value)]
        )
        for written, text in members:
            escaped = written.replace("\\", "\\\\")
            for sign, code in (('"', "%22"), ("\r", "%0D"), ("\n", "%0A")):
                escaped = escaped.replace(sign, code)
            plain = text if isinstance(text, str) else json.dumps(text)
            lines.append(f'---again-\r\nContent-Disposition: form-data; name="{escaped}"\r\n\r\n{plain}\r\n')
    return ("".join(lines) + "---again---\r\n").encode()


@target
def dashscope_order(data: bytes) -> None:
    """Parse a creation request of DashScope's API, which gives fields or an error of the caller."""
    try:
        order = dashscope.read_order(json_of_dashscope(data.decode("utf-8", "replace")))
        request, _ = _INTAKE.check(ALICE, unread(order.images, order.fields))
    except Exception as error:  # noqa: BLE001  (as the route does)
        _check_dashscope_error(error)
        return
    assert request.prompt.strip() or request.images


def _check_dashscope_error(error: Exception) -> None:
    refusal = dashscope.as_dashscope_error(error)
    if not 400 <= refusal.status < 500:
        raise error
    assert refusal.code
    json.dumps([refusal.code, str(refusal)], ensure_ascii=False).encode()


# --- prompt files -----------------------------------------------------------------------------------------------------


@target
def csv(data: bytes) -> None:
    """Read a prompt file in CSV."""
    _file(".csv", data)


@target
def jsonl(data: bytes) -> None:
    """Read a prompt file in JSON Lines."""
    _file(".jsonl", data)


@target
def json_file(data: bytes) -> None:
    """Read a prompt file in JSON: one request or a list of requests."""
    _file(".json", data)


def _file(ending: str, data: bytes) -> None:
    """Read a file as a whole and in chunks of the size in its first byte; both give the same rows and reasons."""
    size, body = (data[0] or 1, data[1:]) if data else (1, b"")
    whole = _rows(ending, [body])
    assert _rows(ending, [body[at : at + size] for at in range(0, len(body), size)]) == whole
    rows, refusal = whole
    assert rows or refusal
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert (row.fields is None) == bool(row.problems)
        _check_reason(InvalidRequest(row.problems)) if row.problems else None
        if row.fields is not None:
            try:
                _INTAKE.check(ALICE, row.fields)
            except (InvalidRequest, BudgetExceeded) as error:
                _check_reason(error)


def _rows(
    ending: str, chunks: Iterable[bytes], metadata: Mapping[str, str] | None = None
) -> tuple[list[Row], str | None]:
    """Return the rows of a file, and the reason if the whole file is refused."""
    rows: list[Row] = []
    file = PromptFile("prompts", f"file{ending}", "etag", 1, lambda: iter(chunks), metadata or {})
    try:
        rows.extend(parse(file, chunks))
    except PromptFileRefused as refusal:
        _check_reason(refusal)
        return rows, str(refusal)
    return rows, None


@target
def encoded_words(data: bytes) -> None:
    """Decode user metadata as S3 returns it: Latin-1 with encoded words (RFC 2047) for all other characters."""
    value = data.decode("latin-1")
    try:
        text = _unescaped(value)
    except _NotReadable as error:
        _check_reason(error)
    else:
        text.encode()
        if "=?" not in value:
            assert text == value
    (row,) = _rows(".txt", [b"a fox"], {"negative-prompt": value, "x-other": value})[0]
    assert (row.fields is None) == bool(row.problems)
    meant = data.decode("utf-8", "ignore")
    word = base64.b64encode(meant.encode()).decode()
    assert _unescaped(f"=?UTF-8?B?{word}?=") == meant


# --- Wan --------------------------------------------------------------------------------------------------------------


@target
def wan_answer(data: bytes) -> None:
    """Poll a task: the row can be stored, read and shown after any answer."""
    answer = json_of_wan(data)
    code, message, _ = error_of(answer)
    assert code is None or code
    assert len(message) <= MESSAGE_LIMIT
    task_answer = task_of(answer)
    if task_answer is None:
        return
    assert len(task_answer.orig_prompt or "") <= PROMPT_LIMIT
    video = running()
    store = MemoryStore(video)
    Poll(store, FakeWan(answers=[task_answer]), FakeClock())(video.id, task_id_of(video.id), 1)
    row = store.get(video.id)
    item = dump(row)
    assert load(Video, item) == row
    assert len(json.dumps(item, default=str).encode()) < ROW_BYTES
    assert known_task(row).id == task_id_of(video.id)
    json.dumps(video_document(row, NOW), ensure_ascii=False).encode()


@target
def wan_list(data: bytes) -> None:
    """Read the pages of a list, one on each line: either all of it is read, or it is not a list."""
    pages = iter(data.split(b"\n"))
    try:
        tasks = read_list(
            lambda _: json_of_wan(next(pages, b"")), "wan2.6-t2v", NOW - 900, NOW + 900, pause=lambda _: None
        )
    except WanUnavailable as error:
        _check_reason(error)
        return
    assert len({task.task_id for task in tasks}) == len(tasks)
    for task in tasks:
        assert task.created_at is None or NOW - 900 <= task.created_at <= NOW + 900


@target
def retry_after(data: bytes) -> None:
    """Parse a result host's Retry-After, which gives seconds that are not negative."""
    assert _retry_after(data.decode("latin-1")) >= 0
