"""`python -m bench.cost`: count what videos use in AWS, write docs/cost.json, and make the tables of docs/cost.md.

The handlers that ship run against moto and the simulator of Wan while everything that AWS bills is counted.
`bench.transitions` counts the state transitions; a test of the running stack compares them with the state machine.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import pytest

from bench.meter import Meter
from bench.tables import schemas
from tools.bill import DATA, PAGE, POLL_SECONDS, read, renew
from tools.harness.lambdas import end_process, event, invoke, warm
from tools.harness.stack import LEDGER, PROMPTS, VIDEOS, Stack, deployed
from tools.template import by_default, of_type, source
from wan_simulator.faults import Fault
from wan_simulator.simulator import Simulator
from wan_simulator.testing import running_simulator
from wan_video import bootstrap
from wan_video.adapters.dynamodb.ledger import token_key
from wan_video.domain.prompt_file import row_id
from wan_video.errors import WanThrottled

PROMPT: Final = "a fox in a trench coat reads a case file under a street lamp, rain, film noir, slow dolly in"
TOKEN: Final = "wv_CANARY-TOKEN"
"""The token of the recorded events."""

MORE_ROWS: Final = 2


@dataclass
class Walk:
    """A stack that counts what each invocation uses."""

    stack: Stack
    simulator: Simulator
    patch: pytest.MonkeyPatch
    meter: Meter
    logs: io.StringIO
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    metrics: dict[str, set[str]] = field(default_factory=dict)

    def go(self, step: str, given: dict[str, Any]) -> Any:
        """Invoke a function as one step; later runs of a step replace earlier ones."""
        self.meter.counts, answer = Counter(), None
        begin = self.logs.tell()
        with contextlib.suppress(WanThrottled):
            answer = invoke(step.partition(" ")[0].partition(":")[0], given)
        text = self.logs.getvalue()[begin:]
        self.counts[step] = Counter({**self.meter.counts, "bytes of logs": len(text.encode())})
        self.metrics[step] = set(metrics_in(text))
        return answer

    def later(self, seconds: float) -> None:
        """Move the clocks of Wan and of the functions ahead."""
        self.simulator.advance(seconds)
        self.wake()

    def ended(self, task_id: str) -> None:
        """Let Wan finish a task."""
        self.simulator.finish(task_id)
        self.wake()

    def wake(self) -> None:
        """Start new processes for the functions, at the simulator's time."""
        self.patch.setenv("CLOCK", f"0@{self.simulator.wan.clock.now()}")
        end_process()
        self.meter.attach(bootstrap.clients.session())


@contextlib.contextmanager
def walking() -> Iterator[Walk]:
    """Yield a deployed stack with a simulator and functions that use both."""
    names = {"Videos": VIDEOS, "Ledger": LEDGER}
    meter = Meter({names[name]: keys for name, keys in schemas().items()})
    credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    with pytest.MonkeyPatch.context() as patch, running_simulator() as simulator:
        for name, value in credentials.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(io.StringIO()) as logs, deployed() as stack:
            stack.write_keys(singapore=simulator.key())
            key = token_key(hashlib.sha256(TOKEN.encode()).hexdigest())
            stack.dynamodb.Table(LEDGER).put_item(Item={**key, "owner": "alice", "scopes": {"read", "write"}})
            warm(
                stack,
                patch,
                WAN_ENDPOINTS=f"singapore={simulator.base_url()}",
                RESULT_HOSTS=simulator.origin,
                WEBHOOK_ORIGINS=simulator.origin,
                CLOCK="",
            )
            walk = Walk(stack, simulator, patch, meter, logs)
            walk.wake()
            try:
                yield walk
            finally:
                end_process()


