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
    """Reads keys when they are first asked for, and again after five minutes or when `refresh` is called."""

    def __init__(
        self, client: SecretsManagerClient, secret: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._secret = secret
        self._monotonic = monotonic
        self._keys: dict[str, str] = {}
        self._read_at = float("-inf")

    def key(self, region: Region) -> str:
        """The region's key; raises WanUnauthorized where the secret has none."""
        # A key that is not there yet is looked for each time: it is usually on its way.
        if self._monotonic() - self._read_at > KEEP_SECONDS or not self._keys.get(region):
            self._read()
        key = self._keys.get(region, "")
        if not key:
            raise WanUnauthorized("KeyMissing", f"The stack's secret has no key {region!r}.")
        if not (key.isascii() and key.isprintable()):
            # It cannot travel in a header; found out in the middle of a submission, it would leave doubt.
            raise WanUnauthorized("KeyInvalid", f"The key {region!r} in the stack's secret is not plain ASCII text.")
        return key

    def refresh(self, region: Region) -> bool:
        """Read the secret again; True where the region's key is another one now."""
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
