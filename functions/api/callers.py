"""Who is asking, by what the authorizer found out."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from functions.api.paths import before
from wan_video.domain.token import Token


def caller_of(app: APIGatewayRestResolver) -> Token:
    """The token of the request at hand."""
    context: dict[str, Any] = app.current_event.raw_event["requestContext"]["authorizer"]
    daily_seconds = context.get("daily_seconds")
    return Token(
        owner=context["owner"],
        scopes=frozenset(context["scopes"].split()),
        daily_seconds=int(daily_seconds) if daily_seconds is not None else None,
    )


def asks_for_head(app: APIGatewayRestResolver) -> bool:
    """Whether the request at hand is a HEAD, which is routed as the GET it stands for."""
    context: dict[str, Any] = app.current_event.raw_event["requestContext"]
    return context.get("httpMethod") == "HEAD"


def instance_of(event: Mapping[str, Any]) -> str:
    """The id of a request."""
    return event["requestContext"].get("requestId") or ""


def base_path_of(app: APIGatewayRestResolver) -> str:
    """The stage or base path before this API's own paths, as the caller sees it; empty at a domain's root."""
    event = app.current_event
    context: dict[str, Any] = event.raw_event["requestContext"]
    base = before(context.get("path", event.path), event.path).strip("/")
    # One slash: a link that begins with two leads to another host.
    return f"/{base}" if base else ""


def base_url_of(app: APIGatewayRestResolver) -> str:
    """Where this API answers, as the caller sees it: host, and what stands before its own paths."""
    headers = app.current_event.headers
    scheme = headers.get("x-forwarded-proto", "http")  # API Gateway always says it
    return f"{scheme}://{headers.get('host', '')}{base_path_of(app)}"
