"""DashScope's formats: its bodies become our fields, our videos become its tasks, and our errors become its codes.

Sources: docs/wan-api.md; the official SDK `dashscope` 2.0.2, which always sends `input.extend_prompt`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus
from typing import Any, Final

from wan_video.domain.image import NO_REFERENCES, ImageReferences
from wan_video.domain.models import MODELS, NEGATIVE_PROMPT_LIMIT, Model, not_supported
from wan_video.domain.request import VideoFields
from wan_video.domain.sender import Sender
from wan_video.domain.task import TaskStatus
from wan_video.domain.video import Status, Video
from wan_video.errors import (
    BudgetExceeded,
    Forbidden,
    IdempotencyKeyReused,
    InvalidRequest,
    Unauthorized,
    VideoGone,
    VideoNotCancellable,
    WanError,
    WanVideoError,
)
from wan_video.wire.dashscope_media import Media, read_media, with_digests
from wan_video.wire.video_body import read_fields

Json = dict[str, Any]

_ZONE: Final = timezone(timedelta(hours=8))

_KNOWN_STATUSES: Final = frozenset(status for status in HTTPStatus if 400 <= status < 500)

_IN_INPUT: Final = ("prompt", "negative_prompt", "audio_url")
_IN_PARAMETERS: Final = (
    "negative_prompt", "size", "resolution", "duration", "audio", "prompt_extend", "watermark", "seed", "shot_type",
    "max_price",
)  # fmt: skip
MAX_KEY: Final = 255
_KEY: Final = re.compile(rf"[\x20-\x7e]{{1,{MAX_KEY}}}")
_SESSION: Final = re.compile(r"[\x21-\x7e]{1,200}")


class DashScopeError(WanVideoError):
    """Raised for an error that has a status, a code and a message of DashScope."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Order:
    """A create call: its fields, its images as it states them, and its body with digests in place of their bytes."""

    fields: VideoFields
    images: ImageReferences
    body: Json


def read_order(body: Any) -> Order:
    """Read a create call by DashScope's rules: unknown fields are ignored, long texts are cut.

    Raises DashScopeError, and InvalidRequest if a value has the wrong type.
    """
    if not isinstance(body, dict):
        raise _bad("BadRequest.IllegalInput", "The input parameter requires json format.")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise _bad("BadRequest.EmptyModel", 'Required parameter "model" missing from request.')
    if not isinstance(body.get("input"), dict):
        raise _bad("BadRequest.EmptyInput", "Required input parameter missing from request.")
    model = MODELS.get(body["model"])
    if model is None and (reason := not_supported(body["model"])):
        raise _bad("InvalidParameter", reason)
    if model is None:
        raise DashScopeError(HTTPStatus.NOT_FOUND, "ModelNotFound", f"The model {body['model']} does not exist.")
    inputs, parameters = body["input"], body.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise _bad("InvalidParameter", "parameters must be an object.")
    media = read_media(inputs, model) if model.takes_image else Media(NO_REFERENCES)
    is_without_prompt = bool(media.images) and inputs.get("prompt") in (None, "")
    if not is_without_prompt and (not isinstance(inputs.get("prompt"), str) or not inputs["prompt"].strip()):
        raise _bad(
            "InvalidParameter",
            "Required parameter(prompt) missing or invalid, please check the request parameters.",
        )
    given = {name: parameters[name] for name in _IN_PARAMETERS if parameters.get(name) is not None}
    given |= {name: inputs[name] for name in _IN_INPUT if inputs.get(name) not in (None, "")}
    if model.takes_image and model.image_member == "media":
        given.pop("audio_url", None)
    if media.audio_url is not None:
        given["audio_url"] = media.audio_url
    given = {"prompt": "", **given, "model": model.name}
    fields = _fields(model, given, parameters.get("ratio"))
    return Order(fields, media.images, with_digests(body, media.images))


def idempotency_key(headers: Mapping[str, str]) -> str | None:
    """Return the Idempotency-Key of a create, or None; raises DashScopeError if the key is not valid."""
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise _bad("InvalidParameter", f"An Idempotency-Key has 1 to {MAX_KEY} printable ASCII characters.")
    return key


