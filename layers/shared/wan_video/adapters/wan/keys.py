"""Wan's API keys: one JSON secret, keyed by region, kept for five minutes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from wan_video.errors import WanUnauthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from wan_video.domain.models import Region

KEEP_SECONDS: Final = 300


class SecretKeys:
    """The keys of the secret, read when they are first needed, after five minutes, and when `refresh` is called."""

    def __init__(
        self, client: SecretsManagerClient, secret: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret = secret
        self._monotonic = monotonic
        self._keys: dict[str, str] = {}
        self._read_at = float("-inf")

    def key(self, region: Region) -> str:
        """Return the region's key. Raises WanUnauthorized if the secret does not contain one."""
        # A missing key is looked up each time, because it is usually being added.
        if self._monotonic() - self._read_at > KEEP_SECONDS or not self._keys.get(region):
            self._read()
        key = self._keys.get(region, "")
        if not key:
            raise WanUnauthorized("KeyMissing", f"The stack's secret has no key {region!r}.")
        if not (key.isascii() and key.isprintable()):
            # Such a key cannot be sent in a header. Noticed during a submission, it would leave the outcome uncertain.
            raise WanUnauthorized("KeyInvalid", f"The key {region!r} in the stack's secret is not plain ASCII text.")
        return key

    def refresh(self, region: Region) -> bool:
        """Read the secret again; return whether the region's key has changed."""
        before = self._keys.get(region)
        self._read()
        return self._keys.get(region) not in (None, before)

    def _read(self) -> None:
        text = self._client.get_secret_value(SecretId=self._secret)["SecretString"]
        try:
            keys = json.loads(text)
        except ValueError:
            keys = None
        if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
            # `from None` and no text: the secret must not reach a traceback.
            raise WanUnauthorized(
                "KeyMissing", 'The stack\'s secret is not JSON like {"singapore": "sk-..."}.'
            ) from None
        self._keys = {region: key.strip() for region, key in keys.items()}
        self._read_at = self._monotonic()
