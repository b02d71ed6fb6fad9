"""Bugs that people write, planted one at a time in the code that the workers run; each must make a run fail.

The product contains none of this: the process from which the harness forks its workers changes what it has imported.
A mutant raises an error if the code that it changes no longer exists, so that it cannot disappear unnoticed.
"""

# ruff: noqa: N806  (what is looked up in the product keeps its name)

from __future__ import annotations

import importlib
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

Mutant = Callable[[], None]

MUTANTS: dict[str, Mutant] = {}


def mutant(plant_it: Mutant) -> Mutant:
    """Register a mutant by its function's name."""
    MUTANTS[plant_it.__name__] = plant_it
    return plant_it


def plant(name: str) -> None:
    """Plant one bug; raises KeyError for an unknown name, and AttributeError if the code to change does not exist."""
    MUTANTS[name]()


def product(module: str, name: str = "") -> Any:
    """Return a module of the product, or its attribute `name`."""
    found = importlib.import_module(f"wan_video.{module}")
    return getattr(found, name) if name else found


def replace(owner: Any, name: str, new: Any) -> Any:
    """Replace an attribute, which must exist, and return the old value."""
    old = getattr(owner, name)
    setattr(owner, name, new)
    return old


# --- the submission --------------------------------------------------------------------------------------------------


@mutant
def retry_adapter() -> None:
    """The session that sends the POST has a retry adapter."""
    from urllib3.util.retry import Retry

    wan_client = product("adapters.wan.client")

    patient = Retry(total=3, allowed_methods=None, status_forcelist=(500, 502, 503), backoff_factor=0.05)
    replace(wan_client, "Retry", lambda **_: patient)


@mutant
def forgetful_decorator() -> None:
    """An idempotency decorator around the POST forgets that it began when the POST raises."""
    WanUnreachable = product("errors", "WanUnreachable")
    Submit = product("services.submit", "Submit")

    def forget(submit: Any, video: Any) -> Any:
        submit._withdraw(video)
        raise WanUnreachable("forgotten", "The record was deleted with the exception.")

    replace(Submit, "_reconciled", forget)


@mutant
def resend_submitting() -> None:
    """A row found `submitting` is sent again at once."""
    Submit = product("services.submit", "Submit")

    replace(Submit, "_reconciled", lambda submit, video: submit._submit(submit._withdraw(video)))


@mutant
def no_grace() -> None:
    """A task that the list does not show at once counts as absent."""
    Submission = product("domain.submission", "Submission")

    scanned = Submission.scanned
    replace(
        Submission,
        "scanned",
        lambda submission, began, *, empty, grace, **more: scanned(submission, began, empty=empty, grace=0, **more),
    )


@mutant
def first_page_only() -> None:
    """Only the first page of the list is read, and without a page size."""
    task_list = product("adapters.wan.task_list")
    wan_client = product("adapters.wan.client")

    def read_first(ask: Any, model: str, since: int, until: int, **_: Any) -> list[Any]:
        answer = ask(f"/tasks?{urlencode({'model_name': model, **task_list._window(since, until)})}")
        return [task_list._listed(item) for item in answer["data"]]

    replace(wan_client, "read_list", read_first)


@mutant
def no_claim_check() -> None:
    """A task is claimed without a check whether another video owns it."""
    DynamoClaims = product("adapters.dynamodb.claims", "DynamoClaims")

    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")

    def claim(videos: Any, video: Any) -> Any:
        action = with_condition(videos, video)
        for name in ("ConditionExpression", "ExpressionAttributeValues"):
            action.arguments.pop(name)
        return action

    with_condition = replace(DynamoVideos, "_claim", claim)
    replace(DynamoClaims, "claimed", lambda claims, region, task_ids: frozenset())


@mutant
def hold_resends() -> None:
    """`hold` sends the POST again, as `resend` does."""
    Reconcile = product("services.reconcile", "Reconcile")

    look = Reconcile._looked_for

    def looked_for(reconcile: Any, video: Any) -> Any:
        object.__setattr__(reconcile, "resend", True)
        return look(reconcile, video)

    replace(Reconcile, "_looked_for", looked_for)


# --- the transfer ----------------------------------------------------------------------------------------------------


@mutant
def no_checksum_check() -> None:
    """The checksum of the bytes is not compared with the stated one."""
    stream_transfer = product("adapters.transfer.stream_transfer")

    replace(stream_transfer, "_check", lambda whole, version: None)


@mutant
def no_length_check() -> None:
    """A connection that ends counts as the end of the video."""
    Source = product("adapters.transfer.source", "Source")

    stream_transfer = product("adapters.transfer.stream_transfer")
    DeliveryInterrupted = product("errors", "DeliveryInterrupted")

    def broke_off(source: Any, position: int, fruitless: int) -> None:
        raise DeliveryInterrupted("truncated", "")

    def chunks(*args: Any, **kwargs: Any) -> Iterator[Any]:
        try:
            yield from all_chunks(*args, **kwargs)
        except DeliveryInterrupted as error:
            if error.code != "truncated":
                raise

    replace(stream_transfer, "_check", lambda whole, version: None)
    replace(Source, "_broke_off", broke_off)
    all_chunks = replace(Source, "chunks", chunks)


