"""Advice for each error code with which the API refuses a request."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from wan_video_cli.errors import Refused
from wan_video_cli.settings import HOW_TO_GET_ONE, LOG_IN, THIS_LOGIN

_BY_CODE: Final = {
    "budget_exceeded": "Ask for less (--seconds, --size, --model), or raise the limit (--max-price, the day's budget).",
    "forbidden": "Make a token with that scope: `wan-video token create --scope read --scope write`.",
    "video_not_found": "`wan-video list` shows yours.",
    "batch_not_found": "`wan-video batch list` shows yours.",
    "batch_not_cancellable": "No video of this batch is waiting.",
    "batch_not_retryable": "Wait until it ends: `wan-video batch wait ID`. Correct the refused requests in the file.",
    "video_not_ready": "Wait for it: `wan-video wait ID --download .`",
    "thumbnail_not_ready": "Try again in a few seconds.",
    "thumbnail_not_found": "`wan-video download ID` saves the video itself.",
    "video_not_cancellable": "A video that Wan has begun is billed and delivered; an ended video does not change.",
    "video_not_deletable": "Wait until it ends: `wan-video wait ID`.",
    "video_not_retryable": "Wait until it ends: `wan-video wait ID`. `generate` makes another one of the same request.",
    "video_gone": "`wan-video retry ID` makes a failed video again, as a new billed video; a deleted video is gone.",
    "task_claimed": "`wan-video list` shows it if it is yours; otherwise it belongs to another owner.",
    "idempotency_key_reused": "Omit --idempotency-key: each request then gets a new key.",
    "body_too_large": "Shorten the prompt and the metadata.",
    "not_found": "Check the address: it is the stack's output ApiUrl, with the stage at its end.",
}


def refused(status: int, problem: Mapping[str, Any], seconds: float | None, token_from: str) -> Refused:
    """Turn a problem document (RFC 9457) into an error; `seconds` is its Retry-After."""
    code = str((problem.get("error") or {}).get("code") or "refused")
    details = [str(error["detail"]) for error in problem.get("errors") or []]
    what = "\n".join(details) or str(problem["detail"])
    remedy = _BY_CODE.get(code, "")
    if status == HTTPStatus.UNAUTHORIZED:
        what = f"The API does not know the token of {token_from}."
        remedy = HOW_TO_GET_ONE if token_from == THIS_LOGIN else f"{HOW_TO_GET_ONE} {LOG_IN}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        remedy = f"Try again in {seconds:.0f} s." if seconds is not None else "Try again later."
    return Refused(what, remedy, status=status, code=code, details=details)
