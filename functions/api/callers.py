"""Who is asking, by what the authorizer found out."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from wan_video.ports.tokens import Token


def caller_of(app: APIGatewayRestResolver) -> Token:
    """The token of the request at hand."""
    context: dict[str, Any] = app.current_event.raw_event["requestContext"]["authorizer"]
    daily_seconds = context.get("daily_seconds")
    return Token(
        owner=context["owner"],
        scopes=frozenset(context["scopes"].split()),
        daily_seconds=int(daily_seconds) if daily_seconds is not None else None,
    )


def instance_of(event: Mapping[str, Any]) -> str:
    """The id of a request."""
    return event["requestContext"].get("requestId") or ""


def base_url_of(app: APIGatewayRestResolver) -> str:
    """Where this API answers, as the caller sees it: host, and what stands before the path."""
    event = app.current_event
    context: dict[str, Any] = event.raw_event["requestContext"]
    prefix = context.get("path", event.path).removesuffix(event.path)
    scheme = event.headers.get("x-forwarded-proto", "http")  # API Gateway always says it
    return f"{scheme}://{event.headers.get('host', '')}{prefix}"
