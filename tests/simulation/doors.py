"""The callers of one history: clients that repeat a request until they have a clear answer, at every door."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from tests.chaos.checker import UNCERTAIN
from tests.chaos.hooks import CALLBACK, CALLBACK_GONE, Hook
from tests.chaos.plan import SECONDS, Arrival, Wish
from tests.simulation.checks import FINAL
from tests.simulation.images import BOTH_FRAMES, Shot, body_of, content_of, data_url
from tests.simulation.outcomes import Outcome
from tests.simulation.settings import DAY, LEDGER, SETTINGS
from tests.simulation.world import World
from tools.harness.lambdas import event as event_of
from tools.harness.samples import request
from wan_video.domain.models import Region, Size

if TYPE_CHECKING:
    from wan_video.domain.request import VideoRequest

GATEWAY_SECONDS: Final = 29.0
MOST_ATTEMPTS: Final = 60
REPEAT_SECONDS: Final = 200.0
"""Seconds after which an SDK repeats a create without an answer."""

REPEATED: Final = 0.3
"""The share of requests with an Idempotency-Key that are sent again later, with the same and with another body."""

NO_ANSWER: Final = 0
"""In place of a status: the answer was lost."""

REUSED: Final = 422
"""The status of a request whose key was used with another body."""

NOT_STORED: Final = (400, 404)
"""The statuses of a request that has stored nothing. An earlier attempt, whose answer was lost, may still store it."""

REPLAYED: Final = 0.3
"""The share of endpoints whose owners ask for deliveries again."""

BUCKET: Final = "wan-video-prompts"
DASHSCOPE_CREATE: Final = "/api/v1/services/aigc/video-generation/video-synthesis"


class NotAcceptedError(Exception):
    """A door gave no clear answer, or refused a request that it should accept."""


@dataclass
class Asked:
    """What was accepted; `by_id` holds the name of the wish for each id that a door returned."""

    wishes: dict[str, Wish] = field(default_factory=dict)
    by_id: dict[str, str] = field(default_factory=dict)
    cancelled: list[tuple[tuple[str, ...], int]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    batches: list[str] = field(default_factory=list)
    batch_owners: dict[str, str] = field(default_factory=dict)
    retried: set[str] = field(default_factory=set)
    """Wishes whose task failed at Wan, which costs nothing, and whose callers retry them: another POST is right."""

    def accepted(self, wish: Wish, video_id: str | None = None) -> None:
        """Record a wish that a door accepted, and the id of its video if the door returned one."""
        self.wishes[wish.name] = wish
        if video_id is not None:
            known = self.by_id.setdefault(video_id, wish.name)
            if known != wish.name:
                self.trouble.append(f"{video_id} is {known} and {wish.name}")


@dataclass
class Callers:
    """The callers of a history; `caps` are the daily budgets of some owners in seconds."""

    world: World
    caps: Mapping[str, int]
    asked: Asked = field(default_factory=Asked)
    working: int = 0
    _bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    _uploads: dict[str, list[str]] = field(default_factory=dict)

    def come(self, arrival: Arrival, after: float) -> None:
        """Let an arrival happen."""
        self._start(f"caller/{arrival.wishes[0].name}", lambda: self._knock(arrival), after)

    def _start(self, name: str, act: Callable[[], object], after: float = 0.0) -> None:
        self.working += 1

        def work() -> None:
            try:
                act()
            except NotAcceptedError as error:
                self.asked.trouble.append(str(error))
            finally:
                self.working -= 1

        self.world.scheduler.spawn(name, work, after=after)

    def _knock(self, arrival: Arrival) -> None:
        doors: Mapping[str, Callable[[Arrival], None]] = {
            "api": self._api,
            "file": self._file,
            "batch": self._batch,
            "import": self._import,
            "unknown": self._unknown,
            "dashscope": self._dashscope,
        }
        doors[arrival.door](arrival)

    def _together(self, name: str, acts: Sequence[Callable[[], object]]) -> None:
        """Do several things at the same time, without waiting for them."""
        for number, act in enumerate(acts):
            self._start(f"{name}/{number}", act)

    # --- the REST API ------------------------------------------------------------------------------------------------

    def _api(self, arrival: Arrival) -> None:
        for wish in arrival.wishes:
            self._prepare(wish)
        jobs = [wish for wish in arrival.wishes for _ in range(arrival.times)]
        if arrival.at_once or len(arrival.wishes) > 1:
            self._together(f"caller/{jobs[0].name}", [partial(self._create, wish) for wish in jobs])
        else:
            wish = jobs[0]
            video_ids = [self._create(wish) for _ in jobs]
            if isinstance(wish.film, Shot):
                self._retry_video(wish, video_ids[0])

    def _create(self, wish: Wish) -> str:
        headers = {"Idempotency-Key": f"key-{wish.name}"}
        # The server of an image may fail, and an upload that this caller has deleted is missing to a repetition that
        # was already being served; another attempt finds the video.
        again = (400, 404) if isinstance(wish.film, Shot) else ()
        callback = self.world.hooks.callback_of(wish, wish.name)
        body = {**self._bodies.get(wish.name, wish.body()), **_callback_field(callback)}
        answer = self._ask("POST", "/v1/videos", body, wish, headers, again=again)
        video_id: str = answer["id"]
        self.world.hooks.expect_callback(video_id, callback)
        self.asked.accepted(wish, video_id)
        self._take_away(wish)
        if wish.cancelled:
            self.world.scheduler.sleep(self.world.next_draw("cancel").between(0.0, 90.0))
            self._ask("POST", f"/v1/videos/{video_id}/cancel", {}, wish, {}, refusals=(409,))
        elif not isinstance(wish.film, Shot):
            self._repeat("/v1/videos", body, {**body, "prompt": f"{wish.prompt}, at night"}, wish, headers, video_id)
        return video_id

    def _repeat(
        self,
        path: str,
        body: Mapping[str, Any],
        other: Mapping[str, Any],
        wish: Wish,
        headers: Mapping[str, str],
        made_id: str,
    ) -> None:
        """Send a request again some time later, in some histories: the same one, and another one with its key."""
        draw = self.world.decisions.draw(f"repeat/{wish.name}/{path}")
        if draw.number() >= REPEATED:
            return
        self.world.scheduler.sleep(draw.between(0.0, 1.0, 1) * (5.0, 600.0, 7200.0)[draw.below(3, 2)])
        again = self._ask("POST", path, body, wish, headers)
        if again["id"] != made_id:
            self.asked.trouble.append(f"{wish.name} was repeated with its key, and {again['id']} is not {made_id}")
        refused = self._ask("POST", path, other, wish, headers, refusals=(REUSED,))
        if refused is not None:
            self.asked.trouble.append(f"{wish.name} has a key that was used again with another body: {refused['id']}")

    # --- images ------------------------------------------------------------------------------------------------------

    def _prepare(self, wish: Wish) -> None:
        """Make the images of a request available, and keep the body that states them."""
        film = wish.film
        if not isinstance(film, Shot):
            return
        numbers = [number for number in (film.image, film.last) if number is not None]
        stated = [self._stated(wish, film, number) for number in numbers]
        self._bodies[wish.name] = body_of(wish, *(*stated, None, None)[:2])

    def _stated(self, wish: Wish, film: Shot, number: int) -> str:
        """Return how a request states one image."""
        bucket, content = self.world.bucket, content_of(number, film.way)
        name = f"{wish.name}-{number}.png"
        if film.way in ("upload", "large"):
            made = self._ask("POST", "/v1/inputs", None, wish, {})
            parts = urlsplit(made["upload"]["url"])
            bucket.images[SETTINGS["INPUTS_BUCKET"], parts.path.removeprefix("/")] = content
            self._uploads.setdefault(wish.name, []).append(made["id"])
            return str(made["id"])
        if film.way in ("url", "row"):
            bucket.web[f"https://images.invalid/{name}"] = content
            return f"https://images.invalid/{name}"
        if film.way == "object":
            bucket.images[SETTINGS["PROMPTS_BUCKET"], f"images/{name}"] = content
            return f"s3://{SETTINGS['PROMPTS_BUCKET']}/images/{name}"
        return data_url(content)

    def _take_away(self, wish: Wish) -> None:
        """Let the images of a video disappear that may still wait."""
        film, bucket = wish.film, self.world.bucket
        if not (isinstance(film, Shot) and film.taken):
            return
        self.world.scheduler.sleep(self.world.next_draw("taken").between(0.0, 300.0))
        for input_id in self._uploads.get(wish.name, ()):
            self._ask("DELETE", f"/v1/inputs/{input_id}", None, wish, {})
        for url in [url for url in bucket.web if f"/{wish.name}-" in url]:
            if film.way == "url":
                bucket.web[url] = content_of(1 - (film.image or 0), film.way)
            else:
                del bucket.web[url]
        for key in [key for key in bucket.images if key[1].startswith(f"images/{wish.name}-")]:
            del bucket.images[key]

    def _retry_video(self, wish: Wish, video_id: str) -> None:
        """Retry a video that has failed, while its image is kept or when it is gone."""
        path = f"/v1/videos/{video_id}"
        deadline = self.world.scheduler.now + 3 * DAY
        while (video := self._ask("GET", path, None, wish, {}))["status"] not in FINAL:
            if self.world.scheduler.now > deadline:
                raise NotAcceptedError(f"{wish.name} does not end")
            self.world.scheduler.sleep(600.0)
        code = (video["error"] or {}).get("code")
        # An uncertain video may be paid for, so its caller would have to accept a second bill.
        if video["status"] != "failed" or code == UNCERTAIN:
            return
        if wish.fate == "fails":
            self.asked.retried.add(wish.name)
        headers = {"Idempotency-Key": f"retry-{wish.name}"}
        again = self._ask("POST", f"{path}/retry", {}, wish, headers, refusals=(400, 409))
        if again is not None:
            self.asked.accepted(wish, again["id"])
            self.world.hooks.expect_callback(again["id"], self.world.hooks.callback_of(wish, wish.name))
        if (again is None) != (code == "image_gone") and not wish.film.taken:  # type: ignore[attr-defined]
            self.asked.trouble.append(f"{wish.name} failed as {code}, and its retry was answered with {again}")
        if again is not None and code == "image_gone":
            self.asked.trouble.append(f"{wish.name} is retried, and its image is gone")

    # --- webhooks ----------------------------------------------------------------------------------------------------

    def create_hooks(self, kinds: Mapping[str, Sequence[str]]) -> None:
        """Create the webhook endpoints of owners."""
        hooks = self.world.hooks
        for owner, wanted in kinds.items():
            wish = Wish("hooks", "", None, owner)  # type: ignore[arg-type]
            for kind in wanted:
                body = {} if kind == CALLBACK else {"url": hooks.url(owner, kind)}
                headers = {"Idempotency-Key": f"hook-{owner}-{kind}"}
                made = self._ask("POST", "/v1/webhook_endpoints", body, wish, headers)
                hooks.secrets[owner, kind] = made["secret"]
                if kind == CALLBACK:
                    hooks.signers[owner] = made["id"]
                    hooks.secrets[owner, CALLBACK_GONE] = made["secret"]
                else:
                    hooks.hooks.append(Hook(made["id"], owner, cast("Any", kind)))

    def replay_some(self) -> None:
        """Let owners ask for deliveries again, some time after their receivers have accepted or refused them."""
        for hook in self.world.hooks.hooks:
            draw = self.world.decisions.draw(f"replay/{hook.id}")
            if str(hook.kind) != "dead" and draw.number() < REPLAYED:
                after = draw.between(0.5, 1.0, 1) * (600.0, 3600.0, 7200.0, 26 * 3600.0)[draw.below(4, 2)]
                self._start(f"caller/replay/{hook.id}", partial(self._replay, hook), after)

    def _replay(self, hook: Hook) -> None:
        """Let the deliveries to an endpoint begin again that have failed, and the first one, failed or not."""
        wish = Wish("hooks", "", None, hook.owner)  # type: ignore[arg-type]
        path = f"/v1/webhook_endpoints/{hook.id}"
        listed = self._ask("GET", f"{path}/deliveries", None, wish, {})["data"]
        wanted = [{"failed_since": 0}, *({"delivery_id": one["id"]} for one in listed[-1:])]
        for body in wanted:
            seen = len(self.world.hooks.posted)
            # A delivery that changes at the same moment, and an endpoint whose receiver is gone, are refused.
            answer = self._ask("POST", f"{path}/replay", body, wish, {}, refusals=(409,))
            for one in [] if answer is None or str(hook.kind) == "gone" else answer["data"]:
                self.world.hooks.replayed.append((hook.path, one["event_id"], seen))

    def disabled_hooks(self) -> frozenset[str]:
        """Return the ids of endpoints that the API shows as disabled."""
        found: set[str] = set()
        for owner in sorted({hook.owner for hook in self.world.hooks.hooks}):
            wish = Wish("hooks", "", None, owner)  # type: ignore[arg-type]
            listed = self._ask("GET", "/v1/webhook_endpoints", None, wish, {})["data"]
            found |= {one["id"] for one in listed if one["status"] == "disabled"}
        return frozenset(found)

    # --- usage and imports -------------------------------------------------------------------------------------------

    def usage(self, owner: str, month: str) -> Sequence[Mapping[str, Any]]:
        """Return the days of a month (YYYY-MM) on which an owner used anything."""
        wish = Wish("usage", "", None, owner)  # type: ignore[arg-type]
        answer = self._ask("GET", "/v1/usage", None, wish, {}, query={"month": month})
        days: list[Mapping[str, Any]] = answer["days"]
        return days

    def _import(self, arrival: Arrival) -> None:
        (wish,) = arrival.wishes
        account = self.world.wan
        wanted = order_of(wish)
        request_id = account.request_id()
        facts = {"prompt_sha256": hashlib.sha256(wish.prompt.encode()).hexdigest(), "seconds": SECONDS}
        account.note("received", request_id=request_id, fault=None, **facts)
        task = account.accept(wanted, request_id)
        body = {**wish.body(), "task_id": task.id}
        answer = self._ask("POST", "/v1/videos/import", body, wish, {}, again=(400, 404))
        self.asked.accepted(wish, answer["id"])

    def _unknown(self, arrival: Arrival) -> None:
        (wish,) = arrival.wishes
        body = {**wish.body(), "task_id": f"bogus-{wish.name}"}
        answer = self._ask("POST", "/v1/videos/import", body, wish, {}, refusals=(400, 404))
        if answer is not None:
            self.asked.accepted(wish, answer["id"])
            self._ask("POST", f"/v1/videos/{answer['id']}/cancel", {}, wish, {}, refusals=(409,))

    # --- DashScope's own calls ---------------------------------------------------------------------------------------

    def _dashscope(self, arrival: Arrival) -> None:
        wish, *take = arrival.wishes
        keyed = {"Idempotency-Key": f"aisdk_vid_{wish.name}"}
        session = {
            "x-dashscope-sdk-client": "python-sdk/2.0.2/aigc2",
            "x-dashscope-sdk-session-id": f"session-{wish.name}",
        }
        headers = keyed if arrival.keyed else session
        if arrival.at_once:
            orders = [lambda: self._order(wish, headers) for _ in range(arrival.times)]
            self._together(f"caller/{wish.name}", orders)
            return
        task_id = self._order(wish, headers)
        for _ in range(1, arrival.times):
            self.world.scheduler.sleep(REPEAT_SECONDS)
            self._order(wish, headers)
        for second in take:
            # Fetching the task shows that the first answer has arrived, so the next create asks for another video.
            self._ask("GET", f"/api/v1/tasks/{task_id}", None, wish, headers)
            self._order(second, headers)

    def _order(self, wish: Wish, headers: Mapping[str, str]) -> str:
        headers = {"X-DashScope-Async": "enable", **headers}
        again = (400,) if isinstance(wish.film, Shot) else ()
        answer = self._ask("POST", DASHSCOPE_CREATE, self._order_body(wish), wish, headers, again=again)
        task_id = str(answer["output"]["task_id"])
        self.asked.accepted(wish, task_id)
        return task_id

    def _order_body(self, wish: Wish) -> dict[str, Any]:
        film, inputs = wish.film, {"prompt": wish.prompt}
        parameters: dict[str, Any] = {"duration": SECONDS}
        if not isinstance(film, Shot):
            parameters["size"] = film.size.replace("x", "*")
            return {"model": film.model, "input": inputs, "parameters": parameters}
        parameters["resolution"] = film.size
        frames = [("first_frame", film.image), ("last_frame", film.last)]
        stated = [(kind, self._stated(wish, film, number)) for kind, number in frames if number is not None]
        if film.model == BOTH_FRAMES:
            media = [{"type": kind, "url": url} for kind, url in stated]
            return {"model": film.model, "input": {**inputs, "media": media}, "parameters": parameters}
        return {"model": film.model, "input": {**inputs, "img_url": stated[0][1]}, "parameters": parameters}

    # --- prompt files and batches ------------------------------------------------------------------------------------

    def _file(self, arrival: Arrival) -> None:
        key = f"{arrival.wishes[0].name} & co.json"
        for wish in arrival.wishes:
            self.asked.accepted(wish)
        self._upload(key, arrival.wishes, arrival.times)

    def _upload(self, key: str, wishes: Sequence[Wish], times: int) -> None:
        """Put a file of prompts, whose event arrives `times` times."""
        world = self.world
        for wish in wishes:
            self._prepare(wish)
            if isinstance(wish.film, Shot) and wish.film.taken:
                self._start(f"caller/{wish.name}/taken", partial(self._take_away, wish))
        body = json.dumps([self._bodies.get(wish.name, wish.body()) for wish in wishes]).encode()
        etag = world.bucket.prompts.put(key, body)
        world.story.add("uploads", key=key, rows=len(wishes))
        for _ in range(times):
            world.send("ingest", object_created(key, etag, len(body)))
            world.scheduler.sleep(world.next_draw("again").between(0.0, 30.0))

    def _batch(self, arrival: Arrival) -> None:
        """Create a batch, wait until its rows are queued, and cancel it while some run, or retry its failures."""
        world, first = self.world, arrival.wishes[0]
        callback = world.hooks.callback_of(first, f"batch-{first.name}")
        body = {"name": f"{first.name}.json", **_callback_field(callback)}
        made = self._ask("POST", "/v1/batches", body, first, {"Idempotency-Key": f"key-{first.name}"})
        world.hooks.expect_callback(made["id"], callback)
        self.asked.batches.append(made["id"])
        self.asked.batch_owners[made["id"]] = first.owner
        headers = {"Idempotency-Key": f"key-{first.name}"}
        self._repeat("/v1/batches", body, {**body, "name": "another.json"}, first, headers, made["id"])
        self._upload(made["upload"]["url"].removeprefix("https://prompts.invalid/"), arrival.wishes, arrival.times)
        path = f"/v1/batches/{made['id']}"
        self._await_batch(path, first, ("waiting_for_file", "validating"))
        for wish in arrival.wishes:
            self.asked.accepted(wish)
        if not first.cancelled:
            # With `hold`, a caller who retries an uncertain failure accepts that it may be paid for twice.
            if world.mode == "resend":
                self._retry(path, arrival)
            return
        world.scheduler.sleep(world.next_draw("cancel").between(0.0, 120.0))
        self._ask("POST", f"{path}/cancel", {}, first, {}, refusals=(409,))
        counts = self._ask("GET", path, None, first, {})["request_counts"]
        started = counts["total"] - counts["refused"] - counts["queued"] - counts["cancelled"]
        self.asked.cancelled.append((tuple(wish.name for wish in arrival.wishes), started))

    def _retry(self, path: str, arrival: Arrival) -> None:
        """Retry the failures of a batch; such a row fails again."""
        first = arrival.wishes[0]
        self._await_batch(path, first, ("in_progress", "finalizing"))
        headers = {"Idempotency-Key": f"retry-{first.name}"}
        again = self._ask("POST", f"{path}/retry", {}, first, headers, refusals=(409,))
        if again is not None:
            self.asked.batches.append(again["id"])
            self.asked.batch_owners[again["id"]] = first.owner
            callback = self.world.hooks.callback_of(first, f"batch-{first.name}")
            self.world.hooks.expect_callback(again["id"], callback)
            self.asked.retried |= {wish.name for wish in arrival.wishes if wish.fate == "fails"}

    def _await_batch(self, path: str, wish: Wish, statuses: Sequence[str]) -> None:
        deadline = self.world.scheduler.now + 3 * DAY
        while self._ask("GET", path, None, wish, {})["status"] in statuses:
            if self.world.scheduler.now > deadline:
                raise NotAcceptedError(f"{wish.name}: its batch does not end")
            self.world.scheduler.sleep(30.0 if "validating" in statuses else 900.0)

    # --- requests ----------------------------------------------------------------------------------------------------

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
        query: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request until there is a clear answer; return None for one of the expected `refusals`.

        A request that is refused while an earlier attempt may still be processed is sent again after that.
        """
        world, last, processed_by = self.world, "nothing", 0.0
        for attempt in range(MOST_ATTEMPTS):
            sent_at = world.scheduler.now
            status, answer = self._send(method, path, body, wish, headers, query)
            if 200 <= status < 300:
                return answer
            if status == NO_ANSWER:
                processed_by = sent_at + GATEWAY_SECONDS
            if status in refusals:
                if status not in NOT_STORED or world.scheduler.now >= processed_by:
                    return None
                world.scheduler.sleep(processed_by - world.scheduler.now)
                continue
            last = f"{status}: {str(answer)[:300]}"
            if 0 < status < 500 and status not in (429, *again):
                break
            # On DashScope's routes, a request without a key is a repetition only for some minutes.
            longest = 2.0 if path.startswith("/api/") else 60.0
            world.scheduler.sleep(world.next_draw("retry").between(0.5, 1.5) * min(2.0**attempt, longest))
        raise NotAcceptedError(f"{wish.name}: {path} answered {last}")

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        wish: Wish,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
    ) -> tuple[int, Any]:
        """Send one request through API Gateway; return its status and document, or NO_ANSWER."""
        world = self.world
        scheduler, me = world.scheduler, world.scheduler.current()
        me.waits_for += 1
        ticket = me.waits_for
        answers: list[tuple[int, Any]] = []

        def resume(status: int, document: Any) -> None:
            if me.waits_for == ticket:
                me.waits_for += 1
                answers.append((status, document))
                scheduler.at(scheduler.now + 0.03, me)

        def answered(outcome: Outcome) -> None:
            if outcome.error is not None:
                resume(502, outcome.error)
            else:
                resume(outcome.value["statusCode"], json.loads(outcome.value["body"] or "null"))

        process = world.invoke("api", self._event(method, path, body, wish, headers, query), wish.name, answered)
        draw = world.decisions.draw(f"{process.label}/answer")
        scheduler.at(scheduler.now + GATEWAY_SECONDS, lambda: resume(504, None))
        if world.decisions.happens(f"{process.label}=answer_lost", draw.number(), world.decisions.rates.lost_answer):
            moment = scheduler.now + draw.between(0.0, 1.0, 1)
            scheduler.at(moment, lambda: resume(NO_ANSWER, None))
        scheduler.park()
        (answer,) = answers
        world.story.add(f"{method} {path}: {answer[0]}")
        return answer

    def _event(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        wish: Wish,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        given = dict(_EVENT)
        common = {"Content-Type": "application/json", "Host": "simulation", "X-Forwarded-Proto": "https"}
        sent = {**common, "Authorization": f"Bearer {token_of(wish.owner)}", **headers}
        authorizer: dict[str, Any] = {"owner": wish.owner, "scopes": "read write"}
        if wish.owner in self.caps:
            authorizer["daily_seconds"] = str(self.caps[wish.owner])
        context = {**_EVENT["requestContext"], "authorizer": authorizer, "httpMethod": method, "path": f"/v1{path}"}
        return {
            **given,
            "path": path,
            "httpMethod": method,
            "headers": sent,
            "multiValueHeaders": {name: [value] for name, value in sent.items()},
            "body": None if body is None else json.dumps(body),
            "requestContext": {**context, "requestId": "request"},
            "queryStringParameters": query,
            "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        }


def _callback_field(callback: str | None) -> dict[str, str]:
    return {} if callback is None else {"callback_url": callback}


_EVENT: Final = event_of("api_post")


def token_of(owner: str) -> str:
    """Return the token of an owner."""
    return f"wv_{owner}"


def write_tokens(world: World, owners: Sequence[str], caps: Mapping[str, int]) -> None:
    """Write the tokens of owners into the ledger, as `wan-video token create` does."""
    for owner in owners:
        item: dict[str, Any] = {
            "pk": "tokens",
            "sk": hashlib.sha256(token_of(owner).encode()).hexdigest(),
            "owner": owner,
            "scopes": {"read", "write"},
        }
        if owner in caps:
            item["daily_seconds"] = caps[owner]
        world.tables.write("Put", {"TableName": LEDGER, "Item": item})


def order_of(wish: Wish) -> VideoRequest:
    """Return a wish as Wan sees it."""
    film = wish.film
    return request(prompt=wish.prompt, model=film.model, size=Size.parse(film.size), region=Region(film.region))


def object_created(key: str, etag: str, size: int) -> dict[str, Any]:
    """Return EventBridge's event about a new object."""
    stored = {"key": key, "size": size, "etag": etag, "sequencer": "00"}
    return {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "detail": {"bucket": {"name": BUCKET}, "object": stored},
    }


def kept_batch(arrival: Arrival) -> Arrival:
    """Return a batch that its caller does not cancel."""
    return replace(arrival, wishes=tuple(replace(wish, cancelled=False) for wish in arrival.wishes))
