"""The callers who ask for videos; they repeat a request that got no answer, as clients do."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from tests.chaos.plan import SECONDS, THRIFTY, Arrival, Wish
from wan_video_local.simulator import SimulatorControls
from wan_video_local.stack import Stack

REPEAT_SECONDS: Final = 11.0
"""Real seconds after which an SDK repeats a create; clients of other kinds never wait as long."""

PATIENCE: Final = 60.0
"""Seconds within which a caller gets a clear answer, however many requests that takes."""


class NotAcceptedError(Exception):
    """A door gave no clear answer, or refused a request that it should accept."""


@dataclass
class Asked:
    """What was accepted; `by_id` holds the name of the wish for each id that a door returned."""

    wishes: dict[str, Wish] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)
    """The monotonic time at which each wish was first accepted."""
    by_id: dict[str, str] = field(default_factory=dict)
    cancelled: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    """Names of the rows of each cancelled batch, and how many had started when the cancellation was accepted."""
    callbacks: dict[str, str] = field(default_factory=dict)
    """The path of the callback URL of each video or batch that has one, by its id."""
    trouble: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accepted(self, wish: Wish, video_id: str | None = None) -> None:
        """Record a wish that a door accepted, and the id of its video if the door returned one."""
        with self.lock:
            self.wishes[wish.name] = wish
            self.at.setdefault(wish.name, time.monotonic())
            if video_id is not None:
                known = self.by_id.setdefault(video_id, wish.name)
                if known != wish.name:
                    self.trouble.append(f"{video_id} is {known} and {wish.name}")


class Callers:
    """Clients that send requests to every door of one stack.

    `callback` returns the callback URL, if any, that an owner sends with a video or batch of a name.
    """

    def __init__(
        self,
        stack: Stack,
        thrifty_token: str,
        asked: Asked,
        random: Random,
        callback: Callable[[str, str], str | None] = lambda *_: None,
    ) -> None:
        self._stack = stack
        self._tokens = {THRIFTY: thrifty_token}
        self._callback = callback
        self._asked = asked
        self._random = random
        self._wan = SimulatorControls(stack.simulator_url)
        self._side = ThreadPoolExecutor(32, thread_name_prefix="caller")
        self._local = threading.local()

    def knock(self, arrival: Arrival) -> None:
        """Ask for everything in one arrival; raises NotAcceptedError."""
        doors = {
            "api": self._api,
            "file": self._file,
            "batch": self._batch,
            "import": self._import,
            "unknown": self._unknown,
            "dashscope": self._dashscope,
        }
        doors[arrival.door](arrival)

    def usage(self, owner: str, month: str) -> Sequence[Mapping[str, Any]]:
        """Return the days of a month (YYYY-MM) on which an owner used anything; raises NotAcceptedError."""
        token = self._tokens.get(owner, self._stack.token)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(requests.RequestException):
                answer = self._session.get(
                    f"{self._stack.api_url}/v1/usage",
                    params={"month": month},
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=40,
                )
                if answer.ok:
                    days: list[dict[str, Any]] = answer.json()["days"]
                    return days
            time.sleep(0.1)
        raise NotAcceptedError(f"no usage of {owner} in {month}")

    def _api(self, arrival: Arrival) -> None:
        jobs = [(wish, turn) for wish in arrival.wishes for turn in range(arrival.times)]
        if arrival.at_once or len(arrival.wishes) > 1:
            list(self._side.map(lambda job: self._create(job[0]), jobs))
        else:
            for wish, _ in jobs:
                self._create(wish)

    def _create(self, wish: Wish) -> None:
        callback = self._callback(wish.owner, wish.name)
        body = {**wish.body(), **_callback_field(callback)}
        answer = self._post("/v1/videos", body, wish, {"Idempotency-Key": f"key-{wish.name}"})
        self._asked.accepted(wish, answer["id"])
        self._expect_callback(answer["id"], callback)
        if wish.cancelled:
            time.sleep(self._random.uniform(0, 3))
            self._cancel(f"/v1/videos/{answer['id']}/cancel", wish)

    def _cancel(self, path: str, wish: Wish) -> None:
        """Cancel something; the stack may refuse because it is too late."""
        self._post(path, {}, wish, {}, refusals=(409,))

    def _dashscope(self, arrival: Arrival) -> None:
        wish, *take = arrival.wishes
        body, headers = _dashscope_body(wish), _sdk_headers(wish, keyed=arrival.keyed)
        if arrival.at_once:
            list(self._side.map(lambda _: self._order(wish, body, headers), range(arrival.times)))
            return
        task_id = self._order(wish, body, headers)
        for _ in range(1, arrival.times):
            time.sleep(REPEAT_SECONDS)
            self._order(wish, body, headers)
        for second in take:
            # Fetching the task shows that the first answer has arrived, so the next create asks for another video.
            self._get(f"/api/v1/tasks/{task_id}", wish, headers)
            self._order(second, body, headers)

    def _order(self, wish: Wish, body: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        path = "/api/v1/services/aigc/video-generation/video-synthesis"
        answer = self._post(path, body, wish, {"X-DashScope-Async": "enable", **headers})
        task_id = str(answer["output"]["task_id"])
        self._asked.accepted(wish, task_id)
        return task_id

    def _batch(self, arrival: Arrival) -> None:
        """Create a batch, wait until its rows are queued, and cancel it while some of them may be running."""
        first = arrival.wishes[0]
        callback = self._callback(first.owner, f"batch-{first.name}")
        asked = {"name": f"{first.name}.json", **_callback_field(callback)}
        made = self._post("/v1/batches", asked, first, {"Idempotency-Key": f"key-{first.name}"})
        self._expect_callback(made["id"], callback)
        body = json.dumps([wish.body() for wish in arrival.wishes]).encode()
        self._session.put(made["upload"]["url"], data=body, headers=made["upload"]["headers"], timeout=40)
        path = f"/v1/batches/{made['id']}"
        deadline = time.monotonic() + PATIENCE
        while self._get(path, first)["status"] in ("waiting_for_file", "validating"):
            if time.monotonic() > deadline:
                raise NotAcceptedError(f"{first.name}: the file of its batch was not read")
            time.sleep(0.2)
        for wish in arrival.wishes:
            self._asked.accepted(wish)
        time.sleep(self._random.uniform(0, 4))
        self._cancel(f"{path}/cancel", first)
        counts = self._get(path, first)["request_counts"]
        started = counts["total"] - counts["refused"] - counts["queued"] - counts["cancelled"]
        with self._asked.lock:
            self._asked.cancelled.append((tuple(wish.name for wish in arrival.wishes), started))

    def _expect_callback(self, made_id: str, callback: str | None) -> None:
        if callback is not None:
            with self._asked.lock:
                self._asked.callbacks[made_id] = urlsplit(callback).path

    def _import(self, arrival: Arrival) -> None:
        (wish,) = arrival.wishes
        task_id = self._direct(wish)
        # For a moment, Wan may answer that it does not know the task; the caller then asks again.
        answer = self._post("/v1/videos/import", {**wish.body(), "task_id": task_id}, wish, {}, again=(400, 404))
        self._asked.accepted(wish, answer["id"])

    def _unknown(self, arrival: Arrival) -> None:
        """Import a task that Wan never had; cancel it if it is accepted because Wan did not answer."""
        (wish,) = arrival.wishes
        body = {**wish.body(), "task_id": f"bogus-{wish.name}"}
        answer = self._post("/v1/videos/import", body, wish, {}, refusals=(400, 404))
        if answer is not None:
            self._asked.accepted(wish, answer["id"])
            self._cancel(f"/v1/videos/{answer['id']}/cancel", wish)

    def _direct(self, wish: Wish) -> str:
        """Create a task at Wan without the stack; a caller who cannot look into the ledger would pay twice."""
        digest = hashlib.sha256(wish.prompt.encode()).hexdigest()
        regions = self._wan.health()["regions"]
        base, path = regions[wish.film.region]["base_url"], "/services/aigc/video-generation/video-synthesis"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            key = self._wan.health()["regions"][wish.film.region]["key"]
            headers = {"Authorization": f"Bearer {key}", "X-DashScope-Async": "enable"}
            with suppress(requests.RequestException):
                self._session.post(base + path, json=_dashscope_body(wish), headers=headers, timeout=30)
            for entry in self._wan.entries("accepted"):
                if entry["prompt_sha256"] == digest:
                    return str(entry["task_id"])
        raise NotAcceptedError(f"{wish.name}: Wan took no task")

    def _file(self, arrival: Arrival) -> None:
        rows = [wish.body() for wish in arrival.wishes]
        key = f"{arrival.wishes[0].name} & co/{self._random.getrandbits(24):06x}.json"
        bucket = self._stack.outputs["PromptsBucketName"]
        body = json.dumps(rows).encode()
        put = self._stack_aws.s3.put_object(Bucket=bucket, Key=key, Body=body)
        for wish in arrival.wishes:
            self._asked.accepted(wish)
        event = _object_created(bucket, key, put["ETag"].strip('"'), len(body))
        for _ in range(arrival.times - 1):
            threading.Timer(self._random.uniform(0, 4), self._tell, (event,)).start()

    def _tell(self, event: Mapping[str, Any]) -> None:
        self._stack_aws.functions.invoke(
            FunctionName="wan-video-ingest", InvocationType="Event", Payload=json.dumps(event).encode()
        )

    @property
    def _stack_aws(self) -> Any:
        if not hasattr(self._local, "aws"):
            self._local.aws = self._stack.aws
        return self._local.aws

    @property
    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        session: requests.Session = self._local.session
        return session

    def _get(self, path: str, wish: Wish, headers: Mapping[str, str] | None = None) -> Any:
        """Send a GET request until there is a clear answer, and return that."""
        return self._ask("GET", path, None, wish, headers or {})

    def _post(
        self,
        path: str,
        body: Mapping[str, Any],
        wish: Wish,
        headers: Mapping[str, str],
        *,
        refusals: Sequence[int] = (),
        again: Sequence[int] = (),
    ) -> Any:
        """Send a POST request until there is a clear answer; return None for one of the expected `refusals`."""
        return self._ask("POST", path, body, wish, headers, refusals=refusals, again=again)

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        wish: Wish,
        headers: Mapping[str, str],
        *,
        refusals: Sequence[int] = (),
        again: Sequence[int] = (),
    ) -> Any:
        token = self._tokens.get(wish.owner, self._stack.token)
        deadline = time.monotonic() + PATIENCE
        last = "nothing"
        while time.monotonic() < deadline:
            try:
                answer = self._session.request(
                    method,
                    self._stack.api_url + path,
                    json=body,
                    headers={"Authorization": f"Bearer {token}", **headers},
                    timeout=40,
                )
            except requests.RequestException as error:
                last = type(error).__name__
                continue
            if answer.ok:
                return answer.json()
            if answer.status_code in refusals:
                return None
            last = f"{answer.status_code}: {answer.text[:300]}"
            if answer.status_code < 500 and answer.status_code not in (429, *again):
                break
            time.sleep(0.1)
        raise NotAcceptedError(f"{wish.name}: {path} answered {last}")


def _callback_field(callback: str | None) -> dict[str, str]:
    return {} if callback is None else {"callback_url": callback}


def _dashscope_body(wish: Wish) -> dict[str, Any]:
    inputs: dict[str, Any] = {"prompt": wish.prompt}
    if wish.film.image is None:
        parameters: dict[str, Any] = {"size": wish.film.size.replace("x", "*")}
    else:
        # Without `data:`, as npm's `ai` sends it.
        inputs["img_url"] = base64.b64encode(wish.film.content).decode()
        parameters = {"resolution": wish.film.size}
    if wish.film.model.startswith("wan2.5"):
        parameters["duration"] = SECONDS
    return {"model": wish.film.model, "input": inputs, "parameters": parameters}


def _sdk_headers(wish: Wish, *, keyed: bool) -> dict[str, str]:
    """Return the headers that identify a repeated create: `ai` sends a key, `dashscope.Client` its SDK's."""
    if keyed:
        return {"Idempotency-Key": f"aisdk_vid_{wish.name}"}
    return {"x-dashscope-sdk-client": "python-sdk/2.0.2/aigc2", "x-dashscope-sdk-session-id": f"session-{wish.name}"}


def _object_created(bucket: str, key: str, etag: str, size: int) -> dict[str, Any]:
    """Return the event as EventBridge delivers it."""
    stored = {"key": key, "size": size, "etag": etag, "sequencer": "00"}
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {"version": "0", "bucket": {"name": bucket}, "object": stored, "reason": "PutObject"},
    }


def knock_all(callers: Callers, arrivals: Sequence[Arrival], asked: Asked) -> None:
    """Send the requests of all arrivals, a few at a time, and record those that were not accepted."""

    def knock(arrival: Arrival) -> None:
        try:
            callers.knock(arrival)
        except NotAcceptedError as error:
            with asked.lock:
                asked.trouble.append(str(error))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(knock, arrivals))
