"""The routes of inputs, which are images that callers upload."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.api.app import App
from functions.api.callers import caller_of
from functions.api.openapi import answers
from wan_video import observe
from wan_video.errors import InvalidRequest, Problem
from wan_video.services.api.images import Images
from wan_video.wire.documents.inputs import DeletedInputDocument, InputDocument


def add_routes(app: App, images: Images) -> None:
    """Add the routes of inputs to the resolver."""
    app.takes_body("/v1/inputs", optional=True)

    @app.post(
        "/v1/inputs",
        operation_id="createInput",
        summary="Create an input",
        description="Returns an id for an image, and the PUT request that uploads it to S3, once and within one hour. "
        "Only requests of the same owner can use the id. The stack keeps an input for some weeks after its last use.",
        responses=answers({201: InputDocument}, 403, 413, 415),
    )
    def create() -> Response[InputDocument]:
        if app.current_event.json_body:
            raise InvalidRequest([Problem("", "A new input takes no fields; upload its file as `upload` says.")])
        made = images.create(caller_of(app))
        observe.record("api", action="create", input_id=made.id)
        upload = {"method": "PUT", "url": made.url, "headers": dict(made.headers), "expires_at": made.expires_at}
        document = InputDocument.model_validate({"id": made.id, "upload": upload})
        return Response(HTTPStatus.CREATED, "application/json", document)

    @app.delete(
        "/v1/inputs/<input_id>",
        operation_id="deleteInput",
        summary="Delete an input",
        description="Deletes an image. Videos that have not been submitted with it yet will fail without a bill.",
        responses=answers({200: DeletedInputDocument}, 403, 404),
    )
    def delete(input_id: str) -> Response[Any]:
        images.delete(caller_of(app), input_id)
        observe.record("api", action="delete", input_id=input_id)
        return Response(HTTPStatus.OK, "application/json", DeletedInputDocument(id=input_id, deleted=True))
