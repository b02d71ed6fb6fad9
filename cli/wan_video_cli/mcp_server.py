"""The Model Context Protocol server of `wan-video mcp`: its tools and its resource.

Agents repeat a call that timed out. Each call of `generate_video` therefore sends an Idempotency-Key that is a hash
of the account and the arguments, so that the same call makes one video; only another `take` makes another one.
Nothing is billed before the agent has named a `max_price`.
"""

# The SDK reads the annotations of the tools at run time, so this module needs them as objects.
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, Any, Final, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError
from mcp_types import CallToolResult, ContentBlock, ResourceLink, TextContent, ToolAnnotations
from pydantic import Field

from wan_video_cli.api import Api, Document, path_of
from wan_video_cli.download import CHUNK_BYTES, Variant
from wan_video_cli.errors import CommandError, NotUsable, Refused

OpenApi = Callable[[], Api]

READ_BYTES: Final = 64 * 1024 * 1024
"""The largest video, in bytes, that a resource read returns; `wan-video download` saves a larger one."""

LIST_LIMIT: Final = 100
TAKES: Final = 1000

CONTENT_URI: Final = "wan-video://videos/{video_id}/content"

INSTRUCTIONS: Final = """\
Make videos from text with Alibaba's Wan models. A video costs money and takes one to several minutes.
1. Call generate_video without max_price: it returns the price, makes nothing and bills nothing.
2. Ask the user whether the price is acceptable, then call generate_video again with max_price. It returns at once.
3. Call get_video with the returned id every poll_after_seconds until its status is completed, failed, cancelled or \
expired.
If a call times out, repeat it with the same arguments: they make one video, which is billed once. take=2 makes \
another video from the same arguments."""

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled", "expired"]
VideoId = Annotated[str, Field(description="The id of the video, such as video_0123.")]


def build(open_api: OpenApi, account: str) -> MCPServer[Any]:
    """Build the server. Each call opens the API by `open_api`; `account` is part of the key of every video."""
    tools = Tools(open_api, account)
    server: MCPServer[Any] = MCPServer(
        "wan-video", title="Wan Video", version=version("wan-video"), instructions=INSTRUCTIONS, log_level="WARNING"
    )
    reads = ToolAnnotations(read_only_hint=True)
    server.add_tool(tools.generate_video, annotations=ToolAnnotations(destructive_hint=False, idempotent_hint=True))
    server.add_tool(tools.get_video, annotations=reads)
    server.add_tool(tools.list_videos, annotations=reads)
    server.add_tool(tools.cancel_video, annotations=ToolAnnotations(destructive_hint=True, idempotent_hint=True))
    server.add_tool(tools.usage, annotations=reads)
    server.resource(
        CONTENT_URI, name="video content", description="The MP4 of a completed video.", mime_type="video/mp4"
    )(tools.content)
    return server


