"""The stack's own secret, from which the secrets of webhook endpoints are derived."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_secretsmanager import SecretsManagerClient


class StackSecret:
    """The secret, read when it is first needed."""

    def __init__(self, client: Callable[[], SecretsManagerClient], secret: str) -> None:
        self._client = client
        self._secret = secret

    def __call__(self) -> str:
        """Return the secret."""
        return self._text

    @cached_property
    def _text(self) -> str:
        return self._client().get_secret_value(SecretId=self._secret)["SecretString"]
