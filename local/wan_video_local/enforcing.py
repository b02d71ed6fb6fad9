"""Patches in the engine's process with which the AWS engine enforces rights as AWS does.

With `AUTH=true` the engine holds every call of a function to the policies of its role, but it takes this machine's
plain HTTP for an unencrypted connection, and it does not know which keys of a table a request names.
"""

import json
import re
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_actions, iam_evaluator, responses, router  # type: ignore[import-untyped]
from ministack.services import dynamodb, iam  # type: ignore[import-untyped]

from wan_video_local.engine import REGION
from wan_video_local.rights import LEADING_KEYS, Recorder, leading_keys

PARTITION = "pk"
"""The partition key of the table that holds several kinds of items; other tables' keys are names of videos."""

MOST_POLICIES = 1024
"""The most policies that are kept parsed."""

Answer = tuple[int, dict[str, str], Any]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True)
class Named:
    """The partition keys that a request names, and the decisions about its actions so far."""

    keys: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    decided: dict[tuple[str, str], Any] = field(default_factory=dict)

    def of(self, verb: str, table: str) -> Collection[str]:
        """Return the keys that an action of the request names in a table."""
        return self.keys.get((verb, table)) or self.keys.get(("", table), ())


def apply(record: Path | None = None) -> None:
    """Patch the imported engine before it serves; the calls of functions are written to the file `record`."""
    trust_this_machine()
    know_leading_keys(Recorder(record) if record is not None else None)
    hide_what_may_not_be_listed()
    simulate_with_context()
    parse_policies_once()


def trust_this_machine() -> None:
    """Treat calls over loopback as encrypted; otherwise every `aws:SecureTransport` statement would refuse them."""
    pin: Callable[[str, bool], None] = app.pin_request_origin

    def pin_encrypted(source_ip: str, _secure_transport: bool) -> None:
        pin(source_ip, True)

    app.pin_request_origin = pin_encrypted


def know_leading_keys(recorder: Recorder | None = None) -> None:
    """Give policies the condition key `dynamodb:LeadingKeys`, for each action and table of a request.

    AWS does not say whether it authorizes the items of a transaction one by one, so here each action must be allowed
    for all the keys that the transaction names for it, which holds either way.
    """
    context_of: Callable[[bytes], dict[str, Any]] = iam_actions.dynamodb_service_context
    enforce: Callable[..., Any] = iam_evaluator.enforce

    def context_with_keys(body: bytes) -> dict[str, Any]:
        return {**context_of(body), LEADING_KEYS: Named(leading_keys(json.loads(body or b"{}"), hash_key))}

    def enforce_with_keys(
        access_key: str, action: str, *rest: Any, service_context: dict[str, Any] | None = None, **options: Any
    ) -> Any:
        context = dict(service_context or {})
        named: Named = context.pop(LEADING_KEYS, Named())
        arn = options.get("resource_arn", "*")
        if (action, arn) in named.decided:
            return named.decided[action, arn]
        table = arn.partition("table/")[2].partition("/")[0]
        keys = sorted(set(named.of(action.partition(":")[2], table)))
        given = {**context, LEADING_KEYS: keys} if keys else context
        denied = enforce(access_key, action, *rest, service_context=given, **options)
        named.decided[action, arn] = denied
        session = session_of(access_key) if recorder is not None else None
        if recorder is not None and session is not None:
            recorder.note(session, action, arn, keys if hash_key(table, None) == PARTITION else ())
        return denied

    iam_actions.dynamodb_service_context = context_with_keys
    iam_evaluator.enforce = enforce_with_keys


def parse_policies_once() -> None:
    """Parse the text of a policy only once; the engine parses all policies of a role with each call of the role.

    Only the speed changes: a policy that is replaced has another text.
    """
    parse: Callable[[Any], Any] = iam_evaluator.parse_policy_document
    parse_text = lru_cache(maxsize=MOST_POLICIES)(parse)

    def parse_once(document: Any) -> Any:
        return parse_text(document) if isinstance(document, str) else parse(document)

    iam_evaluator.parse_policy_document = parse_once


