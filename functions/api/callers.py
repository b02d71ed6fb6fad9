"""The caller of a request, as the authorizer identified it, and the address that the caller used."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from functions.api.paths import before
from wan_video.domain.token import Token


def caller_of(app: APIGatewayRestResolver) -> Token:
    """Return the token of the current request."""
    context: dict[str, Any] = app.current_event.raw_event["requestContext"]["authorizer"]
    daily_seconds = context.get("daily_seconds")
    return Token(
        owner=context["owner"],
        scopes=frozenset(context["scopes"].split()),
        daily_seconds=int(daily_seconds) if daily_seconds is not None else None,
    )


def asks_for_head(app: APIGatewayRestResolver) -> bool:
    """Return whether the current request is a HEAD, which is routed as a GET."""
    context: dict[str, Any] = app.current_event.raw_event["requestContext"]
    return context.get("httpMethod") == "HEAD"


def instance_of(event: Mapping[str, Any]) -> str:
    """Return the id of a request."""
    return event["requestContext"].get("requestId") or ""


def base_path_of(app: APIGatewayRestResolver) -> str:
    """Return the stage or base path before the API's own paths, as the caller sees it; empty at a domain's root."""
    event = app.current_event
    context: dict[str, Any] = event.raw_event["requestContext"]
    base = before(context.get("path", event.path), event.path).strip("/")
    # Exactly one slash: a link that begins with two slashes leads to another host.
    return f"/{base}" if base else ""


def base_url_of(app: APIGatewayRestResolver) -> str:
    """Return the URL of this API as the caller sees it: the host, and the path before the API's own paths."""
    headers = app.current_event.headers
    scheme = headers.get("x-forwarded-proto", "http")  # API Gateway always sets it
    return f"{scheme}://{headers.get('host', '')}{base_path_of(app)}"