def sender(headers: Mapping[str, str]) -> Sender:
    """Return how the SDK identifies itself; its second generation sends `aigc2` or `dashscope-v2` in a header.

    Source: `dashscope` 2.0.2, `v2/transport/_ident.py` and `v2/transport/http.py`; users can disable either header.
    """
    session = headers.get("x-dashscope-sdk-session-id") or ""
    client, agent = headers.get("x-dashscope-sdk-client") or "", headers.get("user-agent") or ""
    waits_long = client.rpartition("/")[2] == "aigc2" or agent.startswith("dashscope-v2")
    return Sender(session if _SESSION.fullmatch(session) else "", waits_long)


def _fields(model: Model, given: Json, ratio: Any) -> VideoFields:
    silent = model.audio_switch and given.get("audio") is False
    unknown = {
        "shot_type": not model.shot_types,
        "audio": not model.audio_switch,
        "negative_prompt": not model.negative_prompt,
        "audio_url": model.audio and (silent or not model.takes_audio_url),
        "size": model.image_sets_ratio,
    }
    given = {name: value for name, value in given.items() if not unknown.get(name)}
    if ratio is not None and not model.image_sets_ratio:
        given["aspect_ratio"] = ratio
    # A missing field has Wan's default, not the stack's, so that code written for Wan works without changes.
    given.setdefault("duration", model.default_seconds)
    if "size" not in given:
        given.setdefault("resolution", str(model.default_tier))
        given.setdefault("aspect_ratio", model.default_ratio)
    given["prompt"] = given["prompt"][: model.prompt_limit]
    if isinstance(given.get("negative_prompt"), str):
        given["negative_prompt"] = given["negative_prompt"][:NEGATIVE_PROMPT_LIMIT]
    return read_fields(given)


def created(video: Video, request_id: str) -> Json:
    """Return the answer to a create call."""
    return {"output": {"task_status": str(TaskStatus.PENDING), "task_id": video.id}, "request_id": request_id}


def task(video: Video, link: str | None, request_id: str) -> Json:
    """Return the answer about a task; `link` leads to the stored video, if there is one."""
    output: Json = {"task_id": video.id, "task_status": status_of(video), **_times(video)}
    answer: Json = {"request_id": request_id, "output": output}
    if video.status is Status.COMPLETED:
        output |= {"orig_prompt": video.request.prompt, "video_url": link or ""}
        if video.task is not None and video.task.actual_prompt:
            output["actual_prompt"] = video.task.actual_prompt
        answer["usage"] = _usage(video)
    elif video.error is not None and video.status.final:
        output |= {"code": video.error.code, "message": video.error.message}
    return answer


def unknown(task_id: str, request_id: str) -> Json:
    """Return the answer about a task that does not exist or belongs to another owner."""
    return {"request_id": request_id, "output": {"task_id": task_id, "task_status": str(TaskStatus.UNKNOWN)}}


def listed(video: Video) -> Json:
    """Return one entry of the task list; times are Unix milliseconds."""
    line: Json = {
        "task_id": video.id,
        "request_id": video.id,
        "model_name": video.request.model,
        "region": str(video.request.region),
        "status": status_of(video),
        "gmt_create": video.created_at * 1000,
        "start_time": (video.started_at or video.created_at) * 1000,
        "user_api_unique_key": f"apikey:v1:aigc:video-generation:video-synthesis:{video.request.model}",
    }
    return line if video.ended_at is None else {**line, "end_time": video.ended_at * 1000}


