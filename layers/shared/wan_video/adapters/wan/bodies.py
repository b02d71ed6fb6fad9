"""The JSON of Wan's API: the body of a create call, and the members that are read from an answer.

Sources: Model Studio, "Wan text-to-video API reference", "Wan image-to-video API reference", "Wan 3.0 API reference".
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any, Final

from wan_video.domain.image import NO_ADDRESSES, ImageAddresses
from wan_video.domain.models import MODELS, Model, Size, Tier
from wan_video.domain.task import TaskAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wan_video.domain.request import VideoRequest

MESSAGE_LIMIT: Final = 1000
PROMPT_LIMIT: Final = max(model.prompt_limit for model in MODELS.values())
LINK_LIMIT: Final = 8192
"""The maximum number of characters kept of a text: a row may have 400 KB, and a notice 256 KB.

A truncated prompt could no longer be recognized.
"""

MILLISECOND: Final = Decimal("0.001")
"""The unit to which lengths are rounded up, because the table limits the digits of a number."""


def request_body(request: VideoRequest, addresses: ImageAddresses = NO_ADDRESSES) -> dict[str, Any]:
    """Return the body of a create call, in the protocol of the request's model; `addresses` are those of its images."""
    model = MODELS[request.model]
    inputs: dict[str, Any] = {"prompt": request.prompt} if request.prompt else {}
    if request.negative_prompt:
        inputs["negative_prompt"] = request.negative_prompt
    inputs |= _media(model, request, addresses)
    parameters: dict[str, Any] = {
        "prompt_extend": request.prompt_extend,
        "watermark": request.watermark,
        "seed": request.seed,
    }
    if model.protocol == "size":
        parameters["size"] = str(request.size).replace("x", "*")
    else:
        parameters["resolution"] = str(request.tier)
        if not model.image_sets_ratio:
            parameters["ratio"] = request.ratio
    if model.audio_switch:
        parameters["audio"] = request.audio
    if len(model.durations) > 1:
        parameters["duration"] = request.seconds
    if request.shot_type:
        parameters["shot_type"] = request.shot_type
    return {"model": request.model, "input": inputs, "parameters": parameters}


def _media(model: Model, request: VideoRequest, addresses: ImageAddresses) -> dict[str, Any]:
    """Return the members of `input` that name images and audio."""
    if model.image_member == "img_url":
        named = {"img_url": addresses.first_frame, "audio_url": request.audio_url}
        return {name: address for name, address in named.items() if address}
    frames = {"first_frame": addresses.first_frame, "last_frame": addresses.last_frame}
    audio = {"driving_audio": request.audio_url} if model.takes_image else {}
    media = [{"type": kind, "url": address} for kind, address in {**frames, **audio}.items() if address]
    others = {"audio_url": request.audio_url} if request.audio_url and not model.takes_image else {}
    return ({"media": media} if media else {}) | others


def headers(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that the body of a create call requires."""
    named = {"X-DashScope-Async": "enable"}
    inputs = body["input"]
    urls = [inputs.get("audio_url"), inputs.get("img_url"), *(item["url"] for item in inputs.get("media", ()))]
    if any(str(url).startswith("oss://") for url in urls):
        named["X-DashScope-OssResourceResolve"] = "enable"
    return named


def error_of(answer: Mapping[str, Any]) -> tuple[str | None, str, str | None]:
    """Return code, message and request id of an error answer."""
    return _text(answer.get("code")), _text(answer.get("message"), MESSAGE_LIMIT) or "", _text(answer.get("request_id"))


def task_of(answer: Mapping[str, Any]) -> TaskAnswer | None:
    """Return the task in an answer, with an empty status if it has none; None if the answer names no task."""
    output = answer.get("output")
    if not isinstance(output, dict):
        return None
    task_id = _text(output.get("task_id"))
    if task_id is None:
        return None
    return TaskAnswer(
        task_id=task_id,
        status=_text(output.get("task_status")) or "",
        request_id=_text(answer.get("request_id")),
        code=_text(output.get("code")),
        message=_text(output.get("message"), MESSAGE_LIMIT),
        submit_time=_text(output.get("submit_time")),
        scheduled_time=_text(output.get("scheduled_time")),
        end_time=_text(output.get("end_time")),
        orig_prompt=_prompt(output.get("orig_prompt")),
        actual_prompt=_text(output.get("actual_prompt"), PROMPT_LIMIT),
        video_url=_text(output.get("video_url"), LINK_LIMIT),
        **_made(answer.get("usage")),
    )


def _made(usage: Any) -> dict[str, Any]:
    """Return what Wan states about a video; members that it does not state are left out."""
    if not isinstance(usage, dict):
        return {}
    size = _text(usage.get("size") or usage.get("video_ratio"))
    ratio = _text(usage.get("ratio"))
    made = {"seconds": _seconds(usage), "size": _size(size), "tier": _tier(usage.get("SR")), "ratio": ratio}
    return {name: value for name, value in made.items() if value is not None}


def _seconds(usage: Mapping[str, Any]) -> Decimal | None:
    """Return billed seconds: `duration` since wan2.6, `video_duration` before; with decimals since wan3.0 (V)."""
    for name in ("duration", "video_duration", "output_video_duration"):
        value = usage.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 3600:
            return Decimal(str(value)).quantize(MILLISECOND, ROUND_CEILING)
    return None


def _size(text: str | None) -> Size | None:
    try:
        return Size.parse(text or "")
    except ValueError:
        return None


def _tier(lines: Any) -> Tier | None:
    """Return the tier of Wan's member SR, which is a plain number."""
    whole = int(lines) if isinstance(lines, float) and lines.is_integer() else lines
    return next((tier for tier in Tier if tier == f"{whole}P"), None)


def _prompt(value: Any) -> str | None:
    """Return the prompt that an answer states, which is "" for a task without a prompt; None if it states none."""
    return value[:PROMPT_LIMIT] if isinstance(value, str) else None


def _text(value: Any, limit: int = 200) -> str | None:
    """Return a text from Wan, truncated to `limit` characters; None for an empty text or another type."""
    return value[:limit] if isinstance(value, str) and value else None
