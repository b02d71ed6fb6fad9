"""api: the REST front door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wan_video import bootstrap

if TYPE_CHECKING:
    from functions.api.app import App


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take API Gateway's proxy event; answer its proxy response."""
    return _app().resolve(event, context)


@bootstrap.once
def _app() -> App:
    from functions.api.routes import resolver

    return resolver(bootstrap.api(), bootstrap.authorize)
