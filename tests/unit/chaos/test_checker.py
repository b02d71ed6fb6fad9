"""The checker finds each violation, and reports none in correct evidence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.checker import UNSEEN, Entry, Evidence, Usage, digest, judge
from tests.chaos.hooks import Hook, Posted, Webhooks
from tests.chaos.plan import IMAGES, SMALL, THRIFTY, Wish

WISH = Wish("fox", "a fox", SMALL[0], "local")
KEY = digest(WISH.prompt)


def entry(event: str, at: float = 0.0, **more: Any) -> Entry:
    facts = {"prompt_sha256": KEY, "request_id": "r1", "fault": None, "task_id": "t1", "seconds": 5}
    return {"event": event, "at": at, **facts, **more}


def notice(kind: str = "completed", video_id: str = "v1", code: str = "") -> dict[str, Any]:
    data = {"id": video_id, "custom_id": WISH.name, "error": {"code": code} if code else None}
    return {"id": f"evt_{video_id}_{kind}", "type": f"video.{kind}", "data": data}


GOOD = Evidence(
    mode="resend",
    wishes={WISH.name: WISH},
    notices={WISH.name: [notice()]},
    unreadable=[],
    ledger=[entry("received"), entry("accepted"), entry("billed", sha256="s1")],
    objects=[("v1", "s1")],
    running=0,
    open_multiparts=0,
    leaks=[],
    cap=5,
    usage={"local": Usage(reserved=0, spent=5), "a caller without any video": Usage(0, 0)},
)
FROM_IMAGE = Wish("fox", WISH.prompt, IMAGES[0], "local")
IMAGE, OTHER_IMAGE = (hashlib.sha256(film.content).hexdigest() for film in IMAGES[:2])
RECEIVED_TWICE = [entry("received"), entry("received", 60.0, request_id="r2")]


def test_a_video_that_is_paid_once_stored_once_and_announced_is_no_violation() -> None:
    verdict = judge(GOOD)
    assert (verdict.violations, verdict.completed) == ([], 1)


@pytest.mark.parametrize(
    ("wish", "images", "violations"),
    [
        (FROM_IMAGE, [IMAGE], 0),
        (FROM_IMAGE, [OTHER_IMAGE], 1),
        (FROM_IMAGE, [], 1),
        (WISH, [IMAGE], 1),
        (WISH, [], 0),
    ],
)
def test_a_video_of_another_image_is_a_violation(wish: Wish, images: list[str], violations: int) -> None:
    ledger = [*GOOD.ledger[:-1], entry("billed", sha256="s1", images_sha256=images)]
    verdict = judge(replace(GOOD, wishes={wish.name: wish}, ledger=ledger))
    assert [violation.partition(":")[0] for violation in verdict.violations] == ["I2"] * violations


def test_the_same_notice_twice_is_no_violation() -> None:
    assert judge(replace(GOOD, notices={WISH.name: [notice(), notice()]})).violations == []


@pytest.mark.parametrize(
    ("invariant", "change"),
    [
        ("I1", {"ledger": [*GOOD.ledger, entry("billed", task_id="t2", sha256="s2")], "objects": [("v1", "s1")]}),
        ("I2", {"objects": []}),
        ("I2", {"objects": [("v1", "other bytes")]}),
        ("I2", {"objects": [("v1", "s1"), ("v1", "s1")]}),
        ("I3", {"notices": {}}),
        ("I3", {"notices": {WISH.name: [notice("failed", code="internal_error")]}}),
        ("I3", {"trouble": ["no answer"]}),
        ("I4", {"running": 1}),
        ("I5", {"notices": {WISH.name: [notice(), notice("failed", code="delivery_failed")]}}),
        ("I6", {"unreadable": ["v1"]}),
        ("I7", {"objects": [("v1", "s1"), ("v2", "s1")]}),
        ("I7", {"notices": {WISH.name: [notice()], "unknown": [notice(video_id="v2")]}}),
        ("I8", {"open_multiparts": 1}),
        ("I9", {"wishes": {WISH.name: replace(WISH, owner=THRIFTY)}, "cap": 4}),
        ("I10", {"leaks": ["a log holds a key"]}),
        ("I13", {"usage": {"local": Usage(reserved=0, spent=10)}}),
        ("I13", {"usage": {"local": Usage(reserved=0, spent=0)}}),
        ("I13", {"usage": {"local": Usage(reserved=5, spent=5)}}),
        ("I13", {"usage": {"a caller without any video": Usage(reserved=0, spent=5)}}),
        ("I13", {"wishes": {WISH.name: replace(WISH, imported=True)}}),
        ("I11", {"ledger": [*GOOD.ledger, entry("received", 9000.0, request_id="r2")]}),
        ("I11", {"ledger": RECEIVED_TWICE}),
        ("I11", {"ledger": [entry("received"), entry("received", 9000.0, request_id="r2")], "mode": "hold"}),
        ("I12", {"notices": {WISH.name: [notice("failed", code="submission_uncertain")]}}),
        (
            "I12",
            {"notices": {WISH.name: [notice("failed", code="submission_uncertain")]}, "mode": "hold"},
        ),
        (
            "I12",
            {"notices": {WISH.name: [notice("failed", code="submission_uncertain")]}, "ledger": RECEIVED_TWICE[:1]},
        ),
    ],
)
def test_each_violation_is_found(invariant: str, change: dict[str, Any]) -> None:
    found = {violation.partition(":")[0] for violation in judge(replace(GOOD, **change)).violations}
    assert invariant in found


def test_the_usage_of_an_owner_is_judged_once_all_its_videos_have_ended() -> None:
    hen = replace(WISH, name="hen", prompt="a hen")
    evidence = replace(GOOD, wishes={WISH.name: WISH, hen.name: hen}, usage={"local": Usage(reserved=5, spent=0)})
    assert [violation.partition(":")[0] for violation in judge(evidence).violations] == ["I3"]


@pytest.mark.parametrize(("spent", "violations"), [(0, 0), (5, 0), (6, 1)])
@pytest.mark.parametrize("code", UNSEEN)
def test_a_video_with_an_unseen_end_may_have_spent_its_seconds(code: str, spent: int, violations: int) -> None:
    notices = {WISH.name: [notice("failed", code=code)]}
    usage = {"local": Usage(reserved=0, spent=spent)}
    ledger = [entry("received"), entry("refused")]
    verdict = judge(replace(GOOD, mode="hold", notices=notices, ledger=ledger, objects=[], usage=usage))
    assert [violation.partition(":")[0] for violation in verdict.violations] == ["I13"] * violations


def test_an_imported_video_spends_nothing() -> None:
    wishes = {WISH.name: replace(WISH, imported=True)}
    assert judge(replace(GOOD, wishes=wishes, usage={"local": Usage(reserved=0, spent=0)})).violations == []


def test_a_task_that_wan_never_accepted_may_end_as_uncertain_in_hold_mode() -> None:
    notices = {WISH.name: [notice("failed", code="submission_uncertain")]}
    verdict = judge(replace(GOOD, mode="hold", notices=notices, ledger=[entry("received")], objects=[]))
    assert (verdict.violations, verdict.uncertain) == ([], 1)


def test_a_task_that_failed_unseen_may_end_as_uncertain_in_hold_mode() -> None:
    notices = {WISH.name: [notice("failed", code="submission_uncertain")]}
    ledger = [entry("received"), entry("accepted"), entry("failed")]
    assert judge(replace(GOOD, mode="hold", notices=notices, ledger=ledger, objects=[])).violations == []


@pytest.mark.parametrize(("posts", "refused", "seen", "violations"), [
    (6, 0, 0, []), (5, 0, 0, ["I12"]), (6, 1, 0, ["I12"]), (7, 1, 0, []), (3, 0, 4, ["I12"]), (3, 0, 5, []),
])  # fmt: skip
def test_a_video_that_was_sent_again_often_enough_may_end_as_uncertain(
    posts: int, refused: int, seen: int, violations: list[str]
) -> None:
    received = [entry("received", 9000.0 * at, request_id=f"r{at}", fault="lost_before") for at in range(posts)]
    ledger = [*received, *(entry("refused", request_id=f"r{at}") for at in range(refused))]
    notices = {WISH.name: [notice("failed", code="submission_uncertain")]}
    evidence = replace(GOOD, notices=notices, ledger=ledger, objects=[], resends={WISH.name: seen})
    assert [violation.partition(":")[0] for violation in judge(evidence).violations] == violations


def test_twins_within_their_budget_are_no_violation() -> None:
    fox = replace(WISH, owner=THRIFTY)
    twin = replace(fox, name="twin")
    ledger = [
        *(entry("accepted", task_id=task) for task in ("t1", "t2")),
        *(entry("billed", task_id=task, sha256=sha) for task, sha in (("t1", "s1"), ("t2", "s2"))),
    ]
    verdict = judge(
        replace(
            GOOD,
            wishes={fox.name: fox, twin.name: twin},
            notices={fox.name: [notice()], twin.name: [notice(video_id="v2")]},
            ledger=ledger,
            objects=[("v1", "s1"), ("v2", "s2")],
            cap=10,
            usage={THRIFTY: Usage(reserved=0, spent=10)},
        )
    )
    assert verdict.violations == []


def test_a_refusal_allows_a_second_post_at_once_and_proof_of_absence_after_the_grace() -> None:
    refused = [entry("received"), entry("refused"), entry("received", 1.0, request_id="r2")]
    again = [*refused, entry("received", 1300.0, request_id="r3")]
    ledger = [*again, entry("accepted", 1300.0, request_id="r3"), entry("billed", 1400.0, sha256="s1")]
    assert judge(replace(GOOD, ledger=ledger)).violations == []


CANCELLED = replace(WISH, cancelled=True)
UNKNOWN = replace(CANCELLED, fate="unknown")


def test_a_video_that_was_cancelled_in_time_and_not_billed_is_no_violation() -> None:
    nothing: dict[str, Any] = {"ledger": [], "objects": [], "usage": {}}
    good = replace(GOOD, wishes={WISH.name: CANCELLED}, notices={WISH.name: [notice("cancelled")]}, **nothing)
    verdict = judge(good)
    assert (verdict.violations, verdict.cancelled) == ([], 1)


def test_a_cancelled_video_that_was_billed_is_a_violation() -> None:
    bad = replace(GOOD, wishes={WISH.name: CANCELLED}, notices={WISH.name: [notice("cancelled")]})
    assert "I14" in {violation.partition(":")[0] for violation in judge(bad).violations}


def test_a_row_that_starts_after_its_batch_was_cancelled_is_a_violation() -> None:
    assert judge(replace(GOOD, cancelled=[((WISH.name,), 1)])).violations == []
    found = judge(replace(GOOD, cancelled=[((WISH.name,), 0)])).violations
    assert [violation.partition(":")[0] for violation in found] == ["I14"]


def test_a_video_without_a_cancellation_may_not_end_as_cancelled() -> None:
    bad = replace(
        GOOD, notices={WISH.name: [notice("cancelled", code="task_canceled")]}, ledger=[], objects=[], usage={}
    )
    assert "I3" in {violation.partition(":")[0] for violation in judge(bad).violations}


@pytest.mark.parametrize("kind", ["cancelled", "failed", "expired"])
def test_a_task_that_wan_never_had_may_end_in_any_way_but_one(kind: str) -> None:
    good = replace(
        GOOD, wishes={WISH.name: UNKNOWN}, notices={WISH.name: [notice(kind)]}, ledger=[], objects=[], usage={}
    )
    assert judge(good).violations == []
    assert judge(replace(good, notices={WISH.name: [notice()]})).violations != []


STEADY, GONE_HOOK = Hook("whe_1", "local", "steady"), Hook("whe_2", "local", "gone")
BODY = json.dumps({"id": "evt_1", "data": {"id": "v1"}})
POSTED = Posted(STEADY.path, "evt_1", BODY, signed=True, status=204)
CALLBACK_POSTED = replace(POSTED, path="/local/callback/fox")
REFUSED = replace(POSTED, path=GONE_HOOK.path, status=410)
WEBHOOKS = Webhooks(
    hooks=[STEADY, GONE_HOOK],
    callbacks={"v1": "/local/callback/fox", "v2": "/local/callback-gone/hen"},
    events={"evt_1": frozenset({BODY})},
    owners={"evt_1": "local"},
    posted=[replace(POSTED, status=500), POSTED, POSTED, CALLBACK_POSTED, REFUSED],
    disabled=frozenset({GONE_HOOK.id}),
)


def judged(webhooks: Webhooks) -> list[str]:
    return judge(replace(GOOD, webhooks=webhooks)).violations


def test_events_that_were_delivered_at_least_once_are_no_violation() -> None:
    assert judged(WEBHOOKS) == []
    about_another = json.dumps({"id": "evt_2", "data": {"id": "v2"}})
    events = {**WEBHOOKS.events, "evt_2": frozenset({about_another})}
    others = replace(WEBHOOKS, events=events, owners={**WEBHOOKS.owners, "evt_2": "someone else"})
    assert judged(others) == [], "a callback that is gone and the endpoints of another owner are not owed"


@pytest.mark.parametrize("missing", [POSTED, CALLBACK_POSTED])
def test_an_event_that_a_receiver_never_accepted_is_a_violation(missing: Posted) -> None:
    posted = [replace(one, status=503) if one == missing else one for one in WEBHOOKS.posted]
    verdict = judge(replace(GOOD, webhooks=replace(WEBHOOKS, posted=posted)))
    assert verdict.violations == [f"I15: the event evt_1 was not delivered to {missing.path}"]
    assert verdict.undelivered == 1


@pytest.mark.parametrize(
    "wrong",
    [
        replace(POSTED, webhook_id="evt_9"),
        replace(POSTED, body=f"{BODY} "),
        replace(POSTED, signed=False),
        replace(POSTED, path="/thrifty/steady"),
        replace(POSTED, path="/local/callback/hen"),
    ],
)
def test_a_request_that_a_receiver_should_not_get_is_a_violation(wrong: Posted) -> None:
    (violation,) = judged(replace(WEBHOOKS, posted=[*WEBHOOKS.posted, wrong]))
    assert violation.startswith(f"I15: a request to {wrong.path} ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirected": 1},
        {"trapped": 1},
        {"disabled": frozenset()},
        {"disabled": frozenset({GONE_HOOK.id, STEADY.id})},
    ],
)
def test_a_request_elsewhere_and_a_wrong_state_of_an_endpoint_are_violations(wrong: dict[str, Any]) -> None:
    (violation,) = judged(replace(WEBHOOKS, **wrong))
    assert violation.startswith("I15: ")
