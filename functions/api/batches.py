"""The routes of batches."""

from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from functions.api.app import App
from functions.api.callers import caller_of
from functions.api.openapi import answers
from functions.api.parameters import DryRun, IdempotencyKey
from functions.api.videos import RETRY_AT_ANY_PRICE, priced
from wan_video import observe
from wan_video.domain.batch import Batch
from wan_video.services.api.batches import OwnBatches, Upload
from wan_video.wire.batch_body import BatchBody
from wan_video.wire.documents.batches import BatchDocument, BatchListDocument
from wan_video.wire.documents.videos import QuoteDocument
from wan_video.wire.video_body import RetryBody


def add_routes(app: App, own_batches: OwnBatches) -> None:
    """Add the routes of batches to the resolver."""
    app.takes_body("/v1/batches")
    app.takes_body("/v1/batches/<batch_id>/retry", optional=True)

    def shown(status: HTTPStatus, batch: Batch, upload: Upload | None = None) -> Response[BatchDocument]:
        headers: dict[str, Any] = {}
        if not batch.status.final:
            headers = {"Retry-After": str(ceil(own_batches.poll_after()))}
        document = _document(own_batches.describe(batch), upload, own_batches.report_links(batch))
        return Response(status, "application/json", document, headers)

    @app.post(
        "/v1/batches",
        operation_id="createBatch",
        summary="Create a batch",
        description="The batch waits for its file. Send the file to S3 with the PUT request described in `upload`, "
        "once and within one hour.",
        responses=answers({202: BatchDocument}, 403, 413, 415, 422),
    )
    def create(body: Annotated[BatchBody, Body()], idempotency_key: IdempotencyKey = None) -> Response[BatchDocument]:
        batch, upload = own_batches.create(
            caller_of(app), body.name, body.content_type, idempotency_key, body.callback_url
        )
        observe.record("api", action="create", batch_id=batch.id)
        return shown(HTTPStatus.ACCEPTED, batch, upload)

    @app.get(
        "/v1/batches",
        operation_id="listBatches",
        summary="List batches",
        description="Returns the caller's batches page by page, newest first.",
        responses=answers({200: BatchListDocument}, 403),
    )
    def list_batches(
        after: Annotated[str | None, Query(description="The id of the batch after which the page begins.")] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Response[BatchListDocument]:
        batches, has_more = own_batches.list(caller_of(app), limit, after)
        page = BatchListDocument(
            data=[_document(own_batches.describe(batch)) for batch in batches],
            has_more=has_more,
            first_id=batches[0].id if batches else None,
            last_id=batches[-1].id if batches else None,
        )
        return Response(HTTPStatus.OK, "application/json", page)

    @app.get(
        "/v1/batches/<batch_id>",
        operation_id="getBatch",
        summary="Show a batch",
        description="The counts of its requests are always exact.",
        responses=answers({200: BatchDocument}, 403, 404),
    )
    def retrieve(batch_id: str) -> Response[BatchDocument]:
        return shown(HTTPStatus.OK, own_batches.retrieve(caller_of(app), batch_id))

    @app.post(
        "/v1/batches/<batch_id>/cancel",
        operation_id="cancelBatch",
        summary="Cancel a batch",
        description="Cancels the videos that are waiting, at no cost. Videos that have started continue.",
        responses=answers({200: BatchDocument}, 403, 404, 409),
    )
    def cancel(batch_id: str) -> Response[BatchDocument]:
        batch = own_batches.cancel(caller_of(app), batch_id)
        observe.record("api", action="cancel", batch_id=batch_id)
        return shown(HTTPStatus.OK, batch)

    @app.post(
        "/v1/batches/<batch_id>/retry",
        operation_id="retryBatch",
        summary="Retry the failures of a batch",
        description="Creates a new batch of new billable videos with the same custom ids. "
        "Repeating the request returns the same new batch. `max_price` limits the sum of their estimates, and no video "
        "then costs more than its failure was estimated to cost. With `dry_run`, only this sum is returned.",
        responses=answers({200: QuoteDocument, 202: BatchDocument}, 402, 403, 404, 409, 413, 415, 422),
    )
    def retry(
        batch_id: str,
        body: Annotated[RetryBody, Body()] = RETRY_AT_ANY_PRICE,
        dry_run: DryRun = False,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[Any]:
        caller = caller_of(app)
        if dry_run:
            return priced(own_batches.quote_retry(caller, batch_id, body.max_price))
        batch = own_batches.retry(caller, batch_id, idempotency_key, body.max_price)
        observe.record("api", action="retry", batch_id=batch.id)
        return shown(HTTPStatus.ACCEPTED, batch)


def _document(
    batch: Mapping[str, Any], upload: Upload | None = None, reports: Mapping[str, str] | None = None
) -> BatchDocument:
    sent = None
    if upload is not None:
        sent = {"method": "PUT", "url": upload.url, "headers": dict(upload.headers), "expires_at": upload.expires_at}
    return BatchDocument.model_validate({**batch, "upload": sent, "reports": reports})
