"""Everything that functions do, including rare cases, so that each right is used while roles are enforced.

Each step watches the stack from outside until it has ended. Tests on moto check the details
(`tests/integration/handlers/test_rare_calls.py`); the steps only make the cases happen.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import requests

from tests.e2e.conftest import Local
from tests.e2e.receiver import Receiver
from tests.e2e.steps import MODEL, NOTICE_SECONDS, accepted, await_that, executions_of, make, objects, request
from tests.e2e.test_carried_on import make_task
from tests.e2e.test_retention import end_earlier
from tools.harness.images import image_bytes
from tools.harness.patience import PATIENCE
from tools.harness.samples import ended_batch, open_batch, rows_of, submitting, validating_batch, waiting_batch
from wan_video.adapters.clock import ScaledClock
from wan_video.adapters.dynamodb.batches import DynamoBatches
from wan_video.adapters.dynamodb.ledger import pool_key
from wan_video.adapters.dynamodb.videos import DynamoVideos
from wan_video.adapters.dynamodb.webhooks import DynamoDeliveries, DynamoLanes
from wan_video.domain.batch import ERRORS, REPORTS, Batch, BatchStatus, report_key
from wan_video.domain.delivery import MAX_ATTEMPTS, TEST_EVENT, Delivery, event_for_test
from wan_video.domain.names import video_key
from wan_video.domain.periods import DAY_SECONDS
from wan_video.domain.trouble import Failure
from wan_video.errors import VideoChanged
from wan_video_local.stack import OWNER

POOL = "singapore#wan2.6-t2v"
IMAGE_MODEL = "wan2.7-i2v"
FAILURE = Failure("x", "y", "submit", True)
CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"


class Everything:
    """The steps, run on one stack."""

    def __init__(self, local: Local) -> None:
        self.local = local
        aws, outputs = local.stack.aws, local.stack.outputs
        client = aws.dynamodb.meta.client
        self.aws = aws
        self.bucket, self.prompts = outputs["VideosBucketName"], outputs["PromptsBucketName"]
        self.ledger = aws.dynamodb.Table(outputs["LedgerTableName"])
        self.batches = DynamoBatches(client, outputs["LedgerTableName"])
        self.deliveries = DynamoDeliveries(client, outputs["LedgerTableName"])
        self.lanes = DynamoLanes(client, outputs["LedgerTableName"])
        self.videos = DynamoVideos(client, videos=outputs["VideosTableName"], ledger=outputs["LedgerTableName"])

    @cached_property
    def clock(self) -> ScaledClock:
        """The clock of the stack."""
        return ScaledClock.parse(self.local.variable("sweep", "CLOCK"))

    @property
    def now(self) -> int:
        return int(self.clock.now())

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API, and return its answer."""
        headers |= {"Authorization": f"Bearer {self.local.stack.token}"}
        answer = requests.request(
            method,
            f"{self.local.stack.api_url}{path}",
            json=body,
            headers=headers,
            timeout=PATIENCE,
            allow_redirects=False,
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def invoke(self, word: str, event: Any) -> Any:
        """Call a function, and return its answer."""
        answer = self.aws.functions.invoke(
            FunctionName=f"wan-video-{word.replace('_', '-')}", Payload=json.dumps(event).encode()
        )
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        return json.loads(payload)

    def starts(self, value: str) -> None:
        """Enable or disable starts."""
        self.local.set_variable(["dispatch"], "STARTS", value)

    def batch(self, *prompts: str) -> str:
        """Create a batch, upload its file, and return its id."""
        opened = self.ask("POST", "/v1/batches", {"name": "prompts.jsonl"})
        text = "".join(json.dumps(request(prompt)) + "\n" for prompt in prompts)
        upload = opened["upload"]
        put = requests.put(upload["url"], data=text.encode(), headers=upload["headers"], timeout=PATIENCE)
        assert put.ok, put.text
        return str(opened["id"])

    def ended(self, batch_id: str) -> Batch:
        """Wait until a batch has ended and was announced, and return it."""

        def announced() -> Batch | None:
            batch = self.batches.get(batch_id)
            return batch if batch.announced_at is not None else None

        return await_that(announced, f"the end of {batch_id}")

    # --- batches -----------------------------------------------------------------------------------------------------

    def batches_to_their_ends(self) -> None:
        """Complete a batch in part, make its failures again, and cancel a batch while it waits."""
        first = self.batch("a fox in a batch", "a fox [simulate:task:DataInspectionFailed] in a batch")
        assert self.ended(first).failed == 1
        for path in (
            f"/v1/batches/{first}",
            "/v1/batches",
            f"/v1/videos?batch_id={first}&status=failed",
            "/v1/videos?status=failed",
            f"/v1/videos?status=failed&model={MODEL}",
        ):
            self.ask("GET", path)
        links = self.ask("GET", f"/v1/batches/{first}")["reports"]
        for link in links.values():
            assert requests.get(link, timeout=PATIENCE).ok
        again = self.ask("POST", f"/v1/batches/{first}/retry")["id"]
        assert self.ended(again).failed == 1
        self.starts("disabled")
        waits = self.batch("a fox that waits", "another fox that waits")
        await_that(lambda: self.batches.get(waits).written == 2 or None, "the rows of a batch")
        self.ask("POST", f"/v1/batches/{waits}/cancel")
        ended = self.ended(waits)
        self.starts("enabled")
        assert (ended.status, ended.cancelled, ended.completed) == (BatchStatus.CANCELLED, 2, 0)

    def files_that_are_not_there(self) -> None:
        """Announce a file that does not exist, and retry the failures of a batch whose report of errors is missing."""
        gone = {"detail": {"bucket": {"name": self.prompts}, "object": {"key": "gone.jsonl", "etag": "0" * 32}}}
        assert self.invoke("ingest", gone)["batch_id"] is None
        self.batches.create(replace(validating_batch("batch_of_none", owner=OWNER), source=None, retry_of="batch_none"))
        assert self.ended("batch_of_none").status is BatchStatus.FAILED

    # --- videos ------------------------------------------------------------------------------------------------------

    def an_import(self) -> None:
        """Import a task that was created without the stack."""
        prompt = "a fox from elsewhere shows its papers"
        body = {"model": MODEL, "size": "832x480", "seconds": 5, "prompt": prompt}
        video = self.local.client.import_task(make_task(self.local, prompt), body)
        assert self.local.client.await_final(video["id"], within=NOTICE_SECONDS * 4)["status"] == "completed"

    def a_reconciled_submission(self) -> None:
        """Lose the answer to a submission; its task is found in Wan's list."""
        self.local.simulator.add_fault("create", "reset", after=True)
        assert make(self.local, "a fox whose papers are lost")["status"] == "completed"

    def what_wan_refuses_and_what_stays_unresolved(self) -> None:
        """Let `submit` and `report_failure` release the place and the reservation of a video."""
        assert make(self.local, "[simulate:DataInspectionFailed] a fox at the border")["status"] == "failed"
        now = self.now
        doubtful = replace(submitting("video_doubtful", owner=OWNER), updated_at=now, started_at=now)
        self.videos.accept(doubtful.submission_uncertain(now).unresolved(now, FAILURE))
        assert self.invoke("report_failure", {"video_id": "video_doubtful"}) == {"outcome": "failed"}

    def a_task_that_is_cancelled_at_wan(self) -> None:
        """Cancel a video whose task is still PENDING at Wan."""
        with self.local.nothing_begins_at_wan(MODEL):
            video_id = self.local.client.create(request("a fox who changes its mind"))["id"]
            await_that(lambda: self.videos.get(video_id).task, "the task")
            assert self.ask("POST", f"/v1/videos/{video_id}/cancel")["status"] == "cancelled"

    def a_submission_that_could_not_save_its_outcome(self) -> None:
        """Kill the submission's worker after Wan has accepted the task; `poll` is the first to see the task."""
        prompt = "a fox whose papers are cut off"
        with self.local.hanging("create"):
            video_id = self.local.client.create(request(prompt))["id"]
            (task,) = await_that(lambda: accepted(self.local, prompt) or None, "the task")
            polled = self.invoke("poll", {"video_id": video_id, "task_id": task["task_id"], "n": 1})
            assert polled["outcome"] in ("running", "succeeded")
            self.local.kill_worker("submit")
        assert self.local.client.await_final(video_id, within=NOTICE_SECONDS * 8)["status"] == "completed"

    def a_large_delivery_that_fails_and_one_that_is_killed(self) -> None:
        """Give up a delivery for a wrong byte, kill the worker of another, and leave uploads for `sweep` to abort."""
        self.local.simulator.add_fault("result", "flip", keep=100_000)
        large = self.local.client.create(request("a large fox [simulate:bytes:20000000]"))["id"]
        assert self.local.client.await_final(large, within=NOTICE_SECONDS * 8)["status"] == "completed"
        with self.local.hanging("result") as await_call:
            killed = self.local.client.create(request("a killed fox [simulate:bytes:20000000]"))["id"]
            await_call()
            self.local.kill_worker("deliver")
        assert self.local.client.await_final(killed, within=NOTICE_SECONDS * 8)["status"] == "completed"
        key = video_key("video_left_behind")
        self.aws.s3.create_multipart_upload(Bucket=self.bucket, Key=key)
        self.aws.s3.create_multipart_upload(Bucket=self.bucket, Key=report_key("batch_left_behind", ERRORS))

    def a_copy_of_what_was_deleted(self) -> None:
        """Let `deliver` finish after its video was deleted; it removes its copy."""
        self.aws.s3.put_object(Bucket=self.bucket, Key=video_key("video_gone"), Body=b"x")
        assert self.invoke("deliver", {"video_id": "video_gone", "task_id": "task"}) == {"outcome": "over"}
        assert objects(self.local, "video_gone") == []

    def a_stopped_execution(self) -> None:
        """Stop an execution; `sweep` starts another that continues its work."""
        with self.local.hanging("result") as await_call:
            video_id = self.local.client.create(request("a fox who is stopped at the border"))["id"]
            await_call()
            self.aws.states.stop_execution(executionArn=executions_of(self.local, video_id)[0].arn)
            await_that(lambda: len(executions_of(self.local, video_id)) == 2 or None, "the next execution")
        assert self.local.client.await_final(video_id, within=NOTICE_SECONDS * 8)["status"] == "completed"

    def the_dashscope_face(self) -> None:
        """Create a task on DashScope's routes, ask for it, and cancel it."""
        session = {"x-dashscope-sdk-session-id": uuid.uuid4().hex}
        self.starts("disabled")
        order = {"model": MODEL, "input": {"prompt": "a fox"}, "parameters": {"size": "832*480", "duration": 5}}
        task_id = self.ask("POST", CREATE, order, **{"X-DashScope-Async": "enable"}, **session)["output"]["task_id"]
        self.ask("GET", f"/api/v1/tasks/{task_id}", **session)
        self.ask("GET", f"/api/v1/uploads?action=getPolicy&model={MODEL}")
        self.ask("POST", f"/api/v1/tasks/{task_id}/cancel")
        self.starts("enabled")

    def images(self) -> None:
        """Use an image that was uploaded and one that a request contains, and delete the image of a waiting video."""
        opened = self.ask("POST", "/v1/inputs", {})
        upload = opened["upload"]
        # Above 7 MB, so that Wan gets a link; what follows the end of a PNG is ignored.
        large = image_bytes() + bytes(7_000_000)
        assert requests.put(upload["url"], data=large, headers=upload["headers"], timeout=PATIENCE).ok
        asked = {"model": IMAGE_MODEL, "resolution": "720P", "seconds": 2}
        made = self.ask("POST", "/v1/videos", {**asked, "input_reference": opened["id"]})
        assert self.local.client.await_final(made["id"], within=NOTICE_SECONDS * 8)["status"] == "completed"
        self.starts("disabled")
        inline = f"data:image/png;base64,{base64.b64encode(image_bytes()).decode()}"
        waiting = self.ask("POST", "/v1/videos", {**asked, "input_reference": inline})
        self.ask("DELETE", f"/v1/inputs/{waiting['input_reference']['id']}")
        self.starts("enabled")
        ended = self.local.client.await_final(waiting["id"], within=NOTICE_SECONDS * 8)
        assert (ended["status"], ended["error"]["code"]) == ("failed", "image_gone")
        retried = requests.post(
            f"{self.local.stack.api_url}/v1/videos/{waiting['id']}/retry",
            headers={"Authorization": f"Bearer {self.local.stack.token}"},
            timeout=PATIENCE,
        )
        assert (retried.status_code, "no longer stored" in retried.text) == (400, True)

    def images_in_the_prompts_bucket(self) -> None:
        """Let a prompt file name an image beside it, and one that does not exist."""
        self.aws.s3.put_object(Bucket=self.prompts, Key="images/fox.png", Body=image_bytes())
        rows = [
            {"model": IMAGE_MODEL, "resolution": "720P", "seconds": 2, "input_reference": f"s3://{self.prompts}/{key}"}
            for key in ("images/fox.png", "images/no.png")
        ]
        self.aws.s3.put_object(Bucket=self.prompts, Key="with-images.json", Body=json.dumps(rows).encode())

        def ended() -> dict[str, str] | None:
            stored: Any = self.aws.dynamodb.Table(self.local.stack.outputs["VideosTableName"]).scan()["Items"]
            found: dict[str, str] = {}
            for row in stored:
                source = row.get("request", {}).get("first_frame", {}).get("source", "")
                if source.startswith("s3://") and row["status"] in ("completed", "failed"):
                    found[source.rpartition("/")[2]] = str(row["status"])
            return found if len(found) == len(("fox.png", "no.png")) else None

        assert await_that(ended, "the ends of the rows") == {"fox.png": "completed", "no.png": "failed"}

    def webhooks(self) -> None:
        """Deliver events to endpoints and callbacks; keep one waiting, lose a message, give one up, and end one."""
        with Receiver() as receiver:
            self.local.set_variable(("api", "ingest", "notify"), "WEBHOOK_ORIGINS", receiver.origin)
            made = [self.ask("POST", "/v1/webhook_endpoints", {"url": receiver.url(name)}) for name in ("a", "b", "c")]
            mine, failing, gone = (endpoint["id"] for endpoint in made)
            signer = self.ask("POST", "/v1/webhook_endpoints", {})["id"]
            video = {**request("a fox with a doorbell"), "callback_url": receiver.url("video")}
            file = {"name": "doorbells.jsonl", "callback_url": receiver.url("batch")}
            upload = self.ask("POST", "/v1/batches", file)["upload"]
            row = json.dumps({**request("a fox at the door"), "callback_url": receiver.url("row")}).encode()
            assert requests.put(upload["url"], data=row, headers=upload["headers"], timeout=PATIENCE).ok
            self.local.client.create(video)
            paths = ("/a", "/b", "/c", "/video", "/batch", "/row")
            await_that(lambda: {one.path for one in receiver.received} >= set(paths) or None, "all requests")

            tests = [self.ask("POST", f"/v1/webhook_endpoints/{mine}/test") for _ in range(8)]
            await_that(lambda: self.delivered(mine, {one["id"] for one in tests}), "the tests")
            self.ask("POST", f"/v1/webhook_endpoints/{mine}/replay", {"delivery_id": tests[0]["id"]})
            self.ask("POST", f"/v1/webhook_endpoints/{mine}/replay", {"failed_since": 0})
            self.ask("POST", f"/v1/webhook_endpoints/{mine}/rotate")
            await_that(lambda: self.delivered(mine, {tests[0]["id"]}), "the replay")
            receiver.statuses = [500]
            retried = self.ask("POST", f"/v1/webhook_endpoints/{mine}/test")["id"]
            await_that(lambda: self.delivered(mine, {retried}), "the second attempt")
            self.a_delivery_that_waits_and_one_whose_message_is_lost(mine)
            receiver.statuses = [500]
            self.a_delivery_that_is_given_up(failing)
            receiver.statuses = [410]
            self.ask("POST", f"/v1/webhook_endpoints/{gone}/test")
            await_that(
                lambda: self.ask("GET", f"/v1/webhook_endpoints/{gone}")["status"] == "disabled" or None, "the end"
            )
            assert self.ask("POST", f"/v1/webhook_endpoints/{gone}/enable")["status"] == "enabled"
            assert len(self.ask("GET", "/v1/webhook_endpoints")["data"]) == 4
            for endpoint_id in (mine, failing, gone, signer):
                self.ask("DELETE", f"/v1/webhook_endpoints/{endpoint_id}")
            self.local.set_variable(("api", "ingest", "notify"), "WEBHOOK_ORIGINS", "")

    def delivered(self, endpoint_id: str, ids: set[str]) -> bool | None:
        """Return True once these deliveries of an endpoint have reached it."""
        found = self.ask("GET", f"/v1/webhook_endpoints/{endpoint_id}/deliveries")["data"]
        return ids <= {one["id"] for one in found if one["status"] == "delivered"} or None

    def a_delivery_that_waits_and_one_whose_message_is_lost(self, endpoint_id: str) -> None:
        """Store deliveries that wait since long ago, of which `sweep` asks for one; let another one wait for a slot."""
        for number in (1, 2):
            stored = self.delivery(endpoint_id, number)
            self.deliveries.create(stored)
            self.deliveries.wait(stored, self.now - DAY_SECONDS)
        ids = {self.delivery(endpoint_id, number).id for number in (1, 2)}
        await_that(lambda: self.delivered(endpoint_id, ids), "the deliveries that waited")
        lane = self.lanes.get(endpoint_id)
        for holder in ("killed", "killed too"):  # they return no slot
            entered = lane.enter(holder, self.now, time.time())
            assert entered is not None
            lane = self.lanes.save(lane, entered, self.now)
        waiting = self.ask("POST", f"/v1/webhook_endpoints/{endpoint_id}/test")["id"]
        await_that(lambda: self.deliveries.waiting(endpoint_id, 1), "a delivery that waits")
        await_that(lambda: self.delivered(endpoint_id, {waiting}), "the delivery that waited for a slot")

    def a_delivery_that_is_given_up(self, endpoint_id: str) -> None:
        """Store a delivery before its last attempt, which fails."""
        last = replace(self.delivery(endpoint_id, 3), attempts=MAX_ATTEMPTS - 1, due_at=self.now - DAY_SECONDS)
        self.deliveries.create(last)
        letters = self.aws.sqs.get_queue_url(QueueName=self.local.stack.outputs["NotifyDeadLettersArn"].split(":")[-1])
        await_that(
            lambda: self.aws.sqs.receive_message(QueueUrl=letters["QueueUrl"]).get("Messages"), "the dead letter"
        )

    def delivery(self, endpoint_id: str, number: int) -> Delivery:
        """Return a delivery of the owner to an endpoint, made long ago."""
        at = self.now - DAY_SECONDS // 2
        event = event_for_test(f"evt_{number:032x}", endpoint_id, 1)
        return Delivery(endpoint_id, OWNER, event["id"], TEST_EVENT, 1, at, at, json.dumps(event), lane=endpoint_id)

    # --- repairs -----------------------------------------------------------------------------------------------------

    def what_sweep_finds(self) -> None:
        """Leave a batch without a file, batches without a worker, a leaked place, and an unfinished video."""
        now = self.now
        self.batches.create(waiting_batch("batch_never", owner=OWNER, at=now - DAY_SECONDS))
        unread = replace(validating_batch("batch_unread", owner=OWNER), updated_at=now - DAY_SECONDS)
        self.batches.create(unread)
        unended = replace(open_batch("batch_unended", owner=OWNER, total=0), updated_at=now - DAY_SECONDS)
        self.batches.create(unended)
        self.ledger.update_item(
            Key=pool_key(POOL),
            UpdateExpression="ADD running :ids",
            ExpressionAttributeValues={":ids": {"video_leaked"}},
        )
        batch = open_batch("batch_late", owner=OWNER, total=1)
        self.batches.create(replace(batch, updated_at=now))
        (row,) = rows_of(batch, 1)
        late = submitting(row.id, owner=OWNER, batch_id=batch.id, queue_key=row.queue_key)
        self.videos.accept(replace(late, updated_at=now - DAY_SECONDS))
        await_that(lambda: self.batches.get("batch_never").status is BatchStatus.EXPIRED or None, "the end of a batch")
        await_that(lambda: self.batches.get("batch_unread").restarts or None, "a second worker for a file")
        self.ended("batch_unended")
        await_that(lambda: self.videos.get(late.id).status.final or None, "the end of a late video")

        def running() -> frozenset[str]:
            found = self.ledger.get_item(Key=pool_key(POOL)).get("Item", {}).get("running", ())
            return frozenset(map(str, found)) if isinstance(found, set) else frozenset()

        await_that(lambda: "video_leaked" not in running() or None, "the return of a place")

    def an_orphan(self) -> None:
        """Let a task appear after its video has ended; it becomes a new video."""
        prompt = "a fox that turns up late"
        self.local.simulator.add_fault("create", "reset", after=True)
        self.local.simulator.add_fault("list", "status", status=500, times=10_000)
        video_id = self.local.client.create(request(prompt))["id"]
        await_that(lambda: self.videos.get(video_id).is_uncertain or None, "an uncertain submission")

        def ended() -> bool:
            row = self.videos.get(video_id)
            with suppress(VideoChanged):  # Another writer was first.
                self.videos.save(row, row.ended(self.now, FAILURE))
                return True
            return False

        await_that(ended, "the end of the row")
        self.local.notices.await_about(video_id, within=NOTICE_SECONDS)
        self.local.simulator.clear_faults()
        task = accepted(self.local, prompt)[0]["task_id"]

        def rescued() -> str | None:
            found = self.ledger.get_item(Key={"pk": f"claim#singapore#{task}", "sk": "claim"}).get("Item")
            return str(found["video_id"]) if found else None

        new = await_that(rescued, "the adoption of a task")
        assert self.local.client.await_final(new, within=NOTICE_SECONDS * 8)["status"] == "completed"

    def retention(self) -> None:
        """Let the retention of a batch and of a video end."""
        old = make(self.local, "a fox is forgotten at the border")["id"]
        self.local.notices.await_about(old, within=NOTICE_SECONDS)
        end_earlier(self.local, old, 2 * DAY_SECONDS)
        done = replace(ended_batch("batch_kept", owner=OWNER), ended_at=self.now - 2 * DAY_SECONDS)
        self.batches.create(done)
        self.batches.save(done, done.announce(self.now - 2 * DAY_SECONDS))
        for name in REPORTS:
            self.aws.s3.put_object(Bucket=self.bucket, Key=report_key(done.id, name), Body=b"x")
        self.local.set_variable(["sweep"], "RETENTION_DAYS", "1")

        def gone() -> bool | None:
            listed = self.aws.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"reports/{done.id}/")
            return None if listed.get("Contents") else True

        await_that(gone, "the end of the reports")
        await_that(lambda: None if objects(self.local, old) else True, "the end of the old video")
        self.local.set_variable(["sweep"], "RETENTION_DAYS", "0")

    def open_uploads_are_aborted(self) -> None:
        """Wait until the open uploads are aborted, after an hour of the stack's clock."""

        def aborted() -> bool | None:
            found = self.aws.s3.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])
            left = {upload["Key"] for upload in found}
            return None if left & {video_key("video_left_behind"), report_key("batch_left_behind", ERRORS)} else True

        await_that(aborted, "the end of the open uploads")

    def __call__(self) -> None:
        """Run all steps."""
        self.batches_to_their_ends()
        self.files_that_are_not_there()
        self.what_wan_refuses_and_what_stays_unresolved()
        self.a_task_that_is_cancelled_at_wan()
        self.an_import()
        self.a_reconciled_submission()
        self.a_submission_that_could_not_save_its_outcome()
        self.a_copy_of_what_was_deleted()
        self.a_stopped_execution()
        self.the_dashscope_face()
        self.images()
        self.images_in_the_prompts_bucket()
        self.webhooks()
        self.a_large_delivery_that_fails_and_one_that_is_killed()
        self.what_sweep_finds()
        self.an_orphan()
        self.retention()
        self.open_uploads_are_aborted()
