"""The routes of a video's file: a redirect to it, and its description."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.api.app import App
from functions.api.callers import asks_for_head, base_url_of, caller_of
from functions.api.openapi import answers
from wan_video.services.api.content import Content
from wan_video.wire.documents.content import FileDocument

FOLLOWED: Final[Any] = {
    "description": "The file, for clients that follow the redirect.",
    "content": {
        "video/mp4": {"schema": {"type": "string", "format": "binary"}},
        "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
    },
}

VARIANTS: Final = (
    "The file: the video, its document as JSON, or its thumbnail, a JPEG. A thumbnail is made after the video is "
    "completed, if the stack makes thumbnails: until then the answer is 409 with `Retry-After`, and it is 404 if there "
    "will be none. There are no spritesheets."
)


def add_routes(app: App, content: Content) -> None:
    """Add these routes to the resolver."""

    @app.get(
        "/v1/videos/<video_id>/content",
        operation_id="getVideoContent",
        summary="Download a video",
        description="Redirects to a link that works for several minutes. Repeat the request for a new link.",
        responses={**answers({302: None}, 403, 404, 409, 410), 200: FOLLOWED},
    )
    def redirect(
        video_id: str,
        variant: Annotated[Literal["video", "metadata", "thumbnail"], Query(description=VARIANTS)] = "video",
        index: Annotated[
            int, Query(ge=0, le=0, description="The index of the file, always 0; some clients send it.")
        ] = 0,
    ) -> Response[Any]:
        link = content.link(caller_of(app), video_id, variant, head=asks_for_head(app))
        return Response(HTTPStatus.FOUND, headers={"Location": link, "Cache-Control": "no-store"})

    @app.get(
        "/v1/videos/<video_id>/file",
        operation_id="getVideoFile",
        summary="Show a video's file",
        description="Returns the location of the file, its checksums, and links to it.",
        responses=answers({200: FileDocument}, 403, 404, 409, 410),
    )
    def file(video_id: str) -> Response[FileDocument]:
        found = content.file(caller_of(app), video_id)
        path = content.lasting_path(found.video)
        shown = FileDocument(
            **asdict(found.object),
            url=found.url,
            download_url=found.download_url,
            thumbnail_url=found.thumbnail_url,
            expires_at=found.expires_at,
            lasting_url=f"{base_url_of(app)}{path}" if path else None,
        )
        return Response(HTTPStatus.OK, "application/json", shown, {"Cache-Control": "no-store"})
