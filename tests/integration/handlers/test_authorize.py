"""Tokens in the authorizer."""

from __future__ import annotations

import pytest

from tests.integration.handlers.project import TOKEN, Project, put_token
from tools.harness.lambdas import event, invoke


def test_a_valid_token_allows_the_whole_api_and_names_the_caller(project: Project) -> None:
    put_token(project.stack, daily_seconds=60)
    policy = invoke("authorize", event("authorizer_token"))
    assert policy["principalId"] == "alice"
    assert policy["context"] == {"owner": "alice", "scopes": "read write", "daily_seconds": "60"}
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/v1/*",
    }


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wv_unknown", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_any_other_token_is_exactly_the_error_that_api_gateway_turns_into_a_401(project: Project, header: str) -> None:
    put_token(project.stack)
    with pytest.raises(Exception, match=r"^Unauthorized$") as caught:
        invoke("authorize", event("authorizer_token") | {"authorizationToken": header})
    assert type(caught.value) is Exception
    assert caught.value.__suppress_context__


def test_a_revoked_token_is_refused(project: Project) -> None:
    put_token(project.stack, revoked_at=1)
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        invoke("authorize", event("authorizer_token"))
