"""Wan's side: the key of each region, tried with a free call, and the quotas that Wan reports.

Keys are read from the stack's secret and sent to Wan's hosts (or those of WanEndpoints) and nowhere else; neither they
nor Wan's words reach a finding, except for Wan's short error codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wan_video_cli.checks import CONNECT_SECONDS, READ_SECONDS, Deployment, Finding, State, TooLong, before_the_deadline
from wan_video_cli.errors import NotUsable

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

ENDPOINTS: Final[Mapping[str, str]] = {
    "beijing": "https://dashscope.aliyuncs.com/api/v1",
    "singapore": "https://dashscope-intl.aliyuncs.com/api/v1",
    "virginia": "https://dashscope-us.aliyuncs.com/api/v1",
    "frankfurt": "https://{workspace}.eu-central-1.maas.aliyuncs.com/api/v1",
}
"""Base URLs by region; a test holds them to those of the functions."""

QUOTA_PATHS: Final = ("/quotas", "/models/limits")
"""Alibaba's pages name both."""

MAX_ANSWER_BYTES: Final = 1 << 20
CHUNK_BYTES: Final = 16 * 1024


class Unanswered(Exception):
    """Raised when Wan gave no answer; the text says why, without the URL."""


def key_of(deployment: Deployment, region: str) -> str:
    """The region's key in the secret; raises NotUsable, whose text never holds any of the secret."""
    put = (
        f"Put it in: `aws secretsmanager put-secret-value --secret-id {deployment.outputs.get('WanSecretArn', '')}"
        f""" --secret-string '{{"{region}": "sk-..."}}'`, with the keys of all regions."""
    )
    secret = deployment.client("secretsmanager").get_secret_value(SecretId=deployment.outputs["WanSecretArn"])
    try:
        keys = json.loads(secret["SecretString"])
    except ValueError:
        keys = None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise NotUsable("The secret is not one JSON object with a key for each region.", put) from None
    key = str(keys.get(region, "")).strip()
    if not key:
        raise NotUsable(f"The secret has no key for {region}.", put)
    if not (key.isascii() and key.isprintable()):
        raise NotUsable(f"The key for {region} in the secret has characters that no key has.", put)
    return key


def base_url(deployment: Deployment, region: str) -> str:
    """Where the stack asks Wan in a region; raises NotUsable where the workspace is missing or the region is new."""
    given = deployment.parameters.get("WanEndpoints", "")
    replaced = dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
    url = replaced.get(region) or ENDPOINTS.get(region)
    if url is None:
        raise NotUsable(f"This version does not know where Wan is in {region}.", "Update the command.")
    workspace = deployment.parameters.get("WanWorkspaceId", "")
    if "{workspace}" in url and not workspace:
        raise NotUsable(
            f"Wan in {region} needs a workspace, and the parameter WanWorkspaceId is empty.",
            "`sam deploy --parameter-overrides WanWorkspaceId=<id>`; Model Studio shows the id.",
        )
    return url.format(workspace=workspace)


def key(deployment: Deployment, region: str) -> Finding:
    """Check whether Wan accepts the region's key, by a list of one task, which is free."""
    name = f"wan key {region}"
    found, base = key_of(deployment, region), base_url(deployment, region)
    try:
        status, answer = ask(base + "/tasks?page_no=1&page_size=1", found)
    except Unanswered as error:
        look = "Check WanEndpoints and WanWorkspaceId, and whether this machine may reach Wan."
        return Finding(name, State.FAILED, f"Wan in {region} cannot be reached from this machine: {error}.", look)
    code = code_of(answer) or f"HTTP {status}"
    if status == 200:
        return Finding(name, State.OK, "Wan accepts the key.")
    if status in (401, 403):
        look = f"Put the key of {region} into the secret: keys differ between regions and workspaces."
        return Finding(name, State.FAILED, f"Wan refuses the key ({code}).", look)
    if status == 429:
        bill = "Overdue" in code or code == "CommodityNotPurchased"
        if bill:
            return Finding(name, State.FAILED, f"Wan's bill is not paid ({code}).", "Pay it in Model Studio.")
        return Finding(name, State.WARNING, f"Wan is busy ({code}).", "Run doctor again in a minute.")
    return Finding(name, State.WARNING, f"Wan answers {code}.", "Run doctor again later; WanEndpoints may be wrong.")


def quota(deployment: Deployment, region: str) -> Finding:
    """Report Wan's quota of the default model: how many tasks may run and wait at once."""
    name = f"wan quota {region}"
    model = deployment.parameters.get("DefaultModel", "")
    try:
        found, base = key_of(deployment, region), base_url(deployment, region)
        limits = _limits(base, found, model)
    except (NotUsable, Unanswered):
        return Finding(name, State.SKIPPED, "Wan could not be asked; the check of the key says why.")
    if limits is None:
        return Finding(name, State.SKIPPED, f"Wan states no quota of {model} there.")
    running, waiting = limits
    text = " and ".join(
        f"{count} {what}" for count, what in ((running, "in progress"), (waiting, "waiting")) if count is not None
    )
    if running == 0:
        return Finding(name, State.WARNING, f"Wan allows {text} of {model}.", "Ask Alibaba to raise it.")
    return Finding(name, State.OK, f"Wan allows {text} of {model} at once.")


def ask(url: str, bearer: str) -> tuple[int, Mapping[str, Any]]:
    """One GET with a key: the status, and the JSON object of the answer, {} where there is none."""
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    from wan_video_cli.storage import cause, open_session

    def authenticate(request: PreparedRequest) -> PreparedRequest:
        # Passed as `auth`: requests lets a .netrc replace a header.
        request.headers["Authorization"] = f"Bearer {bearer}"
        return request

    try:
        with open_session(url) as session:
            session.auth = authenticate
            with session.get(
                url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, stream=True
            ) as answer:
                status, body = answer.status_code, _body(answer)
    except (RequestException, HTTPError) as error:
        raise Unanswered(cause(error)) from None
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    return status, document if isinstance(document, dict) else {}


def _body(answer: Response) -> bytes:
    """Read the body of an answer; raises Unanswered if it is too large or too slow."""
    body = bytearray()
    # One read of the socket at a time, so that the deadline is checked even if a host sends single bytes.
    chunks = iter(lambda: answer.raw.read1(CHUNK_BYTES, decode_content=True), b"")
    try:
        for chunk in before_the_deadline(chunks, READ_SECONDS):
            body += chunk
            if len(body) > MAX_ANSWER_BYTES:
                raise Unanswered("the answer is too large")
    except TooLong:
        raise Unanswered("no answer in time") from None
    return bytes(body)


def code_of(answer: Mapping[str, Any]) -> str:
    """Return Wan's error code; an empty string for anything that does not look like one."""
    code = answer.get("code")
    return code if isinstance(code, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", code) else ""


def _limits(base: str, bearer: str, model: str) -> tuple[int | None, int | None] | None:
    """Return the limits of running and of waiting tasks; None for a limit that Wan does not report."""
    for path in QUOTA_PATHS:
        status, answer = ask(f"{base}{path}?model={model}&page_no=1&page_size=20", bearer)
        if status != 200:
            continue
        output = answer.get("output")
        quotas = output.get("quotas") if isinstance(output, dict) else None
        for one in quotas if isinstance(quotas, list) else ():
            limit = one.get("model_limit") if isinstance(one, dict) and one.get("model") == model else None
            if isinstance(limit, dict):
                found = limit.get("async_user_concurrency_limit"), limit.get("async_user_queue_limit")
                running, waiting = (count if type(count) is int else None for count in found)
                if running is not None or waiting is not None:
                    return running, waiting
    return None
