"""authorize: the API's Lambda authorizer, which returns the owner of a bearer token."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap
from wan_video.errors import Unauthorized


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer API Gateway's TOKEN event with a policy for the whole API and the caller as its context."""
    try:
        token = bootstrap.authorize()(event["authorizationToken"])
    except Unauthorized:
        # API Gateway answers 401 for exactly this message, 500 for any other error, and 403 for a Deny.
        raise Exception("Unauthorized") from None  # noqa: TRY002
    # The policy is cached by token and used for all routes, so it must cover all of them.
    api, stage = event["methodArn"].split("/")[:2]
    resource = f"{api}/{stage}/*"
    context_of_caller = {"owner": token.owner, "scopes": " ".join(sorted(token.scopes))}
    if token.daily_seconds is not None:
        context_of_caller["daily_seconds"] = str(token.daily_seconds)
    return {
        "principalId": token.owner,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": resource}],
        },
        "context": context_of_caller,
    }
