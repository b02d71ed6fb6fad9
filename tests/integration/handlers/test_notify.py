"""notify as Lambda invokes it, with messages of SQS, over moto and a receiver on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from standardwebhooks import Webhook

from tests.e2e.receiver import Receiver
from tests.integration.handlers.project import Project
from tools.harness.lambdas import Event, end_process, event, invoke
from tools.harness.stack import PROMPTS
from wan_video import bootstrap
from wan_video.adapters.notify_queue import MOST_RECEIVES
from wan_video.bootstrap import adapters
from wan_video.domain.delivery import Task
from wan_video.services.repairs.deliveries import LATE_SECONDS

PATH = "/v1/webhook_endpoints"


@pytest.fixture
def receiver(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with Receiver() as receiver:
        monkeypatch.setenv("WEBHOOK_ORIGINS", receiver.origin)
        # Receivers compare the time of a signature with theirs.
        monkeypatch.setenv("CLOCK", "")
        end_process()
        yield receiver


def call(method: str, path: str, body: Any = None) -> Any:
    """Call the API, and return its answer."""
    given = event("api_post") | {"path": f"{PATH}{path}", "httpMethod": method}
    given["body"] = None if body is None else json.dumps(body)
    answer = invoke("api", given)
    assert answer["statusCode"] < 300, answer["body"]
    return json.loads(answer["body"])


def messages(project: Project) -> list[Event]:
    """Receive all messages of the queue, as Lambda does it."""
    sqs, url = project.stack.clients.sqs, project.stack.notify_queue_url
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return [
        {
            "Records": [
                {
                    **event("sqs_event")["Records"][0],
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "messageAttributes": {},
                }
            ]
        }
        for message in received
    ]


def test_an_event_becomes_one_message_for_each_endpoint_and_one_signed_request(
    project: Project, receiver: Receiver
) -> None:
    endpoint = call("POST", "", {"url": receiver.url("hook")})
    published = event("sqs_event")

    assert invoke("notify", published) == {"batchItemFailures": []}
    (message,) = messages(project)
    assert invoke("notify", message) == {"batchItemFailures": []}

    (received,) = receiver.received
    assert received.body.decode() == published["Records"][0]["body"]
    expected = json.loads(received.body)
    assert Webhook(endpoint["secret"]).verify(received.body, received.headers) == expected
    client = OpenAI(api_key="unused", webhook_secret=endpoint["secret"])
    client.webhooks.verify_signature(received.body, received.headers)
    (delivery,) = call("GET", f"/{endpoint['id']}/deliveries")["data"]
    assert (delivery["status"], delivery["last_attempt"]["status_code"]) == ("delivered", 204)


def test_a_failed_request_leaves_its_message_in_the_queue_for_a_while(project: Project, receiver: Receiver) -> None:
    call("POST", "", {"url": receiver.url("hook")})
    receiver.statuses = [503]
    invoke("notify", event("sqs_event"))
    (message,) = messages(project)

    failed = invoke("notify", message)

    assert failed == {"batchItemFailures": [{"itemIdentifier": message["Records"][0]["messageId"]}]}
    assert messages(project) == []


def test_a_message_that_was_received_often_is_replaced_before_sqs_makes_it_a_dead_letter(
    project: Project, receiver: Receiver
) -> None:
    call("POST", "", {"url": receiver.url("hook")})
    receiver.statuses = [503]
    invoke("notify", event("sqs_event"))
    (message,) = messages(project)
    message["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(MOST_RECEIVES)

    assert invoke("notify", message) == {"batchItemFailures": []}

    clients, url = project.stack.clients, project.stack.notify_queue_url
    clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["Records"][0]["receiptHandle"])
    names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
    counts = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert sum(map(int, counts.values())) == 1


def test_an_event_of_an_owner_without_endpoints_does_nothing(project: Project, receiver: Receiver) -> None:
    assert invoke("notify", event("sqs_event")) == {"batchItemFailures": []}
    assert messages(project) == []
    assert receiver.received == []


def test_waiting_deliveries_and_those_of_a_receiver_that_is_gone_are_handled_within_the_rights(
    project: Project, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = call("POST", "", {"url": receiver.url("hook?token=CANARY")})
    tests = [call("POST", f"/{endpoint['id']}/test") for _ in range(4)]
    assert {Task.of(json.loads(one["Records"][0]["body"])) for one in messages(project)} == {
        Task(endpoint["id"], one["id"]) for one in tests
    }
    deliveries, lanes = adapters.deliveries(), adapters.lanes()
    lane = lanes.get(endpoint["id"])
    for holder in ("one", "two"):
        entered = lane.enter(holder, 0, 4e9)
        assert entered is not None
        lane = lanes.save(lane, entered, 0)
    for one in tests[:3]:
        assert invoke("notify", message_of(Task(endpoint["id"], one["id"]))) == {"batchItemFailures": []}
    assert len(deliveries.waiting(endpoint["id"], 9)) == 3
    lanes.save(lane, lane.leave("one", 0, success=True), 0)
    receiver.statuses = [410]

    assert invoke("notify", message_of(Task(endpoint["id"], tests[3]["id"]))) == {"batchItemFailures": []}
    for given in messages(project):
        invoke("notify", given)

    assert call("GET", f"/{endpoint['id']}")["status"] == "disabled"
    assert {one["status"] for one in call("GET", f"/{endpoint['id']}/deliveries")["data"]} == {"failed"}
    assert deliveries.waiting(endpoint["id"], 9) == []
    assert len(receiver.received) == 1
    assert "CANARY" not in capsys.readouterr().out
    project.stack.clients.sqs.purge_queue(QueueUrl=project.stack.notify_queue_url)
    invoke("sweep", event("schedule"))


def test_a_delivery_that_is_given_up_becomes_a_dead_letter_that_can_be_redriven(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = call("POST", "", {"url": receiver.url("hook")})
    receiver.statuses = [500] * 12
    test = call("POST", f"/{endpoint['id']}/test")
    task = Task(endpoint["id"], test["id"])
    for number in range(12):
        found = adapters.deliveries().find(task.endpoint_id, task.delivery_id)
        assert found is not None
        monkeypatch.setenv("CLOCK", f"0@{found.due_at}")
        end_process()
        if number < 11:
            bootstrap.notify().deliver(task)
        else:
            assert invoke("notify", message_of(task)) == {"batchItemFailures": []}

    sqs = project.stack.clients.sqs
    (letter,) = sqs.receive_message(QueueUrl=project.stack.notify_dead_letters_url)["Messages"]
    assert "WebhooksFailed" in capsys.readouterr().out
    assert call("GET", f"/{endpoint['id']}/deliveries")["data"][0]["error"] == "attempts_exhausted"
    redriven = Task.of(json.loads(letter["Body"]))
    assert redriven == Task(task.endpoint_id, task.delivery_id, redriven=True)
    assert invoke("notify", message_of(redriven)) == {"batchItemFailures": []}
    assert call("GET", f"/{endpoint['id']}/deliveries")["data"][0]["status"] == "delivered"
    call("POST", f"/{endpoint['id']}/replay", {"failed_since": 0})


def message_of(task: Task) -> Event:
    """Return a message as Lambda passes it on."""
    given = event("sqs_event")
    given["Records"][0] |= {"body": json.dumps(task.message()), "messageAttributes": {}}
    return given


def test_sweep_asks_again_for_a_delivery_whose_message_was_lost(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = call("POST", "", {"url": receiver.url("hook")})
    test = call("POST", f"/{endpoint['id']}/test")
    project.stack.clients.sqs.purge_queue(QueueUrl=project.stack.notify_queue_url)
    monkeypatch.setenv("CLOCK", f"0@{test['created_at'] + LATE_SECONDS + 1}")
    end_process()

    assert invoke("sweep", event("schedule"))["delivery_asked_for"] == 1

    (message,) = messages(project)
    assert Task.of(json.loads(message["Records"][0]["body"])) == Task(endpoint["id"], test["id"])
    assert "delivery_asked_for" not in invoke("sweep", event("schedule"))


def test_the_end_of_a_batch_is_sent_to_its_callback_url(project: Project, receiver: Receiver) -> None:
    signer = call("POST", "", {})
    url = receiver.url("batch?token=CANARY")
    given = event("api_post") | {"path": "/v1/batches"}
    given["body"] = json.dumps({"name": "foxes.jsonl", "callback_url": url})
    batch = json.loads(invoke("api", given)["body"])
    published = event("sqs_event")
    body = json.loads(published["Records"][0]["body"])
    body |= {"type": "batch.completed", "data": {"id": batch["id"], "status": "completed"}}
    published["Records"][0]["body"] = json.dumps(body)

    invoke("notify", published)
    (message,) = messages(project)
    invoke("notify", message)

    (received,) = receiver.received
    assert received.path == "/batch?token=CANARY"
    assert Webhook(signer["secret"]).verify(received.body, received.headers) == body


def test_a_row_of_a_prompt_file_may_have_a_callback_url_once_the_owner_has_a_secret(
    project: Project, receiver: Receiver
) -> None:
    row = json.dumps({"prompt": "a fox", "seconds": 2, "callback_url": receiver.url("row")})
    accepted = []
    for name in ("one", "two"):
        key = f"{name}.jsonl"
        etag = project.stack.s3.put_object(Bucket=PROMPTS, Key=key, Body=row.encode())["ETag"].strip('"')
        given = event("object_created")
        given["detail"]["bucket"]["name"] = PROMPTS
        given["detail"]["object"] |= {"key": key, "etag": etag}
        accepted.append(invoke("ingest", given)["accepted"])
        invoke("api", event("api_post") | {"path": PATH, "body": "{}"} | {"requestContext": context_of("files")})

    assert accepted == [0, 1]


def context_of(owner: str) -> Any:
    """Return the context of a request by an owner."""
    context = event("api_post")["requestContext"]
    context["authorizer"]["owner"] = owner
    return context
