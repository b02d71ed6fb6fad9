"""Wan's side: the key of each region, tried with a free call.

Keys are read from the stack's secret and sent to Wan's hosts (or those of WanEndpoints) and nowhere else; neither they
nor Wan's words reach a finding, except for Wan's short error codes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from wan_video_cli.checks import (
    CONNECT_SECONDS,
    READ_SECONDS,
    Deployment,
    Finding,
    State,
    TooLong,
    before_the_deadline,
    examined,
)
from wan_video_cli.errors import NotUsable

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

SHARED_HOSTS: Final[Mapping[str, str]] = {
    "beijing": "dashscope.aliyuncs.com",
    "singapore": "dashscope-intl.aliyuncs.com",
    "virginia": "dashscope-us.aliyuncs.com",
    "hongkong": "cn-hongkong.dashscope.aliyuncs.com",
}
"""Wan's hosts that all workspaces of a region share; a test holds them to those of the functions."""

ALIBABA_REGIONS: Final[Mapping[str, str]] = {
    "beijing": "cn-beijing",
    "singapore": "ap-southeast-1",
    "virginia": "us-east-1",
    "frankfurt": "eu-central-1",
    "hongkong": "cn-hongkong",
    "tokyo": "ap-northeast-1",
}
"""Alibaba Cloud's names of the regions in the names of workspace hosts; a test compares them with the layer, too."""

_ID: Final = "{workspace}"

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
    shared, own = _urls(deployment, region)
    if url := shared or _with_workspace(own, deployment, region):
        return url
    raise NotUsable(
        f"Wan in {region} needs a workspace, and the parameter WanWorkspaceId names none.",
        "`sam deploy --parameter-overrides WanWorkspaceId=<id>`; Model Studio shows the id.",
    )


def workspace_url(deployment: Deployment, region: str) -> str:
    """The base URL of what the shared host of a region lacks; empty where there is none beside the shared one."""
    shared, own = _urls(deployment, region)
    return _with_workspace(own, deployment, region) if shared else ""


def _urls(deployment: Deployment, region: str) -> tuple[str, str]:
    """The base URL of the shared host and that of workspaces, which holds {workspace}; one of them may be empty."""
    given = _pairs(deployment.parameters.get("WanEndpoints", ""))
    shared = next((url for name, url in given if name == region and _ID not in url), "")
    own = next((url for name, url in given if name == region and _ID in url), "")
    if shared or own:
        return shared, own
    if region not in ALIBABA_REGIONS:
        raise NotUsable(f"This version does not know where Wan is in {region}.", "Update the command.")
    own = f"https://{_ID}.{ALIBABA_REGIONS[region]}.maas.aliyuncs.com/api/v1"
    return f"https://{SHARED_HOSTS[region]}/api/v1" if region in SHARED_HOSTS else "", own


def _with_workspace(url: str, deployment: Deployment, region: str) -> str:
    """A base URL with the id of the stack's workspace in it; empty where the stack has none."""
    given = deployment.parameters.get("WanWorkspaceId", "").strip()
    found = dict(_pairs(given)).get(region, "") if "=" in given else given
    return url.replace(_ID, found) if found else ""


def _pairs(text: str) -> list[tuple[str, str]]:
    """The pairs of `region=value,...`."""
    parts = (part.partition("=") for part in text.split(",") if "=" in part)
    return [(name.strip(), value.strip()) for name, _, value in parts]


def key(deployment: Deployment, region: str) -> Finding:
    """Check whether Wan accepts the region's key, by a list of one task, which is free."""
    return _taken(f"wan key {region}", region, base_url(deployment, region), key_of(deployment, region))


def workspace_key(deployment: Deployment, region: str) -> Finding:
    """Check whether the host of the workspace accepts the region's key, if the shared host accepts it."""
    name = f"wan workspace {region}"
    if examined(name, lambda: key(deployment, region)).state is State.FAILED:
        return Finding(name, State.SKIPPED, "The shared host does not accept the key; the check of the key says why.")
    return _taken(name, region, workspace_url(deployment, region), key_of(deployment, region))


def _taken(name: str, region: str, base: str, found: str) -> Finding:
    """Check whether Wan at a base URL accepts a key."""
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