class Tools:
    """The tools. Each returns the API's document, or raises ToolError with what happened and what to do."""

    def __init__(self, open_api: OpenApi, account: str) -> None:
        self._open_api = open_api
        self._account = account

    def generate_video(
        self,
        prompt: Annotated[str, Field(description="What the video shows.")],
        max_price: Annotated[
            str | None,
            Field(description="The highest price you accept, in the stack's currency. Without it, nothing is made."),
        ] = None,
        take: Annotated[
            int, Field(ge=1, le=TAKES, description="1 for the first video of these arguments, 2 for another one.")
        ] = 1,
        model: Annotated[str | None, Field(description="A model of this stack, such as wan2.6-t2v.")] = None,
        size: Annotated[str | None, Field(description="Width and height in pixels, such as 1280x720.")] = None,
        resolution: Annotated[str | None, Field(description="Such as 720P, instead of size.")] = None,
        aspect_ratio: Annotated[str | None, Field(description="Such as 16:9 or adaptive, instead of size.")] = None,
        seconds: Annotated[int | None, Field(description="The length; -1 where the model can choose it.")] = None,
        region: Annotated[str | None, Field(description="The region in which Wan makes it.")] = None,
        negative_prompt: Annotated[str | None, Field(description="What the video must not show.")] = None,
        seed: Annotated[int | None, Field(description="The same seed makes a similar video.")] = None,
        audio_url: Annotated[str | None, Field(description="Public URL of a wav or mp3 sound track.")] = None,
        audio: Annotated[bool | None, Field(description="Whether it has sound, where the model has a choice.")] = None,
        shot_type: Annotated[str | None, Field(description="single or multi.")] = None,
        prompt_extend: Annotated[bool | None, Field(description="Whether Wan rewrites the prompt.")] = None,
        watermark: Annotated[bool | None, Field(description="Whether Wan adds its watermark.")] = None,
    ) -> CallToolResult:
        """Make a video from a prompt.

        Without max_price, return the price and make nothing. With max_price, queue the video and return at once; then
        call get_video until it has ended. The same arguments make one video, which is billed once; take=2 makes
        another one. A failed or deleted video is made again only by another take.
        """
        fields = {
            "prompt": prompt,
            "model": model,
            "size": size,
            "resolution": resolution,
            "aspect_ratio": aspect_ratio,
            "seconds": seconds,
            "region": region,
            "negative_prompt": negative_prompt,
            "seed": seed,
            "audio_url": audio_url,
            "audio": audio,
            "shot_type": shot_type,
            "prompt_extend": prompt_extend,
            "watermark": watermark,
        }
        request = {name: value for name, value in fields.items() if value is not None}
        with self._api() as api:
            if max_price is None:
                quote = api.post("/v1/videos", request, dry_run="true")
                return _result({**quote, "made": False, "next": _next(quote)})
            try:
                body = {**request, "max_price": max_price}
                return _result(api.post("/v1/videos", body, key=key_of(self._account, request, take)))
            except Refused as error:
                if error.code != "idempotency_key_reused":
                    raise
                what = "These arguments have already made a video, with another max_price."
                raise NotUsable(what, "list_videos shows it. take=2 makes another one, which is billed.") from None

    def get_video(self, video_id: VideoId) -> CallToolResult:
        """Get a video: its status, progress, price and error, and a link to the MP4 once it is completed."""
        with self._api() as api:
            reading = api.video(video_id)
        return _result(reading.document, poll_after_seconds=reading.ask_again)

    def list_videos(
        self,
        limit: Annotated[int, Field(ge=1, le=LIST_LIMIT, description="How many videos to list.")] = 20,
        status: Annotated[Status | None, Field(description="Only videos of this status.")] = None,
        after: Annotated[str | None, Field(description="The last_id of the previous page.")] = None,
    ) -> CallToolResult:
        """List videos, newest first."""
        with self._api() as api:
            return _result(api.get("/v1/videos", limit=limit, status=status, after=after))

    def cancel_video(self, video_id: VideoId) -> CallToolResult:
        """Cancel a waiting video at no cost. A video that Wan has begun is billed and delivered."""
        with self._api() as api:
            return _result(api.post(path_of(video_id, "cancel")))

    def usage(self) -> CallToolResult:
        """Get the seconds and the money spent today and this month, and the limits."""
        with self._api() as api:
            return _result(api.get("/v1/usage"))

    def content(self, video_id: str) -> bytes:
        """Return the MP4 of a completed video. Raises ResourceError."""
        try:
            with self._open_api() as api:
                stored = api.stored(video_id, Variant.VIDEO)
                if stored.length is None or stored.length > READ_BYTES:
                    what = f"The video has more than {READ_BYTES} bytes."
                    raise NotUsable(what, f"`wan-video download {video_id}` saves it.")
                with api.fetch(stored.link, 0, None) as answer:
                    data = read_at_most(answer.iter_content(CHUNK_BYTES), stored.length)
        except CommandError as error:
            raise ResourceError(_words(error)) from None
        if data is None:
            raise ResourceError(f"The storage sent more than the {stored.length} bytes of the video. Read it again.")
        if len(data) != stored.length:
            raise ResourceError("The connection to the storage broke. Read the resource again.")
        return data

    @contextmanager
    def _api(self) -> Iterator[Api]:
        try:
            with self._open_api() as api:
                yield api
        except CommandError as error:
            raise ToolError(_words(error)) from None


def read_at_most(chunks: Iterable[bytes], length: int) -> bytes | None:
    """Join chunks of bytes; returns None, and reads no further, as soon as there are more than `length` bytes."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > length:
            return None
    return bytes(data)


def key_of(account: str, request: Mapping[str, Any], take: int) -> str:
    """Return the Idempotency-Key of a request: a hash of account, arguments and take, the same for the same call."""
    text = json.dumps([account, request, take], sort_keys=True, separators=(",", ":"))
    return f"mcp-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def _next(quote: Document) -> str:
    """Say what an agent can do after a dry run."""
    if quote["estimate"] is None:
        return "The price is not known, so no max_price can be kept. Choose another model or region."
    warning = "" if quote["estimate"].get("confirmed", True) else "The price is a third party's statement. "
    return f"{warning}Call again with max_price to make the video."


def _result(document: Document, *, poll_after_seconds: float | None = None) -> CallToolResult:
    """Return a document as text and as structured content; a completed video gets a link to its MP4."""
    shown = dict(document)
    if poll_after_seconds is not None:
        shown["poll_after_seconds"] = poll_after_seconds
    content: list[ContentBlock] = [TextContent(text=json.dumps(shown, ensure_ascii=False))]
    if shown.get("object") == "video" and shown.get("status") == "completed":
        name = f"{shown['id']}.mp4"
        uri = CONTENT_URI.format(video_id=shown["id"])
        content.append(ResourceLink(name=name, uri=uri, mime_type="video/mp4", size=shown.get("bytes")))
    return CallToolResult(content=content, structured_content=shown)


def _words(error: CommandError) -> str:
    return f"{error.what} {error.remedy}".strip()
