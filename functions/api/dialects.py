"""Answers for clients of `/v1/videos` whose schemas differ from OpenAI's.

A client that cannot read the answer to a create raises an error, and its caller creates, and pays for, another video.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

OPENROUTER: Final = "@openrouter/sdk"
"""A part of the `User-Agent`. The client's schema has no nulls, and an error is text (tested with version 1.3.19)."""


def spoken(event: Mapping[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to an event of API Gateway in the schema that its client reads."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    if OPENROUTER not in (headers.get("user-agent") or "") or not event["path"].startswith("/v1/videos"):
        return answer
    document = json.loads(answer["body"]) if _is_json(answer) else None
    if not isinstance(document, dict) or document.get("object") != "video":
        return answer
    return {**answer, "body": json.dumps(_for_openrouter(document), ensure_ascii=False)}


def _is_json(answer: Mapping[str, Any]) -> bool:
    types = answer.get("multiValueHeaders", {}).get("Content-Type", ())
    return bool(answer.get("body")) and any(kind.startswith("application/json") for kind in types)


def _for_openrouter(video: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in video.items() if value is not None}
    if "error" in shown:
        shown["error"] = shown["error"]["message"]
    if shown["status"] == "completed":
        shown["unsigned_urls"] = [f"{shown['polling_url']}/content"]
    return shown
