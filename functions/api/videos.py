"""The routes of videos."""

from collections.abc import Sequence
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any, Final, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Query

from functions.api.app import App
from functions.api.callers import base_url_of, caller_of
from functions.api.openapi import answers
from wan_video import observe
from wan_video.domain.document import money
from wan_video.domain.listing import VideoQuery
from wan_video.domain.names import MODEL_NAME, VIDEO_ID
from wan_video.domain.price import Estimate
from wan_video.domain.queue import POSITION_LIMIT
from wan_video.domain.video import Status, Video
from wan_video.services.api import Api
from wan_video.wire.answers import fitting
from wan_video.wire.documents import DeletedDocument, QuoteDocument, VideoDocument, VideoListDocument
from wan_video.wire.video_body import ImportBody, RetryBody, VideoBody, fields_of

POLL_AFTER_SECONDS: Final = 15

STATUSES: Final = {
    "queued": (Status.QUEUED, Status.STARTING),
    "in_progress": (Status.IN_PROGRESS,),
    "completed": (Status.COMPLETED,),
    "failed": (Status.FAILED,),
    "cancelled": (Status.CANCELLED,),
    "expired": (Status.EXPIRED,),
}
"""What a status of the API means on the rows."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="The same key and body of one owner make one thing, however often they are sent.",
    ),
]
RETRY_AT_ANY_PRICE: Final = RetryBody()
DryRun = Annotated[bool, Query(description="Check and price the request; store nothing.")]
PublicStatus = Literal["queued", "in_progress", "completed", "failed", "cancelled", "expired"]


def retries_of(app: App) -> int | None:
    """How often an SDK made by Stainless (the `openai` one is) says that it has sent this request before."""
    told = app.current_event.headers.get("x-stainless-retry-count") or ""
    return int(told) if told.isascii() and told.isdigit() and len(told) < 4 else None


def add_routes(app: App, api: Api) -> None:
    """Put the routes of videos on the resolver."""
    app.takes_body("/v1/videos")
    app.takes_body("/v1/videos/import")
    app.takes_body("/v1/videos/<video_id>/retry", optional=True)

    def shown(status: HTTPStatus, video: Video) -> Response[VideoDocument]:
        headers: dict[str, Any] = {}
        if not video.status.final:
            pause = api.clock.real_seconds(POLL_AFTER_SECONDS)
            headers = {"Retry-After": str(ceil(pause)), "openai-poll-after-ms": str(ceil(pause * 1000))}
        position = api.position(video)
        place = f"{POSITION_LIMIT}+" if position == POSITION_LIMIT else position
        body = {**_documents(app, api, [video])[0], "queue_position": place}
        return Response(status, "application/json", VideoDocument.model_validate(body), headers)

    @app.post(
        "/v1/videos",
        operation_id="createVideo",
        summary="Ask for a video",
        description="It is stored and queued, and paid for at most once. With dry_run it is only checked and priced.",
        responses=answers({200: QuoteDocument, 202: VideoDocument}, 402, 403, 410, 413, 415, 422),
    )
    def create(
        body: Annotated[VideoBody, Body()],
        dry_run: DryRun = False,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Any]:
        caller, fields = caller_of(app), fields_of(body)
        if dry_run:
            return _priced(api.quote(caller, fields))
        video = api.create(caller, fields, app.current_event.json_body, idempotency_key, retries_of(app))
        observe.record("api", action="create", video_id=video.id)
        return shown(HTTPStatus.ACCEPTED, video)

    @app.get(
        "/v1/videos",
        operation_id="listVideos",
        summary="List videos",
        description="The caller's videos by their creation, those of a batch in the order of its file, page by page.",
        responses=answers({200: VideoListDocument}, 403),
    )
    def list_videos(
        after: Annotated[str | None, Query(description="The id of the video to go on after.")] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        order: Annotated[Literal["asc", "desc"], Query(description="By time of creation.")] = "desc",
        status: Annotated[PublicStatus | None, Query()] = None,
        model: Annotated[str | None, Query(pattern=f"^{MODEL_NAME.pattern}$")] = None,
        batch_id: Annotated[
            str | None, Query(pattern=f"^{VIDEO_ID.pattern}$", description="The videos of one batch.")
        ] = None,
    ) -> Response[VideoListDocument]:
        query = VideoQuery(
            limit=limit,
            descending=order == "desc",
            statuses=STATUSES[status] if status is not None else (),
            model=model,
            batch_id=batch_id,
        )
        page = api.list(caller_of(app), query, after)
        documents = _documents(app, api, page.videos)
        shown = fitting(documents)
        # A page that is cut ends at its last video; one that is whole may end after rows that it leaves out.
        cut = shown < len(documents)
        found = VideoListDocument(
            data=[VideoDocument.model_validate(document) for document in documents[:shown]],
            has_more=page.has_more or cut,
            first_id=page.videos[0].id if page.videos else None,
            last_id=page.videos[shown - 1].id if cut else page.last_id,
        )
        return Response(HTTPStatus.OK, "application/json", found)

    @app.post(
        "/v1/videos/import",
        operation_id="importVideo",
        summary="Adopt a Wan task",
        description="A task that exists at Wan is polled and delivered, and never submitted. "
        "Wan is asked for it first: a task that Wan does not know is a 400. "
        "While Wan cannot be asked, 20 unconfirmed tasks of an owner are taken.",
        responses=answers({202: VideoDocument}, 402, 403, 409, 410, 413, 415),
    )
    def import_video(body: Annotated[ImportBody, Body()]) -> Response[VideoDocument]:
        video = api.import_task(caller_of(app), body.task_id, fields_of(body))
        observe.record("api", action="import", video_id=video.id, task_id=body.task_id)
        return shown(HTTPStatus.ACCEPTED, video)

    @app.get(
        "/v1/videos/<video_id>",
        operation_id="getVideo",
        summary="Show a video",
        responses=answers({200: VideoDocument}, 403, 404),
    )
    def retrieve(video_id: str) -> Response[VideoDocument]:
        return shown(HTTPStatus.OK, api.retrieve(caller_of(app), video_id))

    @app.delete(
        "/v1/videos/<video_id>",
        operation_id="deleteVideo",
        summary="Delete a video that has ended",
        responses=answers({200: DeletedDocument}, 403, 404, 409),
    )
    def delete(video_id: str) -> Response[DeletedDocument]:
        api.delete(caller_of(app), video_id)
        observe.record("api", action="delete", video_id=video_id)
        return Response(HTTPStatus.OK, "application/json", DeletedDocument(id=video_id))

    @app.post(
        "/v1/videos/<video_id>/cancel",
        operation_id="cancelVideo",
        summary="Cancel a video that waits",
        description=(
            "Free while it waits, here or at Wan. What Wan has begun is a 409: it is billed and delivered. A video "
            "that is being submitted is a 409 too, and so is one about which Wan does not answer within 8 seconds."
        ),
        responses=answers({200: VideoDocument}, 403, 404, 409),
    )
    def cancel(video_id: str) -> Response[VideoDocument]:
        video = api.cancel(caller_of(app), video_id)
        observe.record("api", action="cancel", video_id=video_id)
        return shown(HTTPStatus.OK, video)

    @app.post(
        "/v1/videos/<video_id>/retry",
        operation_id="retryVideo",
        summary="Make a video again",
        description="A new video of the same request, at today's price: a new billable task. "
        "With dry_run it is only checked and priced.",
        responses=answers({200: QuoteDocument, 202: VideoDocument}, 402, 403, 404, 409, 410, 413, 415, 422),
    )
    def retry(
        video_id: str,
        body: Annotated[RetryBody, Body()] = RETRY_AT_ANY_PRICE,
        dry_run: DryRun = False,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Any]:
        caller = caller_of(app)
        if dry_run:
            return _priced(api.quote_retry(caller, video_id, body.max_price))
        wanted = app.current_event.json_body
        video = api.retry(caller, video_id, wanted, body.max_price, idempotency_key, retries_of(app))
        observe.record("api", action="retry", video_id=video.id)
        return shown(HTTPStatus.ACCEPTED, video)


def _priced(estimate: Estimate) -> Response[QuoteDocument]:
    price = {**money(estimate), "priced_on": estimate.priced_on}
    return Response(HTTPStatus.OK, "application/json", QuoteDocument.model_validate({"estimate": price}))


def _documents(app: App, api: Api, videos: Sequence[Video]) -> list[dict[str, Any]]:
    """Videos as the API shows them, each with the address at which to ask for it again."""
    base = base_url_of(app)
    return [{**shown, "polling_url": f"{base}/v1/videos/{shown['id']}"} for shown in api.documents(videos)]
