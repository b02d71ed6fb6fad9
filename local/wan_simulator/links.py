"""Signed links to results: OSS's query signature of the first version, for 24 hours.

Source: Alibaba Cloud OSS, "Add signatures to URLs" (V1): the base64 of an HMAC-SHA1 over method, headers, expiry and
the resource's name. Anyone who has the link can read the video, so it is a credential.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from wan_simulator.tasks import KEPT_SECONDS, Task

_BUCKETS = {
    "beijing": "dashscope-result-bj",
    "singapore": "dashscope-result-sgp",
    "virginia": "dashscope-result-us",
    "frankfurt": "dashscope-result-fra",
    "hongkong": "dashscope-result-hk",
    "tokyo": "dashscope-result-tyo",
}
"""The buckets of results; only the names of Beijing's and Singapore's were seen."""


class LinkError(Exception):
    """Raised for a link that is not valid; carries OSS's code and message, and the HTTP status."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and checks links under `origin` (scheme, host and port) with one access key."""

    origin: str
    key_id: str
    secret: bytes

    def link(self, task: Task) -> str:
        """Return the link to an ended task's video; it stays the same, and expires 24 hours after the task's end."""
        assert task.ended_at is not None
        resource = object_name(task)
        expires = str(int(task.ended_at + KEPT_SECONDS))
        query = {"Expires": expires, "OSSAccessKeyId": self.key_id, "Signature": self._sign("GET", expires, resource)}
        return f"{self.origin}/{quote(resource)}?{urlencode(query, quote_via=quote, safe='')}"

    def check(self, method: str, resource: str, query: dict[str, str], now: float) -> None:
        """Check the signature of a call; raises LinkError as OSS would answer."""
        expires, signature = query.get("Expires", ""), query.get("Signature", "")
        if query.get("OSSAccessKeyId") != self.key_id or not (expires.isdigit() and signature):
            raise LinkError(403, "AccessDenied", "You have no right to access this object because of bucket acl.")
        if now > int(expires):
            raise LinkError(403, "AccessDenied", "Request has expired.")
        if not hmac.compare_digest(signature, self._sign(method, expires, resource)):
            message = "The request signature we calculated does not match the signature you provided."
            raise LinkError(403, "SignatureDoesNotMatch", message)

    def _sign(self, method: str, expires: str, resource: str) -> str:
        text = f"{method}\n\n\n{expires}\n/{resource}"
        return base64.b64encode(hmac.new(self.secret, text.encode(), hashlib.sha1).digest()).decode()


def object_name(task: Task) -> str:
    """Return bucket and key of a task's video, in Wan's form: `<bucket>/1d/65/20260919/2766d9c6/<task id>.mp4`."""
    digest = hashlib.sha256(task.id.encode()).hexdigest()
    day = datetime.fromtimestamp(task.submitted_at, UTC).strftime("%Y%m%d")
    return f"{_BUCKETS[task.region]}/{digest[:2]}/{digest[2:4]}/{day}/{digest[4:12]}/{task.id}.mp4"


def task_id_of(resource: str) -> str:
    """Return the id of the task whose video is at `resource`, or whatever has its position in the name."""
    return resource.rpartition("/")[2].removesuffix(".mp4")