def main() -> None:
    """Count, write the counts to docs/cost.json, and make the tables again."""
    with walking() as walk:
        idle_steps(walk)
        one_video(walk)
        one_webhook(walk)
        many = one_file(walk, 1 + MORE_ROWS)
        few = one_file(walk, 1)  # last, so that the counts kept for its steps are those of a single row
    kept = dict(read())
    kept["counts"] = {
        **kept["counts"],
        "invocations": {step: dict(sorted(counts.items())) for step, counts in sorted(walk.counts.items())},
        "a file of one row": dict(sorted(few.items())),
        "each further row": {name: (many[name] - few[name]) / MORE_ROWS for name in sorted(few)},
        "template": of_the_template(walk),
    }
    DATA.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(renew(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")


def idle_steps(walk: Walk) -> None:
    """Run the schedules when there is nothing to do: first the run of each hour that reads quotas, then another."""
    for word in ("dispatch", "sweep"):
        walk.go(f"{word}: nothing to do", event("schedule"))
    walk.counts["sweep: quotas read"] = walk.counts["sweep: nothing to do"]
    for word in ("dispatch", "sweep"):
        walk.go(f"{word}: nothing to do", event("schedule"))


def one_video(walk: Walk) -> None:
    """Make a video by the API, from its request to the link to the file."""
    walk.go("authorize", event("authorizer_token"))
    asked = event("api_post")
    asked["body"] = json.dumps({"prompt": PROMPT, "seconds": 5})
    answer = walk.go("api: create", asked)
    if answer["statusCode"] != HTTPStatus.ACCEPTED:
        raise RuntimeError(answer["body"])
    video_id = json.loads(answer["body"])["id"]
    walk.go("dispatch: a start", event("stream_insert"))
    walk.simulator.faults.add(Fault("create", "refuse", code="Throttling.RateQuota"))
    walk.go("submit: 429", {"video_id": video_id, "n": 1})
    task_id = wait_for(walk, video_id)
    walk.go("deliver", {"video_id": video_id, "task_id": task_id})
    walk.go("dispatch: a place is free", event("stream_modify"))
    shown = event("api_get")
    walk.go("api: get", shown | {"path": f"/v1/videos/{video_id}"})
    walk.go("api: the link", shown | {"path": f"/v1/videos/{video_id}/content"})


def one_webhook(walk: Walk) -> None:
    """Send an event to no webhook endpoint, and then to one."""
    walk.go("notify: an event", event("sqs_event"))
    asked = event("api_post") | {"path": "/v1/webhook_endpoints"}
    # The simulator answers a POST with 404 or 405, and a refused request costs what an accepted one does.
    asked["body"] = json.dumps({"url": f"{walk.simulator.origin}/hook"})
    endpoint_id = json.loads(walk.go("api: create an endpoint", asked)["body"])["id"]
    walk.counts.pop("api: create an endpoint")
    walk.go("notify: an event for an endpoint", event("sqs_event"))
    queue = walk.stack.notify_queue_url
    (message,) = walk.stack.clients.sqs.receive_message(QueueUrl=queue)["Messages"]
    given = event("sqs_event")
    given["Records"][0] |= {"body": message["Body"], "receiptHandle": message["ReceiptHandle"]}
    walk.go("notify: an attempt", given)
    if endpoint_id not in message["Body"]:
        raise RuntimeError(message["Body"])


def one_file(walk: Walk, rows: int) -> Counter[str]:
    """Make the videos of a prompt file, and return what reading the file and ending its batch used."""
    body = "".join(
        f"{json.dumps({'prompt': PROMPT, 'seconds': 5, 'custom_id': str(at)})}\n" for at in range(rows)
    ).encode()
    etag = walk.stack.s3.put_object(Bucket=PROMPTS, Key=f"{rows}.jsonl", Body=body)["ETag"].strip('"')
    created = event("object_created")
    created["detail"]["object"] |= {"key": f"{rows}.jsonl", "etag": etag, "size": len(body)}
    batch_id = walk.go("ingest", created)["batch_id"]
    used = walk.counts.pop("ingest")
    for at in range(1, rows + 1):
        video_id = row_id(batch_id, at)
        walk.go("dispatch: a start of a row", event("schedule"))
        task_id = wait_for(walk, video_id, " of a row")
        walk.go("deliver of a row", {"video_id": video_id, "task_id": task_id})
    record = event("stream_batch")
    record["Records"] = [json.loads(json.dumps(one).replace("batch_1", batch_id)) for one in record["Records"]]
    walk.go("finish_batch", record)
    return used + walk.counts.pop("finish_batch")


def wait_for(walk: Walk, video_id: str, of: str = "") -> str:
    """Submit a video and poll its task until it has succeeded; return the task's id."""
    task_id = str(walk.go(f"submit{of}", {"video_id": video_id, "n": 1})["task_id"])
    poll = {"video_id": video_id, "task_id": task_id, "n": 1}
    for step in ("poll: the first", "poll"):
        walk.later(POLL_SECONDS)
        walk.go(step, poll)
    walk.ended(task_id)
    walk.go("poll: the last", poll)
    return task_id


def metrics_in(logs: str) -> Iterator[str]:
    """Yield each metric in log lines with its dimensions; CloudWatch bills each of them."""
    for line in logs.splitlines():
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
            for dimensions in directive["Dimensions"]:
                values = [f"{name}={document[name]}" for name in dimensions]
                yield from (f"{metric['Name']} {' '.join(values)}" for metric in directive["Metrics"])


def of_the_template(walk: Walk) -> dict[str, Any]:
    """Return what template.yaml has that is billed by the month, and the functions' memory in MB."""
    template = by_default(source())
    alarms = of_type(template, "AWS::CloudWatch::Alarm").values()
    functions = of_type(template, "AWS::Serverless::Function").values()
    idle = walk.metrics["dispatch: nothing to do"] | walk.metrics["sweep: nothing to do"]
    return {
        "alarm metrics": sum(sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1 for alarm in alarms),
        "dashboards": len(of_type(template, "AWS::CloudWatch::Dashboard")),
        "secrets": len(of_type(template, "AWS::SecretsManager::Secret")),
        "idle metrics": len(idle),
        "busy metrics": len(set().union(*walk.metrics.values())),
        "memory": {one["CodeUri"].split("/")[1]: one["MemorySize"] for one in functions},
    }


if __name__ == "__main__":
    main()