def page(videos: Sequence[Video], number: int, size: int, request_id: str) -> Json:
    """Return one page of the task list, from page 1; `data` is documented by Wan, and the 2.x SDK reads `tasks`."""
    shown = videos[(number - 1) * size : number * size]
    return {
        "total": len(videos),
        "data": [listed(video) for video in shown],
        "tasks": [{**listed(video), **_times(video)} for video in shown],
        "total_page": -(-len(videos) // size),
        "page_no": number,
        "page_size": size,
        "request_id": request_id,
    }


def status_of(video: Video) -> str:
    """Return DashScope's status of a video, which has succeeded once it is stored."""
    if video.status is Status.IN_PROGRESS:
        at_work = video.task is not None and video.task.status in (TaskStatus.RUNNING, TaskStatus.SUCCEEDED)
        return str(TaskStatus.RUNNING if at_work else TaskStatus.PENDING)
    words = {
        Status.COMPLETED: TaskStatus.SUCCEEDED,
        Status.FAILED: TaskStatus.FAILED,
        Status.EXPIRED: TaskStatus.FAILED,
        Status.CANCELLED: TaskStatus.CANCELED,
    }
    return str(words.get(video.status, TaskStatus.PENDING))


def parse_number(text: str) -> int:
    """Return a whole number of up to 9 ASCII digits; raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError(text)
    return int(text)


def parse_time(text: str) -> int:
    """Return the Unix seconds of `YYYYMMDDhhmmss` in UTC+8; raises ValueError."""
    if not (text.isascii() and text.isdigit() and len(text) == 14):
        raise ValueError(text)
    return int(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=_ZONE).timestamp())


def as_dashscope_error(error: Exception) -> DashScopeError:
    """Return the DashScope error for any error."""
    match error:
        case DashScopeError():
            return error
        case InvalidRequest():
            return _bad("InvalidParameter", str(error))
        case IdempotencyKeyReused() | VideoGone():
            return _bad("InvalidParameter", str(error))
        case Unauthorized():
            return DashScopeError(HTTPStatus.UNAUTHORIZED, "InvalidApiKey", "Invalid API-key provided.")
        case Forbidden():
            return DashScopeError(HTTPStatus.FORBIDDEN, "AccessDenied", str(error))
        case BudgetExceeded():
            return DashScopeError(HTTPStatus.TOO_MANY_REQUESTS, "Throttling.AllocationQuota", str(error))
        case VideoNotCancellable():
            return _bad(
                "UnsupportedOperation", "Failed to cancel the task, please confirm if the task is in PENDING status."
            )
        case WanError() if error.status in _KNOWN_STATUSES:
            return DashScopeError(HTTPStatus(error.status), error.code, error.message)
        case _:
            return DashScopeError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "InternalError",
                "An internal error has occured, please try again later.",
            )


def _bad(code: str, message: str) -> DashScopeError:
    return DashScopeError(HTTPStatus.BAD_REQUEST, code, message)


def _usage(video: Video) -> Json:
    """Return what was billed, in the format that Wan uses for the model."""
    request, usage, model = video.request, video.usage, MODELS[video.request.model]
    seconds = usage.seconds if usage is not None else request.most_seconds
    size = str(request.size).replace("x", "*")
    lines = int(request.tier.removesuffix("P"))
    if model.usage == "video_ratio":
        return {"video_count": 1, "video_duration": seconds, "video_ratio": size}
    if model.usage == "length":
        return {"duration": seconds, "video_count": 1, "SR": lines}
    shape: Json = {"size": size} if model.usage == "size" else {"ratio": request.ratio}
    if model.usage == "lengths":
        shape = {"audio": request.audio} if model.audio_switch else {}
    lengths: Json = {"duration": seconds, "input_video_duration": 0, "output_video_duration": seconds}
    if model.usage == "decimals":
        stated = float(usage.stated) if usage is not None else float(seconds)
        lengths = {"duration": stated, "input_video_duration": 0.0, "output_video_duration": stated}
        ratio = usage.aspect_ratio if usage is not None else None
        shape = {"ratio": ratio or request.ratio, "fps": model.fps}
    return {**lengths, "video_count": 1, "SR": lines, **shape}


def _times(video: Video) -> Json:
    """Return when a task was submitted, started and ended, as text, without the times that are not known yet."""
    times = {"submit_time": video.created_at, "scheduled_time": video.started_at, "end_time": video.ended_at}
    return {name: _time(seconds) for name, seconds in times.items() if seconds is not None}


def _time(seconds: int) -> str:
    """Return a time as Wan writes it: in UTC+8, without a time zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(_ZONE).strftime("%Y-%m-%d %H:%M:%S.000")
