"""The verdict on a run, from the simulator's ledger, S3 and SQS; it never trusts the stack's own tables."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any, Final

from tests.chaos.hooks import CALLBACK, CALLBACK_GONE, Posted, Webhooks
from tests.chaos.observer import Notice
from tests.chaos.plan import SECONDS, THRIFTY, Mode, Wish

GRACE_SECONDS: Final = 1200
"""Seconds for which the stack looks for an absent task before it gives up: 40 real seconds, for a busy machine."""

MOST_RESENDS: Final = 5
"""How often `resend` sends a submission again whose answer is lost each time; then its video ends as uncertain."""

UNCERTAIN: Final = "submission_uncertain"
UNSEEN: Final = (UNCERTAIN, "task_expired", "internal_error")
"""Ends of videos whose task, if there was one, was never seen to end; what may have been billed counts as spent."""

REFUSING_FAULTS: Final = ("refuse",)

GONE: Final = 410

Entry = Mapping[str, Any]


def digest(prompt: str) -> str:
    """Return the digest that identifies a prompt in the ledger."""
    return hashlib.sha256(prompt.encode()).hexdigest()


@dataclass(frozen=True)
class Usage:
    """Seconds of video that are reserved and spent."""

    reserved: int
    spent: int


@dataclass(frozen=True)
class Evidence:
    """Everything that a run left behind; `objects` are the stored videos as (video id, SHA-256)."""

    mode: Mode
    wishes: Mapping[str, Wish]
    notices: Mapping[str, Sequence[Notice]]
    """Terminal notices by the name of the wish."""
    unreadable: Collection[str]
    ledger: Sequence[Entry]
    objects: Sequence[tuple[str, str]]
    running: int
    open_multiparts: int
    leaks: Sequence[str]
    cap: int
    cancelled: Sequence[tuple[Sequence[str], int]] = ()
    """Names of the rows of each cancelled batch, and how many had started when the cancellation was accepted."""
    trouble: Sequence[str] = ()
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """What each owner has used over all days of the run, as the API reports it at the end."""
    webhooks: Webhooks | None = None
    resends: Mapping[str, int] = field(default_factory=dict)
    """How often the submission of each wish was withdrawn to be sent again, if this was seen.

    Wan's ledger shows fewer: a worker may end, or lose an answer of DynamoDB, before its POST.
    """
    began: float | None = None
    """When the first request could be accepted (Unix seconds); without it, on the day of the first billed task."""


@dataclass
class Verdict:
    """The counts of the last line, and every violation as `I<number>: what`."""

    violations: list[str] = field(default_factory=list)
    billed_twice: int = 0
    lost: int = 0
    contradictory: int = 0
    uncertain: int = 0
    completed: int = 0
    cancelled: int = 0
    undelivered: int = 0
    """Events that did not reach a receiver that they had to reach."""
    failures: Counter[str] = field(default_factory=Counter)
    """The videos that failed, by the code of their error."""

    def add(self, invariant: str, what: str) -> None:
        """Record one violation."""
        self.violations.append(f"{invariant}: {what}")


def judge(evidence: Evidence) -> Verdict:
    """Check a run against every invariant."""
    verdict = Verdict()
    books = _Books(evidence)
    _hold_bills(evidence, books, verdict)
    _hold_images(evidence, books, verdict)
    _hold_objects(evidence, books, verdict)
    _hold_notices(evidence, books, verdict)
    _hold_posts(evidence, books, verdict)
    _hold_spending(evidence, books, verdict)
    _hold_usage(evidence, books, verdict)
    _hold_cancels(evidence, books, verdict)
    if evidence.webhooks is not None:
        _hold_webhooks(evidence.webhooks, verdict)
    if evidence.running:
        verdict.add("I4", f"{evidence.running} executions still run")
    if evidence.open_multiparts:
        verdict.add("I8", f"{evidence.open_multiparts} multipart uploads are open")
    for leak in evidence.leaks:
        verdict.add("I10", leak)
    for trouble in evidence.trouble:
        verdict.add("I3", f"not accepted: {trouble}")
    return verdict


class _Books:
    """The ledger, indexed by prompt."""

    def __init__(self, evidence: Evidence) -> None:
        self.by_digest: dict[str, list[str]] = defaultdict(list)
        for name, wish in evidence.wishes.items():
            self.by_digest[digest(wish.prompt)].append(name)
        ours = [entry for entry in evidence.ledger if entry.get("prompt_sha256") in self.by_digest]
        self.billed = _group(ours, "billed")
        self.received = _group(ours, "received")
        self.by_sha = {entry["sha256"]: entry for entries in self.billed.values() for entry in entries}
        self.refused = {entry["request_id"] for entry in evidence.ledger if entry["event"] == "refused"}
        failed = {entry["task_id"] for entry in evidence.ledger if entry["event"] == "failed"}
        self.taken = _group([entry for entry in ours if entry.get("task_id") not in failed], "accepted")
        """The tasks that may cost something. A failed task is never billed, and looks the same as an absent one."""
        self.taken_posts = {entry["request_id"] for entries in self.taken.values() for entry in entries}


def _group(entries: Sequence[Entry], event: str) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry["event"] == event:
            found[entry["prompt_sha256"]].append(entry)
    return found


def _hold_bills(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    for key, names in books.by_digest.items():
        spare = len(books.billed[key]) - len(names)
        if spare > 0:
            verdict.billed_twice += spare
            verdict.add("I1", f"{names[0]} was billed {len(books.billed[key])} times")


def _hold_images(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    """Check that Wan made each video from the image that its caller sent, or from none."""
    for key, entries in books.billed.items():
        wish = evidence.wishes[books.by_digest[key][0]]
        expected = [hashlib.sha256(content).hexdigest() for content in wish.film.contents]
        for entry in entries:
            if list(entry.get("images_sha256", ())) != expected:
                verdict.add("I2", f"the task {entry['task_id']} of {wish.name} was made from another image")


def _hold_objects(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    found = Counter(sha for _, sha in evidence.objects)
    for sha, entry in books.by_sha.items():
        names = books.by_digest[entry["prompt_sha256"]]
        if found[sha] != 1:
            verdict.lost += found[sha] == 0
            verdict.add("I2", f"the task {entry['task_id']} of {names[0]} was billed and has {found[sha]} objects")
    ended = {notice["data"]["id"]: name for name, notices in evidence.notices.items() for notice in notices}
    for video_id, sha in evidence.objects:
        task = books.by_sha.get(sha)
        name = ended.get(video_id)
        if name not in evidence.wishes:
            verdict.add("I7", f"an object of {video_id}, which no caller asked for")
        elif task is None:
            verdict.add("I2", f"the object of {name} is no film of Wan's")
        elif name not in books.by_digest[task["prompt_sha256"]]:
            verdict.add("I2", f"the object of {name} is the film of another")


def _hold_notices(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    for video_id in evidence.unreadable:
        verdict.add("I6", f"{video_id} was announced as completed, and its object could not be read")
    for name in evidence.notices:
        if name not in evidence.wishes:
            verdict.add("I7", f"a notice of {name}, which no caller asked for")
    for name, wish in evidence.wishes.items():
        notices = evidence.notices.get(name, ())
        if not notices:
            verdict.lost += 1
            verdict.add("I3", f"{name} was accepted, and no notice said how it ended")
            continue
        by_video: dict[str, list[Notice]] = defaultdict(list)
        for notice in notices:
            by_video[notice["data"]["id"]].append(notice)
        for notices in by_video.values():
            if len({(notice["id"], notice["type"], str(notice["data"])) for notice in notices}) > 1:
                verdict.contradictory += 1
                verdict.add("I5", f"{name} ended as {sorted({notice['type'] for notice in notices})}")
        _hold_end(evidence, books, verdict, wish, [notices[0] for notices in by_video.values()])


def _hold_end(evidence: Evidence, books: _Books, verdict: Verdict, wish: Wish, ends: Sequence[Notice]) -> None:
    """Check that a wish ended as its caller and Wan decided; `ends` are the ends of its videos."""
    # A task that was found after its video had ended became another video with the same custom id.
    if any(end["type"] == "video.completed" for end in ends):
        verdict.completed += 1
        if wish.fate == "unknown":
            verdict.add("I7", f"{wish.name} is a task that Wan never had, and was completed")
    elif wish.cancelled and all(end["type"] == "video.cancelled" for end in ends):
        verdict.cancelled += 1
    elif wish.fate == "unknown":
        verdict.failures[str((ends[0]["data"]["error"] or {}).get("code"))] += 1
    else:
        _hold_failure(evidence, books, verdict, wish, ends[0]["data"]["error"] or {})


def _hold_failure(evidence: Evidence, books: _Books, verdict: Verdict, wish: Wish, error: Mapping[str, Any]) -> None:
    verdict.failures[str(error.get("code"))] += 1
    key = digest(wish.prompt)
    names = books.by_digest[key]
    uncertain = error.get("code") == UNCERTAIN
    verdict.uncertain += uncertain
    if uncertain and len(books.taken[key]) >= len(names):
        verdict.add("I12", f"{wish.name} ended as uncertain, and its task was taken")
    elif uncertain and evidence.mode == "resend" and _resends(evidence, books, wish) < MOST_RESENDS:
        verdict.add("I12", f"{wish.name} ended as uncertain, though it may be sent again")
    elif not uncertain and wish.fate == "made" and not (_was_refused(books, key) or error.get("code") in wish.may_fail):
        verdict.add("I3", f"{wish.name} failed as {error.get('code')}, and Wan never refused it")


def _resends(evidence: Evidence, books: _Books, wish: Wish) -> int:
    """Return how often a submission was sent again after it may have been accepted, and cost nothing."""
    posts = [entry for entry in books.received[digest(wish.prompt)] if entry["fault"] not in REFUSING_FAULTS]
    lost = sum(entry["request_id"] not in books.refused | books.taken_posts for entry in posts)
    return max(lost - 1, evidence.resends.get(wish.name, 0))


def _was_refused(books: _Books, key: str) -> bool:
    return any(entry["request_id"] in books.refused for entry in books.received[key])


def _hold_posts(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    """Check that no POST follows one that Wan may have accepted: within the grace with `resend`, at all with `hold`."""
    for key, names in books.by_digest.items():
        if len(names) > 1 or evidence.wishes[names[0]].prompt in _imported(evidence):
            continue
        posts = books.received[key]
        for before, after in pairwise(posts):
            if before["request_id"] in books.refused or before["fault"] in REFUSING_FAULTS:
                continue
            gap = after["at"] - before["at"]
            if before["request_id"] in books.taken_posts:
                verdict.add("I11", f"{names[0]} was sent again {gap:.0f} s after it had been taken")
            elif evidence.mode == "hold" or gap < GRACE_SECONDS:
                verdict.add("I11", f"{names[0]} was sent again {gap:.0f} s after its answer was lost")


def _imported(evidence: Evidence) -> Collection[str]:
    """Return the prompts whose tasks the harness creates; it looks into the ledger before it sends a POST again."""
    return {wish.prompt for wish in evidence.wishes.values() if wish.imported}


def _hold_spending(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    days: Counter[date] = Counter()
    # Twins share their prompt, and its tasks.
    for key in {digest(wish.prompt) for wish in evidence.wishes.values() if wish.owner == THRIFTY}:
        billed = {entry["task_id"] for entry in books.billed[key]}
        for entry in books.taken[key]:
            if entry["task_id"] in billed:
                days[datetime.fromtimestamp(entry["at"], UTC).date()] += SECONDS
    # The first task may be accepted on the day after the one on which its seconds were reserved.
    first = min(days, default=None) if evidence.began is None else datetime.fromtimestamp(evidence.began, UTC).date()
    spent = 0
    for day in sorted(days):
        spent += days[day]
        # What is reserved before midnight may be submitted after it, so the days are added up.
        number = (day - (first or day)).days + 1
        if spent > number * evidence.cap:
            each = ", ".join(f"{day}: {seconds} s" for day, seconds in sorted(days.items()))
            verdict.add("I9", f"{spent} s were spent within {number} days of {evidence.cap} s each ({each})")


def _hold_usage(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    """Check that owners whose videos have all ended have spent what Wan billed; imported videos use no budget."""
    for owner, usage in evidence.usage.items():
        wishes = [wish for wish in evidence.wishes.values() if wish.owner == owner]
        if not all(evidence.notices.get(wish.name) for wish in wishes):
            continue
        # Twins share their prompt, and its tasks.
        keys = {digest(wish.prompt) for wish in wishes if not wish.imported}
        billed = sum(entry["seconds"] for key in keys for entry in books.billed[key])
        unseen = SECONDS * sum(_ended_unseen(evidence, wish) for wish in wishes)
        if usage.reserved:
            verdict.add("I13", f"{usage.reserved} s of {owner} are still reserved, and all its videos have ended")
        if not billed <= usage.spent <= billed + unseen:
            verdict.add("I13", f"{owner} has spent {usage.spent} s, and Wan billed {billed} s ({unseen} s may be more)")


def _ended_unseen(evidence: Evidence, wish: Wish) -> bool:
    errors = (notice["data"]["error"] or {} for notice in evidence.notices[wish.name])
    return any(error.get("code") in UNSEEN for error in errors)


def _hold_cancels(evidence: Evidence, books: _Books, verdict: Verdict) -> None:
    """Check that cancelled videos were not billed, and that no row starts after its batch was cancelled."""
    for name, notices in evidence.notices.items():
        wish = evidence.wishes.get(name)
        alone = wish is not None and len(books.by_digest[digest(wish.prompt)]) == 1
        if wish is not None and alone and all(notice["type"] == "video.cancelled" for notice in notices):
            billed = len(books.billed[digest(wish.prompt)])
            if billed:
                verdict.add("I14", f"{name} ended as cancelled, and was billed {billed} times")
    for names, started in evidence.cancelled:
        billed = sum(len(books.billed[digest(evidence.wishes[name].prompt)]) for name in names)
        if billed > started:
            verdict.add("I14", f"{billed} rows of the batch of {names[0]} were billed, and {started} had been started")


def _hold_webhooks(webhooks: Webhooks, verdict: Verdict) -> None:
    """Check that every final event reached the receivers of its owner, and that nothing was sent anywhere else."""
    missing = webhooks.missing()
    verdict.undelivered = len(missing)
    for event_id, path in missing:
        verdict.add("I15", f"the event {event_id} was not delivered to {path}")
    for posted in webhooks.posted:
        if problem := _posting_problem(webhooks, posted):
            verdict.add("I15", f"a request to {posted.path} {problem}")
    for hook in webhooks.hooks:
        gone = any(posted.path == hook.path and posted.status == GONE for posted in webhooks.posted)
        if gone != (hook.id in webhooks.disabled):
            what = "answered 410, and its endpoint is not" if gone else "never answered 410, and its endpoint is"
            verdict.add("I15", f"{hook.path} {what} disabled")
    if webhooks.redirected:
        verdict.add("I15", f"{webhooks.redirected} requests followed a redirect")
    if webhooks.trapped:
        verdict.add("I15", f"{webhooks.trapped} connections went to a private address")


def _posting_problem(webhooks: Webhooks, posted: Posted) -> str | None:
    """Return what is wrong with a request to a receiver, or None."""
    if posted.webhook_id not in webhooks.events:
        return f"has the id {posted.webhook_id!r}, which no final event on the topic has"
    if posted.body not in webhooks.events[posted.webhook_id]:
        return f"differs from the event {posted.webhook_id} on the topic"
    if not posted.signed:
        return f"with {posted.webhook_id} is not signed with the secret of its endpoint"
    _, owner, kind, *_ = posted.path.split("/")
    if webhooks.owners.get(posted.webhook_id) != owner:
        return f"has the event {posted.webhook_id} of another owner"
    if kind in (CALLBACK, CALLBACK_GONE) and webhooks.callback_of(posted.webhook_id) != posted.path:
        return f"has the event {posted.webhook_id}, which is about something else"
    return None
