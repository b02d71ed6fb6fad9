"""What to do about each thing that the API says no to."""

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
    "batch_not_cancellable": "Nothing of it waits any more.",
    "batch_not_retryable": "Wait for its end: `wan-video batch wait ID`. What was refused is to be mended in the file.",
    "video_not_ready": "Wait for it: `wan-video wait ID --download .`",
    "video_not_cancellable": "What Wan has begun is billed and delivered; what has ended stays as it is.",
    "video_not_deletable": "Wait for its end: `wan-video wait ID`.",
    "video_not_retryable": "Wait for its end: `wan-video wait ID`. Another of the same is made by `generate`.",
    "video_gone": "`wan-video retry ID` makes what failed again, as a new billed video; what was deleted is gone.",
    "task_claimed": "`wan-video list` shows which of yours it is, unless it is another owner's.",
    "idempotency_key_reused": "Leave --idempotency-key out: every request gets a new one.",
    "body_too_large": "Make the prompt and the metadata shorter.",
    "not_found": "Check the address: it is the stack's output ApiUrl, with the stage at its end.",
}


def refused(status: int, problem: Mapping[str, Any], seconds: float | None, token_from: str) -> Refused:
    """A problem document (RFC 9457) as an error; `seconds` is its Retry-After."""
    code = str((problem.get("error") or {}).get("code") or "refused")
    details = [str(error["detail"]) for error in problem.get("errors") or []]
    what = "\n".join(details) or str(problem["detail"])
    remedy = _BY_CODE.get(code, "")
    if status == HTTPStatus.UNAUTHORIZED:
        what = f"The API does not know the token of {token_from}."
        remedy = HOW_TO_GET_ONE if token_from == THIS_LOGIN else f"{HOW_TO_GET_ONE} {LOG_IN}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        remedy = f"Try again in {seconds:.0f} s." if seconds is not None else "Try again in a while."
    return Refused(what, remedy, status=status, code=code, details=details)
