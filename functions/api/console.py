"""The console: the page at the API's root, and the three files that it loads.

The page's modules are served as one file, because each file is one invocation of this function at the same time. The
path of the files contains a digest of their content, so that a browser caches them until they change.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from typing import Any, Final

from aws_lambda_powertools.event_handler import Response

from functions.api.app import App
from functions.api.callers import base_path_of
from wan_video.services.api.batches import OwnBatches
from wan_video.services.api.content import Content
from wan_video.services.api.images import Images

FOLDER: Final = Path(__file__).parent / "console"

_IMPORT: Final = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)

_EVERYWHERE: Final = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    kind: str
    text: str


def add_routes(app: App, content: Content, batches: OwnBatches, images: Images) -> None:
    """Add the page and its files to the resolver."""

    @app.get("/", include_in_schema=False)
    def page() -> Response[Any]:
        base = escape(f"{base_path_of(app)}/")
        text = Template((FOLDER / "index.html").read_text(encoding="utf-8")).substitute(base=base, version=version())
        headers: dict[str, Any] = {
            **_EVERYWHERE,
            "ETag": f'"{_digest(text)}"',
            "Cache-Control": "no-cache",
            "Content-Security-Policy": policy(
                videos=content.origin(), uploads=(batches.upload_origin(), images.upload_origin())
            ),
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        if headers["ETag"] in (app.current_event.headers.get("if-none-match") or ""):
            return Response(HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(HTTPStatus.OK, "text/html; charset=utf-8", text, headers)

    @app.get("/console/<version_asked>/<name>", include_in_schema=False)
    def file(version_asked: str, name: str) -> Response[Any]:
        found = files().get(name) if version_asked == version() else None
        if found is None:
            return app.problem(HTTPStatus.NOT_FOUND, "not_found", f"The path {app.current_event.path} does not exist.")
        headers: dict[str, Any] = {
            **_EVERYWHERE,
            "ETag": f'"{version()}"',
            "Cache-Control": "public, max-age=31536000, immutable",
        }
        return Response(HTTPStatus.OK, found.kind, found.text, headers)


def policy(*, videos: str, uploads: Sequence[str]) -> str:
    """Return the page's Content-Security-Policy.

    It allows the page's own files and the API, videos and their thumbnails from the origin `videos`, and uploads to the
    origins `uploads`.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {videos}",
            f"media-src {videos}",
            f"connect-src 'self' {' '.join(dict.fromkeys(uploads))}",
            "base-uri 'self'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


@cache
def files() -> Mapping[str, File]:
    """Return the files that the page loads, by name."""
    modules = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js")}
    return {
        "console.js": File("text/javascript; charset=utf-8", joined(modules, "main")),
        "console.css": File("text/css; charset=utf-8", (FOLDER / "console.css").read_text(encoding="utf-8")),
        "icon.svg": File("image/svg+xml", (FOLDER / "icon.svg").read_text(encoding="utf-8")),
    }


@cache
def version() -> str:
    """Return a digest of the content of all files."""
    return _digest("\0".join(file.text for file in files().values()))


def joined(modules: Mapping[str, str], entry: str) -> str:
    """Join JavaScript modules into one file: each module has its own scope and follows the modules it imports."""
    done: dict[str, str] = {}

    def add(name: str) -> None:
        if name in done:
            return
        done[name] = ""  # marks it as seen, which ends an import cycle; it is added again after its imports
        for imported in _IMPORT.findall(modules[name]):
            add(imported)
        del done[name]
        names = ", ".join(_EXPORT.findall(modules[name]))
        body = _EXPORT.sub("", _IMPORT.sub("", modules[name]))
        done[name] = f"const {{ {names} }} = (() => {{\n{body}return {{ {names} }};\n}})();\n"

    add(entry)
    return "\n".join(done.values())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
