"""Files that callers upload for a task: the policy that permits them, the form, and the oss:// URL that they get.

A file belongs to the account and the model its policy was asked for, and lives 48 hours.
Sources: Model Studio, "Upload local files to get temporary URLs"; OSS, "PostObject".
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from wan_simulator.links import LinkError
from wan_video.domain.models import Region

UPLOADS_PER_SECOND: Final = 100
"""Policies an account may ask for per second and model."""
BUCKET: Final = "dashscope-file"
"""The bucket of uploads."""

_POLICY_SECONDS: Final = 300
_KEPT_SECONDS: Final = 48 * 60 * 60
_MEBIBYTE: Final = 1024 * 1024
_LARGEST_MEBIBYTES: Final = 100
_SCHEME: Final = "oss://"


@dataclass(frozen=True, slots=True)
class _Folder:
    """The folder of one policy: whose files it takes, and until when."""

    region: Region
    model: str
    open_until: float


@dataclass(slots=True)
class Uploads:
    """The files of all accounts; policies send callers to `origin` (scheme, host and port)."""

    origin: str
    key_id: str
    secret: bytes
    _folders: dict[str, _Folder] = field(default_factory=dict, init=False)
    _files: dict[str, tuple[bytes, float]] = field(default_factory=dict, init=False)

    def policy(self, region: Region, model: str, now: float, name: str) -> dict[str, Any]:
        """Return what a caller needs to upload files for `model`; `name` makes the folder unique."""
        folder = f"dashscope-instant/{region}/{datetime.fromtimestamp(now, UTC):%Y-%m-%d}/{name}"
        self._folders[folder] = _Folder(region, model, now + _POLICY_SECONDS)
        policy = {
            "expiration": f"{datetime.fromtimestamp(now + _POLICY_SECONDS, UTC):%Y-%m-%dT%H:%M:%S.000Z}",
            "conditions": [
                ["content-length-range", 0, _LARGEST_MEBIBYTES * _MEBIBYTE],
                ["starts-with", "$key", folder],
            ],
        }
        encoded = base64.b64encode(json.dumps(policy).encode()).decode()
        return {
            "policy": encoded,
            "signature": self._sign(encoded),
            "upload_dir": folder,
            "upload_host": f"{self.origin}/{BUCKET}",
            "expire_in_seconds": _POLICY_SECONDS,
            "max_file_size_mb": _LARGEST_MEBIBYTES,
            "capacity_limit_mb": 999_999_999,
            "oss_access_key_id": self.key_id,
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }

    def receive(self, form: Mapping[str, str], content: bytes, now: float) -> None:
        """Store a file at `now` by the fields of its form; raises LinkError as OSS would answer."""
        key = form.get("key", "")
        folder = self._folders.get(key.rpartition("/")[0])
        if form.get("OSSAccessKeyId") != self.key_id:
            raise LinkError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist.")
        if not hmac.compare_digest(form.get("Signature", ""), self._sign(form.get("policy", ""))):
            message = "The request signature we calculated does not match the signature you provided."
            raise LinkError(403, "SignatureDoesNotMatch", message)
        if folder is None:
            raise LinkError(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed.")
        if now > folder.open_until:
            raise LinkError(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        if len(content) > _LARGEST_MEBIBYTES * _MEBIBYTE:
            raise LinkError(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
        if key in self._files:
            raise LinkError(
                409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
            )
        self._files[key] = (content, now)

    def find(self, url: str, region: Region, model: str, now: float) -> bytes | None:
        """Return the file at an oss:// URL for a task of `region` and `model`, or None if it has no such file."""
        key = url.removeprefix(_SCHEME)
        folder = self._folders.get(key.rpartition("/")[0])
        content, since = self._files.get(key, (None, 0.0))
        if folder is None or (folder.region, folder.model) != (region, model) or now - since > _KEPT_SECONDS:
            return None
        return content

    def _sign(self, text: str) -> str:
        return base64.b64encode(hmac.new(self.secret, text.encode(), hashlib.sha1).digest()).decode()