@mutant
def no_type_check() -> None:
    """Any answer with status 200 counts as a video."""
    stream_transfer = product("adapters.transfer.stream_transfer")

    replace(stream_transfer, "_like_an_mp4", lambda chunks: chunks)


@mutant
def redirects_followed() -> None:
    """A redirect of the result host is followed to any host."""
    Connection = product("adapters.connections", "Connection")

    def follow(connection: Any, method: str, url: Any, headers: Any, *body: Any) -> Any:
        response = request(connection, method, url, headers, *body)
        if 300 <= response.status < 400:
            connection.close()
            return request(connection, method, urlsplit(response.headers["Location"]), headers)
        return response

    request = replace(Connection, "request", follow)


@mutant
def any_host() -> None:
    """A link may lead to any host, in any network."""
    ResultHosts = product("domain.hosts", "ResultHosts")

    replace(ResultHosts, "allow", lambda hosts, url: True)
    replace(product("adapters.connections"), "is_public", lambda address: True)


@mutant
def complete_before_check() -> None:
    """The object becomes visible before it is checked."""
    stream_transfer = product("adapters.transfer.stream_transfer")

    def put_and_check(copy: Any, *args: Any) -> Any:
        stated: list[Any] = []
        replace(stream_transfer, "_check", lambda whole, version: stated.append((whole, version)))
        stored = put(copy, *args)
        check(*stated[0])
        return stored

    check = stream_transfer._check
    put = replace(stream_transfer._Copy, "_at_once", put_and_check)


@mutant
def multipart_left_open() -> None:
    """An upload that failed is not aborted."""
    Upload = product("adapters.transfer.upload", "Upload")
    OpenMultiparts = product("services.repairs.multiparts", "OpenMultiparts")

    replace(Upload, "abort", lambda upload: None)
    replace(OpenMultiparts, "__call__", lambda repair: iter(()))


# --- the notice ------------------------------------------------------------------------------------------------------


@mutant
def notify_before_store() -> None:
    """Completion is published before the video is stored."""
    notice = product("domain.notice")
    StoredObject = product("domain.video", "StoredObject")
    Deliver = product("services.deliver", "Deliver")
    video_key = product("services.deliver", "video_key")

    def publish_and_deliver(deliver: Any, video_id: str, *args: Any) -> Any:
        video = deliver.videos.get(video_id)
        if not video.status.final:
            promised = StoredObject(deliver.objects._bucket, video_key(video_id), 1, "", None, None)
            with suppress(Exception):
                done = video.completed(int(deliver.clock.now()), promised)
                deliver.announce.topic.publish(notice.video_event(done), notice.video_attributes(done))
        return call(deliver, video_id, *args)

    call = replace(Deliver, "__call__", publish_and_deliver)


@mutant
def noted_before_published() -> None:
    """The row says that the notice is published before it is, and errors of the topic are ignored."""
    notice = product("domain.notice")
    Announce = product("services.announce", "Announce")

    def announce(self: Any, video: Any) -> Any:
        if video.announced_at is not None:
            return video
        saved = self.videos.save(video, video.announced(int(self.clock.now())))
        with suppress(Exception):
            self.topic.publish(notice.video_event(video), notice.video_attributes(video))
        return saved

    replace(Announce, "__call__", announce)


@mutant
def new_event_id() -> None:
    """A notice has another id each time it is sent."""
    notice = product("domain.notice")

    event = notice.video_event
    replace(notice, "video_event", lambda *args: {**event(*args), "id": f"evt_{secrets.token_hex(16)}"})


@mutant
def failure_at_first_trouble() -> None:
    """A delivery that fails is announced as a failure before it is tried again."""
    notice = product("domain.notice")
    not_delivered = product("domain.failures", "not_delivered")
    DeliveryInterrupted = product("errors", "DeliveryInterrupted")
    Deliver = product("services.deliver", "Deliver")

    def deliver_and_tell(deliver: Any, video_id: str, *args: Any) -> Any:
        try:
            return call(deliver, video_id, *args)
        except DeliveryInterrupted as error:
            video = deliver.videos.get(video_id)
            ended = video.ended(int(deliver.clock.now()), not_delivered(error.code))
            deliver.announce.topic.publish(notice.video_event(ended), notice.video_attributes(ended))
            raise

    call = replace(Deliver, "__call__", deliver_and_tell)


# --- places, money, secrets ------------------------------------------------------------------------------------------


@mutant
def place_kept() -> None:
    """A place is never released."""
    DynamoPools = product("adapters.dynamodb.pools", "DynamoPools")
    Places = product("adapters.dynamodb.places", "Places")

    replace(Places, "give_back", lambda *_: [])
    replace(DynamoPools, "give_back", lambda *_: None)


@mutant
def no_budget() -> None:
    """Spending is counted, but the limit is not enforced."""
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")

    budget = DynamoVideos._budget
    replace(
        DynamoVideos, "_budget", lambda videos, owner, day, seconds, limit: budget(videos, owner, day, seconds, None)
    )


