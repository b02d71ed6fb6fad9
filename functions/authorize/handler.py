"""authorize: the API's authorizer, from a bearer token to an owner."""

from __future__ import annotations

from typing import Any

from wan_video import bootstrap
from wan_video.errors import Unauthorized


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Take API Gateway's TOKEN event; answer a policy for the whole API with the caller as context."""
    try:
        token = bootstrap.authorize()(event["authorizationToken"])
    except Unauthorized:
        # API Gateway answers 401 to exactly this message; any other error is a 500, and a Deny a 403.
        raise Exception("Unauthorized") from None  # noqa: TRY002
    # The policy is cached for the token, whatever route it was made for: it must cover them all.
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
