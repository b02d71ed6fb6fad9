"""The path at which the API is mounted: a stage, the base path of a custom domain, or a domain's root."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote


def without_base_path(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event with the path of its route.

    On a custom domain, `path` begins with the mapping's base path (`/wan/v1/videos`), while `resource` and
    `pathParameters.proxy` never include it (`/{proxy+}`, `v1/videos`).
    Source: API Gateway, "Input format of a Lambda function for proxy integration".
    """
    path: str = event["path"]
    base = before(path, _own_path(event))
    return {**event, "path": (path.removeprefix(base) if base else path) or "/"}


def before(path: str, own: str) -> str:
    """Return the part of a path before `own`, without a slash at its end; empty if the path does not end with `own`.

    API Gateway decodes path parameters, but not always the path.
    """
    for whole, end in ((path, own), (unquote(path), own), (unquote(path), unquote(own))):
        if own and whole.rstrip("/").endswith(end.rstrip("/")):
            return whole.rstrip("/").removesuffix(end.rstrip("/"))
    return ""


def _own_path(event: Mapping[str, Any]) -> str:
    """Return the path by API Gateway's resource, such as `/files/{proxy+}`."""
    parameters: Mapping[str, str] = event.get("pathParameters") or {}
    resource: str = event.get("resource") or ""
    return resource.replace("{proxy+}", parameters.get("proxy") or "")
