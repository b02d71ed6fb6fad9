"""The routes of webhook endpoints."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from functions.api.app import App
from functions.api.callers import caller_of
from functions.api.openapi import answers
from functions.api.parameters import IdempotencyKey
from wan_video import observe
from wan_video.domain.delivery import Delivery, DeliveryStatus
from wan_video.errors import InvalidRequest, Problem
from wan_video.services.api.webhooks import OwnWebhooks, Shown
from wan_video.wire.documents.webhooks import (
    AttemptDocument,
    DeletedEndpointDocument,
    WebhookDeliveryDocument,
    WebhookDeliveryListDocument,
    WebhookEndpointDocument,
    WebhookEndpointListDocument,
)
from wan_video.wire.webhook_body import ReplayBody, WebhookEndpointBody


def add_routes(app: App, own_webhooks: OwnWebhooks) -> None:
    """Add the routes of webhook endpoints to the resolver."""
    app.takes_body("/v1/webhook_endpoints")
    app.takes_body("/v1/webhook_endpoints/<endpoint_id>/rotate", optional=True)
    app.takes_body("/v1/webhook_endpoints/<endpoint_id>/enable", optional=True)
    app.takes_body("/v1/webhook_endpoints/<endpoint_id>/test", optional=True)
    app.takes_body("/v1/webhook_endpoints/<endpoint_id>/replay")

    @app.post(
        "/v1/webhook_endpoints",
        operation_id="createWebhookEndpoint",
        summary="Create a webhook endpoint",
        description="Final events of your videos and batches are posted to its URL, signed as Standard Webhooks "
        "describes. The answer contains the secret, which is not shown again. An owner has up to ten endpoints.",
        responses=answers({201: WebhookEndpointDocument}, 403, 409, 413, 415, 422),
    )
    def create(
        body: Annotated[WebhookEndpointBody, Body()], idempotency_key: IdempotencyKey = None
    ) -> Response[WebhookEndpointDocument]:
        caller = caller_of(app)
        shown, secret = own_webhooks.create(caller, body.url, body.event_types, body.description, idempotency_key)
        observe.record("api", action="create", endpoint_id=shown.endpoint.id)
        return Response(HTTPStatus.CREATED, "application/json", _endpoint(shown, secret))

    @app.get(
        "/v1/webhook_endpoints",
        operation_id="listWebhookEndpoints",
        summary="List webhook endpoints",
        description="Returns all endpoints of the caller's owner, the oldest first.",
        responses=answers({200: WebhookEndpointListDocument}, 403),
    )
    def list_endpoints() -> Response[WebhookEndpointListDocument]:
        listed = WebhookEndpointListDocument(data=[_endpoint(shown) for shown in own_webhooks.list(caller_of(app))])
        return Response(HTTPStatus.OK, "application/json", listed)

    @app.get(
        "/v1/webhook_endpoints/<endpoint_id>",
        operation_id="getWebhookEndpoint",
        summary="Show a webhook endpoint",
        responses=answers({200: WebhookEndpointDocument}, 403, 404),
    )
    def retrieve(endpoint_id: str) -> Response[WebhookEndpointDocument]:
        shown = own_webhooks.retrieve(caller_of(app), endpoint_id)
        return Response(HTTPStatus.OK, "application/json", _endpoint(shown))

    @app.delete(
        "/v1/webhook_endpoints/<endpoint_id>",
        operation_id="deleteWebhookEndpoint",
        summary="Delete a webhook endpoint",
        description="Events that have not been delivered to it are no longer delivered.",
        responses=answers({200: DeletedEndpointDocument}, 403, 404, 409),
    )
    def delete(endpoint_id: str) -> Response[DeletedEndpointDocument]:
        own_webhooks.delete(caller_of(app), endpoint_id)
        observe.record("api", action="delete", endpoint_id=endpoint_id)
        return Response(HTTPStatus.OK, "application/json", DeletedEndpointDocument(id=endpoint_id))

    @app.post(
        "/v1/webhook_endpoints/<endpoint_id>/rotate",
        operation_id="rotateWebhookSecret",
        summary="Replace the secret of a webhook endpoint",
        description="The answer contains the new secret, which is not shown again. For 24 hours, events are signed "
        "with both secrets.",
        responses=answers({200: WebhookEndpointDocument}, 403, 404, 409, 413, 415),
    )
    def rotate(endpoint_id: str) -> Response[WebhookEndpointDocument]:
        _expect_no_fields(app)
        shown, secret = own_webhooks.rotate(caller_of(app), endpoint_id)
        observe.record("api", action="rotate", endpoint_id=endpoint_id)
        return Response(HTTPStatus.OK, "application/json", _endpoint(shown, secret))

    @app.post(
        "/v1/webhook_endpoints/<endpoint_id>/enable",
        operation_id="enableWebhookEndpoint",
        summary="Enable a webhook endpoint",
        description="Sends events again to an endpoint that was disabled because its receiver answered 410. Events of "
        "the meantime can be replayed if they were to be delivered before it was disabled. An endpoint that is not "
        "disabled stays as it is.",
        responses=answers({200: WebhookEndpointDocument}, 403, 404, 409, 413, 415),
    )
    def enable(endpoint_id: str) -> Response[WebhookEndpointDocument]:
        _expect_no_fields(app)
        shown = own_webhooks.enable(caller_of(app), endpoint_id)
        observe.record("api", action="enable", endpoint_id=endpoint_id)
        return Response(HTTPStatus.OK, "application/json", _endpoint(shown))

    @app.post(
        "/v1/webhook_endpoints/<endpoint_id>/test",
        operation_id="testWebhookEndpoint",
        summary="Send a test event",
        description="Sends an event of the type `webhook.test` in the same way as all others, whatever types the "
        "endpoint selects.",
        responses=answers({202: WebhookDeliveryDocument}, 403, 404, 409, 413, 415),
    )
    def test(endpoint_id: str) -> Response[WebhookDeliveryDocument]:
        _expect_no_fields(app)
        delivery = own_webhooks.test(caller_of(app), endpoint_id)
        observe.record("api", action="test", endpoint_id=endpoint_id)
        return Response(HTTPStatus.ACCEPTED, "application/json", _delivery(delivery))

    @app.get(
        "/v1/webhook_endpoints/<endpoint_id>/deliveries",
        operation_id="listWebhookDeliveries",
        summary="List the deliveries of a webhook endpoint",
        description="Returns the deliveries of the last 100 events, the latest first. They are kept for 30 days.",
        responses=answers({200: WebhookDeliveryListDocument}, 403, 404),
    )
    def deliveries(endpoint_id: str) -> Response[WebhookDeliveryListDocument]:
        return _deliveries(HTTPStatus.OK, own_webhooks.list_deliveries(caller_of(app), endpoint_id))

    @app.post(
        "/v1/webhook_endpoints/<endpoint_id>/replay",
        operation_id="replayWebhookDeliveries",
        summary="Deliver events again",
        description="Delivers one event again, or up to 100 whose deliveries failed, with the same ids. "
        "Repeat the request with the time of the last one for more.",
        responses=answers({202: WebhookDeliveryListDocument}, 403, 404, 409, 413, 415),
    )
    def replay(endpoint_id: str, body: Annotated[ReplayBody, Body()]) -> Response[WebhookDeliveryListDocument]:
        replayed = own_webhooks.replay(caller_of(app), endpoint_id, body.delivery_id, body.failed_since)
        observe.record("api", action="replay", endpoint_id=endpoint_id, deliveries=len(replayed))
        return _deliveries(HTTPStatus.ACCEPTED, replayed)


def _expect_no_fields(app: App) -> None:
    if app.current_event.json_body:
        raise InvalidRequest([Problem("", "This request takes no fields.")])


def _endpoint(shown: Shown, secret: str | None = None) -> WebhookEndpointDocument:
    endpoint = shown.endpoint
    return WebhookEndpointDocument(
        id=endpoint.id,
        url=endpoint.url,
        event_types=sorted(endpoint.event_types) if endpoint.event_types is not None else None,
        description=endpoint.description,
        status=shown.status,
        failures=shown.lane.failures,
        created_at=endpoint.created_at,
        secret=secret,
        previous_secret_valid_until=shown.previous_until,
    )


def _deliveries(status: HTTPStatus, deliveries: Sequence[Delivery]) -> Response[WebhookDeliveryListDocument]:
    listed = WebhookDeliveryListDocument(data=[_delivery(delivery) for delivery in deliveries])
    return Response(status, "application/json", listed)


def _delivery(delivery: Delivery) -> WebhookDeliveryDocument:
    last = None
    if delivery.last_attempt_at is not None and delivery.last_outcome is not None:
        outcome = delivery.last_outcome
        last = AttemptDocument(at=delivery.last_attempt_at, status_code=outcome.status_code, error=outcome.error)
    pending = delivery.status is DeliveryStatus.PENDING
    return WebhookDeliveryDocument.model_validate(
        {
            "id": delivery.id,
            "endpoint_id": delivery.endpoint_id,
            "event_id": delivery.event_id,
            "event_type": delivery.event_type,
            "status": str(delivery.status),
            "attempts": delivery.attempts,
            "created_at": delivery.created_at,
            "next_attempt_at": delivery.due_at if pending else None,
            "last_attempt": last,
            "error": delivery.error,
            "ended_at": delivery.ended_at,
        }
    )
