"""The receivers of docs/events.md accept what `notify` sends, and nothing else."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from tests.e2e.clients import node
from tools.harness.samples import NOW
from tools.readme import snippet
from wan_video.adapters.signatures import sign
from wan_video.domain.webhook import WebhookEndpoint

ENDPOINT = WebhookEndpoint(id="whe_1", owner="alice", created_at=NOW, url="https://example.com/wan")
(SECRET,) = ENDPOINT.secrets("a" * 64, NOW)
(STRANGE,) = ENDPOINT.secrets("b" * 64, NOW)
BODY = json.dumps({"id": "evt_1", "type": "video.completed", "data": {"id": "video_1"}})


def headers(secret: str = SECRET) -> dict[str, str]:
    """Return the headers of a request that is sent now."""
    at = int(datetime.now(UTC).timestamp())
    signature = sign(secret, "evt_1", at, BODY)
    return {"webhook-id": "evt_1", "webhook-timestamp": str(at), "webhook-signature": signature}


def test_the_receiver_in_python_returns_the_event_and_refuses_another_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAN_VIDEO_WEBHOOK_SECRET", SECRET)
    scope: dict[str, Any] = {}
    exec(snippet("docs/events.md", "python webhook"), scope)
    assert scope["receive"](BODY, headers()) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        scope["receive"](BODY, headers(STRANGE))


@pytest.mark.slow
def test_the_receiver_in_typescript_returns_the_event_and_refuses_another_secret() -> None:
    command = node.node()
    use = (
        "const { good, bad, body } = JSON.parse(process.env.GIVEN!);\n"
        "let refused = false;\n"
        "try { receive(body, bad); } catch { refused = true; }\n"
        "console.log(JSON.stringify({ event: receive(body, good), refused }));\n"
    )
    given = {"good": headers(), "bad": headers(STRANGE), "body": BODY}
    script = snippet("docs/events.md", "ts webhook") + use
    done = subprocess.run(
        [str(command), "--experimental-strip-types", "--input-type=module-typescript", "--eval", script],
        cwd=node.FOLDER,
        env={"WAN_VIDEO_WEBHOOK_SECRET": SECRET, "GIVEN": json.dumps(given)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"event": json.loads(BODY), "refused": True}
