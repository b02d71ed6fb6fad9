"""Record what a function calls in AWS while it is invoked, as botocore sees it; presigned links are included.

A call of an operation that the layer does not describe fails, because the tests run with a complete botocore.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from build_layer import SOURCE, names_in
from wan_video_local.rights import Call, key_pattern, leading_keys, named, resource

if TYPE_CHECKING:
    from botocore.session import Session

LOGICAL_IDS: Final = {
    "VIDEOS_TABLE": "Videos",
    "LEDGER_TABLE": "Ledger",
    "VIDEOS_BUCKET": "VideosBucket",
    "PROMPTS_BUCKET": "PromptsBucket",
    "INPUTS_BUCKET": "InputsBucket",
    "TOPIC_ARN": "Topic",
    "STATE_MACHINE_ARN": "GenerateVideo",
    "INGEST_FUNCTION": "Ingest",
    "FINISH_BATCH_FUNCTION": "FinishBatch",
    "NOTIFY_QUEUE_URL": "NotifyQueue",
    "NOTIFY_DEAD_LETTERS_URL": "NotifyDeadLetters",
}
"""The logical ids of the resources that a function uses, by the environment variables that name them."""

OBJECT_ACTIONS: Final = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
"""Operations on an object whose action has another name in a policy (S3 User Guide, "Required permissions")."""

BUCKET_ACTIONS: Final = {
    "ListObjectsV2": "ListBucket",
    "ListMultipartUploads": "ListBucketMultipartUploads",
}

NAMES: Final = {
    "Publish": ("sns:Publish", "TopicArn"),
    "StartExecution": ("states:StartExecution", "stateMachineArn"),
    "DescribeExecution": ("states:DescribeExecution", "executionArn"),
    "Invoke": ("lambda:InvokeFunction", "FunctionName"),
}
"""For operations of other services: the action, and the parameter that names the resource."""

_NOTE: Final = "wan_video_bucket"


class Calls:
    """Records the calls of functions under the word of the function that is being invoked."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, Call]] = set()
        self._invoked: list[str] = []

    def listen(self, session: Session) -> None:
        """Record the calls of the clients that a session creates from now on."""
        session.register("provide-client-params", self._asked, unique_id="rights")
        session.register("after-call.s3", self._answered, unique_id="rights-of-the-absent")

    def begin(self, word: str) -> None:
        """Attribute the calls from now on to this function."""
        self._invoked.append(word)

    def end(self) -> None:
        """Stop attributing calls to the function that was begun last."""
        self._invoked.pop()

    def take(self) -> Collection[tuple[str, Call]]:
        """Return the calls since the last time, and start again."""
        seen, self._seen = self._seen, set()
        return seen

    def _asked(self, **event: Any) -> None:
        # A link to a bucket itself is made only to find out the bucket's host; it is never used.
        if self._invoked and event["model"].name != "HeadBucket":
            word, model, params = self._invoked[-1], event["model"], event["params"]
            if model.name.lower() not in _named():
                raise AssertionError(
                    f"{word} calls {model.name}, which the layer does not describe, because wan_video does not name it "
                    "as a method or in full as a text."
                )
            self._seen.update((word, call) for call in calls_of(model.service_model.service_name, model.name, params))
            event["context"][_NOTE] = word, params.get("Bucket")

    def _answered(self, **event: Any) -> None:
        """Record the right to list a bucket when an object is missing: without that right S3 answers 403, not 404."""
        if event["http_response"].status_code == 404 and _NOTE in event["context"]:
            word, bucket = event["context"][_NOTE]
            self._seen.add((word, Call("s3:ListBucket", _resource(f"arn:aws:s3:::{bucket}"))))


CALLS: Final = Calls()
"""The calls of the functions in this process."""


@cache
def _named() -> set[str]:
    """Return the names that decide which operations the layer describes."""
    return names_in((SOURCE / "wan_video").rglob("*.py"))


def calls_of(service: str, operation: str, params: dict[str, Any]) -> Iterator[Call]:
    """Yield the calls that an operation needs permission for; raises KeyError for an operation that is not listed."""
    if service == "dynamodb":
        yield from _items(operation, params)
    elif service == "s3" and operation in BUCKET_ACTIONS:
        yield Call(f"s3:{BUCKET_ACTIONS[operation]}", _resource(f"arn:aws:s3:::{params['Bucket']}"))
    elif service == "s3":
        keys = [one["Key"] for one in params["Delete"]["Objects"]] if operation == "DeleteObjects" else [params["Key"]]
        action = OBJECT_ACTIONS.get(operation, operation.removesuffix("s") if len(keys) > 1 else operation)
        for key in keys:
            yield Call(f"s3:{action}", _resource(f"arn:aws:s3:::{params['Bucket']}/{key}"))
    elif service == "secretsmanager":
        # A warm process keeps the secrets of the stack that it started with; each stack has two.
        secret = "WebhookSecret" if ":secret:webhooks-" in params["SecretId"] else "WanSecret"
        yield Call(f"secretsmanager:{operation}", f"${{{secret}.Id}}")
    elif service == "sqs":
        yield Call(f"sqs:{operation}", _resource(f"arn:aws:sqs:here:1:{params['QueueUrl'].rpartition('/')[2]}"))
    else:
        action, name = NAMES[operation]
        function = "arn:aws:lambda:here:1:function:" if service == "lambda" else ""
        yield Call(action, _resource(f"{function}{params[name]}"))


def _items(operation: str, params: dict[str, Any]) -> Iterator[Call]:
    ledger = os.environ["LEDGER_TABLE"]
    keys = leading_keys(params, lambda table, _: "pk" if table == ledger else None)
    for verb, table, index in {(verb, table, index) for verb, table, index, _ in named(params)}:
        place = f"arn:aws:dynamodb:here:1:table/{table}" + (f"/index/{index}" if index else "")
        patterns = frozenset(map(key_pattern, keys.get((verb, table), ())))
        yield Call(f"dynamodb:{verb or operation}", _resource(place), patterns)


def _resource(arn: str) -> str:
    # A queue's URL ends with its name, which its ARN ends with too.
    names = {name: os.environ[name].rpartition("/")[2] for name in LOGICAL_IDS if name in os.environ}
    return resource(arn, {names[name]: word for name, word in LOGICAL_IDS.items() if name in names})
