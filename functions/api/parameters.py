"""Parameters that routes of several groups take."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header, Query

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x20-\x7e]+$",
        description="Requests of one owner with the same key and body have one result, however often they are sent.",
    ),
]

DryRun = Annotated[bool, Query(description="Validate and price the request without storing it.")]