@mutant
def settled_twice() -> None:
    """A second function settles what a video has spent; Deliver cannot, as it has no right to budgets."""
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")
    Reservation = product("domain.budget", "Reservation")
    STACK = product("domain.budget", "STACK")

    def save_and_settle(videos: Any, before: Any, after: Any) -> Any:
        saved = save(videos, before, after)
        if before.reservation is not None and after.reservation is None:
            again = Reservation(before.reservation.day, after.spent_seconds)
            videos._transactions.write([settle(videos, owner, again, after) for owner in (after.owner, STACK)])
        return saved

    settle = DynamoVideos._settle
    save = replace(DynamoVideos, "save", save_and_settle)


@mutant
def halves_kept() -> None:
    """Texts from Wan are stored unchanged, with halves of surrogate pairs."""
    replace(product("adapters.wan.client"), "_without_halves", lambda value: value)


@mutant
def link_in_log() -> None:
    """The link to the result is logged."""
    ResultHosts = product("domain.hosts", "ResultHosts")

    def allow_any(hosts: Any, url: str) -> Any:
        print(f"fetching {url}", file=sys.stderr)
        return allow(hosts, url)

    allow = replace(ResultHosts, "allow", allow_any)


# --- the doors -------------------------------------------------------------------------------------------------------


@mutant
def key_ignored() -> None:
    """A DashScope create with an Idempotency-Key is treated like one without."""
    DashScope = product("services.api.dashscope", "DashScope")

    def create(dashscope: Any, caller: Any, fields: Any, body: Any, sender: Any, key: Any = None, *more: Any) -> Any:
        return create_with_key(dashscope, caller, fields, body, sender, None, *more)

    create_with_key = replace(DashScope, "create", create)


@mutant
def short_window() -> None:
    """A create without a key is recognised for ten seconds, whichever SDK sends it."""
    sender = product("domain.sender")

    replace(sender, "LONG_WINDOW_SECONDS", sender.SHORT_WINDOW_SECONDS)


@mutant
def window_never_closes() -> None:
    """A create counts as a repetition although the first answer has arrived."""
    DynamoRepeats = product("adapters.dynamodb.repeats", "DynamoRepeats")

    replace(DynamoRepeats, "close", lambda *_: None)


@mutant
def cancel_without_right() -> None:
    """The roles that cancel rows of a batch lack the right to remove them from the count of their line."""
    Queues = product("adapters.dynamodb.queues", "Queues")

    def refuse(queues: Any, videos: Any, started_at: int | None = None) -> Any:
        from botocore.exceptions import ClientError

        if started_at is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "TransactWriteItems")
        return leave(queues, videos, started_at)

    leave = replace(Queues, "leave", refuse)


@mutant
def start_after_cancel() -> None:
    """A row starts although its batch is cancelled, and `finish_batch` runs too late to cancel the rows that wait."""
    DynamoVideos = product("adapters.dynamodb.videos", "DynamoVideos")

    count = DynamoVideos._count
    replace(
        DynamoVideos,
        "_count",
        lambda videos, batch_id, counts, **_: count(videos, batch_id, counts),
    )
    replace(DynamoVideos, "cancel_rows", lambda *_: 0)


@mutant
def cancelled_before_wan_says_so() -> None:
    """A task counts as cancelled as soon as its cancellation is requested, whatever Wan answers."""
    Failure = product("domain.trouble", "Failure")

    def at_once(video: Any, videos: Any, wan: Any, clock: Any, prices: Any = None) -> Any:
        error = Failure("task_canceled", "Cancelled.", "poll", False)
        return videos.save(video, video.ended(int(clock.now()), error))

    replace(product("services.cancel_task"), "cancel_task", at_once)


# --- the webhooks ----------------------------------------------------------------------------------------------------


@mutant
def any_answer_accepted() -> None:
    """Every answer of a receiver counts as success, whatever its status."""
    Outcome = product("domain.delivery", "Outcome")

    replace(Outcome, "success", property(lambda outcome: outcome.status_code is not None))


@mutant
def private_receiver() -> None:
    """The address of a receiver is checked only when its endpoint is created."""
    for module in ("adapters.receivers", "adapters.connections"):
        replace(product(module), "is_public", lambda address: True)


@mutant
def every_owners_endpoints() -> None:
    """An event goes to the endpoints of all owners."""
    DynamoWebhookEndpoints = product("adapters.dynamodb.webhooks", "DynamoWebhookEndpoints")
    WebhookEndpointNotFound = product("errors", "WebhookEndpointNotFound")
    owners = ("local", "thrifty")

    def get_of_any(endpoints: Any, owner: str, endpoint_id: str) -> Any:
        for name in owners:
            with suppress(WebhookEndpointNotFound):
                return get(endpoints, name, endpoint_id)
        raise WebhookEndpointNotFound(endpoint_id)

    def of_all(endpoints: Any, _: str) -> list[Any]:
        return [found for name in owners for found in of(endpoints, name)]

    of = replace(DynamoWebhookEndpoints, "of", of_all)
    get = replace(DynamoWebhookEndpoints, "get", get_of_any)
