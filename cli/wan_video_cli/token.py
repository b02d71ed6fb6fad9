"""The command `wan-video token`: create and revoke a stack's bearer tokens with AWS credentials.

A token is shown once, when it is created. The stack keeps only its SHA-256, so no one can read it back.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wan_video_cli.commands import App
from wan_video_cli.errors import NotUsable
from wan_video_cli.options import JsonOption
from wan_video_cli.screen import emit, print_rows, say
from wan_video_cli.stack import converted_errors, output, session
from wan_video_cli.words import moment

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PARTITION: Final = "tokens"
ID_LENGTH: Final = 12
"""The number of characters of a token's hash that identify it on the screen."""


class Scope(enum.StrEnum):
    """What a token allows."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


StackOption = Annotated[str, typer.Option("--stack", envvar="WAN_VIDEO_STACK", help="Name of the stack.")]

app = App(help="Create, list and revoke bearer tokens.", no_args_is_help=True)


@app.command()
def create(
    owner: Annotated[str, typer.Option(help="The owner whose videos the token makes and sees.")] = "default",
    name: Annotated[str, typer.Option(help="A note for yourself, such as where it is used.")] = "",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="Repeat for several; read and write if none is given.")
    ] = None,
    daily_seconds: Annotated[
        int | None, typer.Option(min=1, help="Seconds of video the owner may start in a UTC day.")
    ] = None,
    stack: StackOption = "wan-video",
    as_json: JsonOption = False,
) -> None:
    """Create a token and show it once."""
    if not owner.isprintable() or not owner.isascii() or not 0 < len(owner) <= 64 or owner == "*" or "#" in owner:
        raise NotUsable(f"An owner cannot be called {owner!r}.", "Use 1 to 64 printable ASCII characters without '#'.")
    token, item = made(owner, name, scope or (Scope.READ, Scope.WRITE), daily_seconds)
    with converted_errors(stack):
        _ledger(stack).put_item(Item=item)
    if as_json:
        emit({**shown(item), "token": token})
    else:
        say(f"Token {shown(item)['id']} for {owner!r}; keep it, it is not shown again:")
        print(token)


@app.command("list")
def list_(stack: StackOption = "wan-video", as_json: JsonOption = False) -> None:
    """List the tokens."""
    with converted_errors(stack):
        tokens = [shown(item) for item in _items(_ledger(stack))]
    if as_json:
        emit(tokens)
        return
    columns = ("id", "owner", "scopes", "seconds a day", "made", "state", "name")
    rows = [
        (
            token["id"],
            token["owner"],
            " ".join(token["scopes"]),
            str(token["daily_seconds"] or "no limit"),
            moment(token["created_at"]),
            "revoked" if token["revoked_at"] else "good",
            token["name"],
        )
        for token in sorted(tokens, key=lambda one: one["created_at"])
    ]
    print_rows(columns, rows)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `list` shows.")],
    stack: StackOption = "wan-video",
    as_json: JsonOption = False,
) -> None:
    """Revoke a token; /v1 may accept it for five more minutes, because API Gateway caches answers."""
    with converted_errors(stack):
        ledger = _ledger(stack)
        matches = [item for item in _items(ledger) if item["sk"].startswith(token_id)]
        if len(token_id) < 6 or len(matches) != 1:
            raise NotUsable(
                f"{len(matches)} tokens have an id that begins with {token_id!r}.",
                "Give an id that `token list` shows.",
            )
        ledger.update_item(
            Key={"pk": PARTITION, "sk": matches[0]["sk"]},
            UpdateExpression="SET revoked_at = if_not_exists(revoked_at, :now)",
            ExpressionAttributeValues={":now": int(time.time())},
        )
    if as_json:
        emit({"id": matches[0]["sk"][:ID_LENGTH], "revoked": True})
    else:
        print(
            f"Token {token_id} is revoked. API Gateway caches answers: /v1 may accept it for five more minutes,"
            " DashScope's calls (/api/v1) refuse it at once."
        )


def _ledger(stack: str) -> Table:
    aws = session()
    name = output(aws, stack, "LedgerTableName")
    return aws.resource("dynamodb").Table(name)


def _items(ledger: Table) -> list[dict[str, Any]]:
    from boto3.dynamodb.conditions import Key

    items: list[dict[str, Any]] = []
    page: dict[str, Any] = ledger.query(KeyConditionExpression=Key("pk").eq(PARTITION))  # type: ignore[assignment]
    items += page["Items"]
    while "LastEvaluatedKey" in page:
        page = ledger.query(  # type: ignore[assignment]
            KeyConditionExpression=Key("pk").eq(PARTITION), ExclusiveStartKey=page["LastEvaluatedKey"]
        )
        items += page["Items"]
    return items


def made(owner: str, name: str, scopes: Iterable[Scope], daily_seconds: int | None) -> tuple[str, dict[str, Any]]:
    """Create a token and its item in the ledger, which holds only its hash."""
    token = "wv_" + secrets.token_urlsafe(32)
    item: dict[str, Any] = {
        "pk": PARTITION,
        "sk": hashlib.sha256(token.encode()).hexdigest(),
        "owner": owner,
        "scopes": {str(one) for one in scopes},
        "created_at": int(time.time()),
    }
    if name:
        item["name"] = name
    if daily_seconds is not None:
        item["daily_seconds"] = daily_seconds
    return token, item


def shown(item: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a token's item that may be shown."""
    limit, revoked_at = item.get("daily_seconds"), item.get("revoked_at")
    return {
        "id": item["sk"][:ID_LENGTH],
        "owner": item["owner"],
        "scopes": sorted(item["scopes"]),
        "daily_seconds": None if limit is None else int(limit),
        "name": item.get("name", ""),
        "created_at": int(item["created_at"]),
        "revoked_at": None if revoked_at is None else int(revoked_at),
    }
