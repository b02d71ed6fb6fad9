"""Start a function as Lambda does: from the output of `sam build` and the template's environment only."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from tools.harness.stack import Stack
from tools.template import logical_id

ENVIRONMENT: Final = {
    **Stack.environment(Stack(None, "arn:aws:sns:::t", "", "arn:aws:states:::m", "arn:aws:secretsmanager:::s")),  # type: ignore[arg-type]
    **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "testing"),
    "POWERTOOLS_SERVICE_NAME": "service",
}


def paths(built: Path, word: str, layer: Path | None = None) -> list[str]:
    """Return the folders from which a function imports: its own and those of its layers."""
    more = [built / "ThumbnailLayer/python"] if word == "thumbnail" else []
    return [str(path) for path in (built / logical_id(word), layer or built / "SharedLayer/python", *more)]


def start_command(built: Path, word: str, layer: Path | None = None) -> list[str]:
    """Return a command that does what a function does before its first call: imports, clients, routes, logger.

    `layer` replaces the layer that was built. As on Lambda, Python sees neither this checkout nor this environment
    (-I, -S) and writes no .pyc files (-B).
    """
    imports, service = start_lines(built, word, layer)
    return [sys.executable, "-B", "-I", "-S", "-c", f"{imports}\n{service}\nobserve.logger()"]


def start_lines(built: Path, word: str, layer: Path | None = None) -> tuple[str, str]:
    """Return the statements that import a function, and the statement that creates its service.

    `api` also loads the routes of videos, as the first request for a video does.
    """
    path = paths(built, word, layer)
    imports = (
        f"import sys; sys.path[:0] = {path!r}\n"
        f"from functions.{word} import handler\n"
        "from wan_video import bootstrap, observe"
    )
    return imports, "handler._app().load('/v1/videos')" if word == "api" else f"bootstrap.{word}()"