def simulate_with_context() -> None:
    """Let SimulatePrincipalPolicy evaluate the policies that a call is held to, with the given context.

    The engine itself ignores `ContextEntries`, so that a condition on partition keys holds for every key.
    Source: IAM API Reference, SimulatePrincipalPolicy and ContextEntry.
    """
    parameters_of: Callable[[Any], Any] = iam._extract_simulate_params
    build: Callable[..., str] = iam._build_simulate_results_real
    evaluate: Callable[..., Any] = iam_evaluator.evaluate
    given: ContextVar[Mapping[str, Any] | None] = ContextVar("given", default=None)

    def parameters_with_context(parameters: Any) -> Any:
        given.set(_context_entries(lambda name: str(iam._p(parameters, name))))
        return parameters_of(parameters)

    def evaluate_with_context(context: Any, *rest: Any, **options: Any) -> Any:
        entries = given.get()
        if entries:
            secure = entries.get("aws:securetransport") == "true"
            context = replace(context, service_context=dict(entries), secure_transport=secure)
        return evaluate(context, *rest, **options)

    def build_and_forget(*arguments: Any) -> str:
        try:
            return build(*arguments)
        finally:
            given.set(None)

    iam._extract_simulate_params = parameters_with_context
    iam._build_simulate_results_real = build_and_forget
    iam_evaluator.evaluate = evaluate_with_context


def _context_entries(parameter: Callable[[str], str]) -> dict[str, Any]:
    """Return the context entries of a simulation by lower-case name: a string or a list of strings."""
    found: dict[str, Any] = {}
    for at in count(1):
        entry = f"ContextEntries.member.{at}"
        name = parameter(f"{entry}.ContextKeyName")
        if not name:
            break
        values: list[str] = []
        while value := parameter(f"{entry}.ContextKeyValues.member.{len(values) + 1}"):
            values.append(value)
        is_list = parameter(f"{entry}.ContextKeyType").endswith("List")
        found[name.lower()] = values if is_list else values[0]
    return found


def session_of(access_key: str) -> str | None:
    """Return the session name of a role, which is the function's name; None for the account's own credentials."""
    principal = iam_evaluator.resolve_principal(access_key, responses.get_account_id())
    found = re.search(r":assumed-role/[^/]+/(.+)", getattr(principal, "arn", ""))
    return found[1] if found else None


def hide_what_may_not_be_listed() -> None:
    """Answer as S3 does for an absent object: 403 instead of 404 to callers who may not list the bucket.

    Source: S3 API Reference, GetObject and HeadObject, "Permissions".
    """
    handle: Handler = app.SERVICE_HANDLERS["s3"]

    async def handle_hiding(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Answer:
        answer = await handle(method, path, headers, body, query_params)
        bucket, _, key = path.lstrip("/").partition("/")
        if answer[0] != 404 or method not in ("GET", "HEAD") or not key:
            return answer
        denied = iam_evaluator.enforce(
            router.extract_access_key_id(headers, query_params),
            "s3:ListBucket",
            "s3",
            REGION,
            resource_arn=f"arn:aws:s3:::{bucket}",
            service_context={},
        )
        if not denied:
            return answer
        refusal: Answer = iam_actions.access_denied_response(
            "s3", "s3:ListBucket", getattr(denied, "principal_arn", ""), uuid.uuid4().hex, headers=headers
        )
        return refusal if method == "GET" else (*refusal[:2], b"")

    app.SERVICE_HANDLERS["s3"] = handle_hiding


def hash_key(table: str, index: str | None) -> str | None:
    """Return the name of the partition key of a table or index."""
    record = dynamodb._tables.get(table) or {}
    holders = record.get("GlobalSecondaryIndexes", []) if index else [record]
    for holder in holders:
        if holder.get("IndexName") == index:
            return next((key["AttributeName"] for key in holder.get("KeySchema", ()) if key["KeyType"] == "HASH"), None)
    return None
