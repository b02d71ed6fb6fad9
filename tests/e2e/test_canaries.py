"""The search for secrets and prompts in everything that the stack has written, wherever it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import requests

from tests.e2e.conftest import Local
from tests.e2e.steps import FINAL_SECONDS, NOTICE_SECONDS, await_that, request
from tools.harness.patience import PATIENCE
from wan_video_local.evidence import function_logs, histories

PROMPT: Final = "canary-4c1b7f-fox"
NEGATIVE: Final = "canary-8e02aa-dog"
AUDIO: Final = "https://sounds.example.com/a.mp3?Signature=canary-d1f6c3-audio"
CANARIES: Final = {
    "the prompt": PROMPT,
    "the negative prompt": NEGATIVE,
    "the signature of an audio link": "canary-d1f6c3-audio",
    "a key": "sk-simulator-",
    "Wan's link": "OSSAccessKeyId=",
    "our link": "X-Amz-Signature=",
}


def api(local: Local, method: str, path: str, body: Any = None) -> requests.Response:
    """Call the API without following redirects, and return the answer."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method,
            f"{local.stack.api_url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {local.stack.token}"},
            allow_redirects=False,
            timeout=PATIENCE,
        )


def objects(local: Local, bucket: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield every object with a prefix as text: its key, its metadata in S3, and its body unless that is a film."""
    s3, name = local.stack.aws.s3, local.stack.outputs[bucket]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix):
        for entry in page.get("Contents", []):
            answer = s3.get_object(Bucket=name, Key=entry["Key"])
            body = b"" if entry["Key"].endswith(".mp4") else answer["Body"].read()
            beside = {header: value for header, value in answer.items() if header != "Body"}
            yield f"{bucket}/{entry['Key']}", f"{entry['Key']} {beside} {body.decode(errors='replace')}"


def texts(local: Local) -> Iterator[tuple[str, str]]:
    """Yield everything that the stack has written, as (where, text); the local engine keeps no traces."""
    aws, outputs = local.stack.aws, local.stack.outputs
    yield from function_logs(aws)
    for history in histories(aws, outputs["StateMachineArn"]):
        yield "a history", history
    # The simulator prints the made-up keys that it accepts when it starts; no other line may contain one.
    lines = local.log.text().splitlines()
    yield "the log of sam, engine and simulator", "\n".join(line for line in lines if "wan_simulator ready" not in line)
    for notice in local.notices.all():
        yield "a notice", repr(notice)
    resource = {"StackName": "wan-video", "LogicalResourceId": "DeadLetters"}
    queue = aws.cloudformation.describe_stack_resource(**resource)["StackResourceDetail"]["PhysicalResourceId"]
    dead = aws.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    for letter in dead.get("Messages", []):
        yield "a dead letter", repr(letter)
    for table in ("VideosTableName", "LedgerTableName"):
        for page in aws.dynamodb.meta.client.get_paginator("scan").paginate(TableName=outputs[table]):
            yield table, repr(page["Items"])
    yield from objects(local, "VideosBucketName")
    yield from objects(local, "PromptsBucketName")


def test_secrets_are_nowhere_and_prompts_only_in_rows_beside_their_videos_and_in_the_files_they_came_in(
    local: Local,
) -> None:
    body = {**request(PROMPT), "negative_prompt": NEGATIVE}
    made = local.client.create(body)["id"]
    hurt = {**body, "audio_url": AUDIO, "prompt": f"[simulate:task:DataInspectionFailed] {PROMPT}"}
    failed = local.client.create(hurt)["id"]
    refused = api(local, "POST", "/v1/videos", {**body, "seconds": 99, "colour": PROMPT})
    rows = [request(PROMPT), {**request(PROMPT), "seconds": 99}, {"prompt": [PROMPT]}, PROMPT]
    local.stack.aws.s3.put_object(
        Bucket=local.stack.outputs["PromptsBucketName"], Key="canaries.json", Body=json.dumps(rows).encode()
    )
    announced = api(local, "POST", "/v1/batches", {"name": "canaries.jsonl"})
    assert (refused.status_code, announced.status_code) == (400, 202)
    assert CANARIES["our link"] in announced.json()["upload"]["url"]
    for video in (made, failed):
        local.client.await_final(video, within=FINAL_SECONDS)
        local.notices.await_about(video, within=NOTICE_SECONDS)
    link = api(local, "GET", f"/v1/videos/{made}/content")
    assert CANARIES["our link"] in link.headers["Location"]
    await_that(
        lambda: any("canaries.json" in text for _, text in objects(local, "VideosBucketName", "reports/")) or None,
        "the report about the canaries",
    )

    found = list(texts(local))
    canaries = {**CANARIES, "the token": local.stack.token}
    leaks = {(name, place) for place, text in found for name, value in canaries.items() if value in text}
    mine = {place for place, text in found if place.endswith("/metadata.json") and PROMPT in text}

    assert f"VideosBucketName/videos/{made}/metadata.json" in mine
    by_design = {place for name, place in leaks if name in ("the prompt", "the negative prompt")}
    assert by_design == {"VideosTableName", "PromptsBucketName/canaries.json", *mine}
    others = {(name, place) for name, place in leaks if place not in by_design}
    assert others == set()
    assert {name for name, place in leaks} <= {"the prompt", "the negative prompt", "the signature of an audio link"}
    assert {place for name, place in leaks if name == "the signature of an audio link"} <= {"VideosTableName", *mine}
    places = {place.partition("/")[0] for place, _ in found}
    assert {"a history", "a notice", "VideosTableName", "LedgerTableName", "VideosBucketName"} <= places
