"""Every create of npm's `ai` with `@ai-sdk/alibaba` that the project relies on, made against a recorder.

`python -m tests.integration.sdk.record_ai` writes what it sent to `tests/golden/ai_requests.json`; it needs npm.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.e2e.clients import node
from tests.integration.sdk.record import KEY
from tests.integration.sdk.recorder import Json, Recorder, recording

GOLDEN: Final = Path(__file__).parents[2] / "golden" / "ai_requests.json"

_PROMPT: Final = "a fox sits in a leather chair"
_OPTIONS: Final[Json] = {"promptExtend": False, "watermark": True}

CALLS: Final[Json] = {
    "create, wan2.7": {
        "model": "wan2.7-t2v",
        "video": {"prompt": _PROMPT, "resolution": "1280x720", "aspectRatio": "9:16", "duration": 2, "seed": 7},
        "alibaba": _OPTIONS,
    },
    "create, wan3.0": {
        "model": "wan3.0-video",
        "video": {"prompt": _PROMPT, "resolution": "1280x720", "aspectRatio": "9:16", "duration": 5, "seed": 7},
        "alibaba": _OPTIONS | {"audio": False},
    },
    "create, wan3.0, adaptive": {
        "model": "wan3.0-video-prime",
        "video": {"prompt": _PROMPT, "resolution": "832x480", "duration": -1},
        "alibaba": {"ratio": "adaptive"},
    },
    **{
        f"create, image, {model}": {
            "model": model,
            "video": {"prompt": {"image": "QUJD", "text": "the fox runs"}, "resolution": "1280x720", "duration": 5},
            "alibaba": {},
        }
        for model in ("wan2.6-i2v", "wan2.7-i2v", "wan3.0-video")
    },
    "create, only a prompt": {"model": "wan3.0-video", "video": {"prompt": "a fox"}, "alibaba": {}},
}
"""Each create by its name: the model, the arguments of `startVideo`, and Alibaba's own options."""


def record_ai(recorder: Recorder) -> Json:
    """Make every creation, and return the requests of each by its name."""
    recorded: Json = {}
    for name, call in CALLS.items():
        node.run("ai.mjs", {"do": "create", "baseURL": recorder.origin, "apiKey": KEY, **call})
        recorded[name] = recorder.take()
    return recorded


def golden_ai() -> Json:
    """Return the recorded requests as they are committed."""
    document: Json = json.loads(GOLDEN.read_text())
    return document


if __name__ == "__main__":
    with recording() as one:
        GOLDEN.write_text(json.dumps(record_ai(one), indent=2, ensure_ascii=False) + "\n")
