"""`wan-video token` with the tables of a stack in moto."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from boto3.session import Session
from typer.testing import CliRunner

from tools.harness.fake_aws import fake_aws, saved_state
from wan_video.adapters.dynamodb.tokens import DynamoTokens
from wan_video.domain.token import Token
from wan_video.errors import Unauthorized
from wan_video.services.authorize import Authorize
from wan_video_cli.errors import ExitCode
from wan_video_cli.main import app

STACK = {
    "Resources": {
        "Ledger": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
                "KeySchema": [
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            },
        }
    },
    "Outputs": {"LedgerTableName": {"Value": {"Ref": "Ledger"}}},
}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with fake_aws(deployed()):
        yield Session()


@cache
def deployed() -> bytes:
    """Return the state of an account in which the stack is deployed."""
    with fake_aws():
        Session().client("cloudformation").create_stack(StackName="wan-video", TemplateBody=json.dumps(STACK))
        return saved_state()


def authorize(aws: Session) -> Authorize:
    outputs = aws.client("cloudformation").describe_stacks(StackName="wan-video")["Stacks"][0]["Outputs"]
    return Authorize(DynamoTokens(aws.resource("dynamodb").meta.client, outputs[0]["OutputValue"]))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["token", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def listed() -> list[dict[str, Any]]:
    tokens: list[dict[str, Any]] = json.loads(run("list", "--json"))
    return tokens


def test_a_new_token_allows_the_api_as_its_owner(aws: Session) -> None:
    token = run("create", "--owner", "alice", "--scope", "read", "--daily-seconds", "60").strip()

    assert authorize(aws)(f"Bearer {token}") == Token("alice", frozenset({"read"}), 60)


def test_a_token_may_read_and_write_by_default(aws: Session) -> None:
    token = run("create").strip()

    assert authorize(aws)(f"Bearer {token}") == Token("default", frozenset({"read", "write"}), None)


def test_only_the_hash_of_a_token_is_stored(aws: Session) -> None:
    token = run("create", "--name", "laptop").strip()

    ledger = aws.resource("dynamodb").Table(aws.client("dynamodb").list_tables()["TableNames"][0])
    (item,) = ledger.scan()["Items"]
    assert item["sk"] == hashlib.sha256(token.encode()).hexdigest()
    assert token not in str(item)


def test_a_revoked_token_is_refused_and_still_listed(aws: Session) -> None:
    token = json.loads(run("create", "--json"))
    assert json.loads(run("revoke", token["id"], "--json")) == {"id": token["id"], "revoked": True}

    with pytest.raises(Unauthorized):
        authorize(aws)(f"Bearer {token['token']}")
    assert [one["id"] for one in listed() if one["revoked_at"]] == [token["id"]]


def test_revoke_says_for_how_long_the_token_still_works(aws: Session) -> None:
    token = json.loads(run("create", "--json"))
    said = " ".join(run("revoke", token["id"]).split())
    assert "is revoked" in said
    assert "five more minutes" in said


def test_the_list_shows_no_token(aws: Session) -> None:
    token = run("create", "--owner", "alice", "--name", "laptop").strip()

    shown = run("list")
    assert "alice" in shown
    assert token not in shown


def test_an_ambiguous_or_unknown_id_revokes_nothing(aws: Session) -> None:
    run("create")

    result = CliRunner().invoke(app, ["token", "revoke", "000000000000"])

    assert result.exit_code == ExitCode.NOT_USABLE
    assert "0 tokens have an id" in result.stderr
    assert listed()[0]["revoked_at"] is None


def test_a_missing_stack_is_reported_with_a_remedy(aws: Session) -> None:
    result = CliRunner().invoke(app, ["token", "list", "--stack", "elsewhere"])

    assert result.exit_code == ExitCode.REFUSED
    assert "'elsewhere' cannot be used" in result.stderr
    assert "--stack" in result.stderr


@pytest.mark.parametrize("verb", [["create"], ["list"], ["revoke", "beef"]], ids=" ".join)
@pytest.mark.parametrize("missing", ["AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"])
def test_missing_credentials_or_a_missing_region_are_reported(
    aws: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str, verb: list[str]
) -> None:
    monkeypatch.delenv(missing)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    result = CliRunner().invoke(app, ["token", *verb])

    assert result.exit_code == ExitCode.NOT_USABLE
    assert "AWS_PROFILE and AWS_REGION" in result.stderr


@pytest.mark.parametrize("other", [None, "us-east-1"])
def test_the_region_comes_from_aws_region_first(
    aws: Session, monkeypatch: pytest.MonkeyPatch, other: str | None
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    if other is not None:
        monkeypatch.setenv("AWS_DEFAULT_REGION", other)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert run("create").strip().startswith("wv_")


@pytest.mark.parametrize("owner", ["*", "a#b", "", "Zoë", "x" * 65])
def test_an_owner_that_would_break_keys_or_headers_is_refused(aws: Session, owner: str) -> None:
    result = CliRunner().invoke(app, ["token", "create", "--owner", owner])

    assert result.exit_code == ExitCode.NOT_USABLE
    assert listed() == []
