"""One history, from its seed to its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from tests.chaos.checker import Evidence, Usage, Verdict, judge
from tests.chaos.plan import OWNER, SECONDS, THRIFTY, Arrival, Door, Film, Mode, Spec, Wish, arrivals
from tests.simulation import checks, earlier
from tests.simulation.decisions import Decisions
from tests.simulation.doors import Callers, NotAcceptedError, kept_batch, write_tokens
from tests.simulation.functions import CURRENT
from tests.simulation.hooks import kinds_of
from tests.simulation.images import API_WAYS, RIVALS_OWNER, Shot, Way, as_rivals, with_image
from tests.simulation.scheduler import Endless
from tests.simulation.settings import BEGINNING, DAY, LEDGER, VIDEOS
from tests.simulation.wan import FAILS, film_of
from tests.simulation.world import World
from wan_video.domain.quota import Quota

FILM: Final = Film("wan2.6-t2v", "1280x720", "frankfurt")
SECOND: Final = "bob"
"""The second owner with a daily budget, in histories around midnight."""

LATE: Final = 0.06
"""The share of histories in which Wan accepts submissions after the grace period."""

OWNERS: Final = (OWNER, THRIFTY, "alice", "bob", RIVALS_OWNER)
SCHEDULED: Final = {"detail-type": "Scheduled Event", "detail": {}}
SHARES: Final[Mapping[str, Any]] = {"twins": 0.08, "thrifty": 0.12, "cancels": 0.1, "large": 0.0, "images": 0.25}
TROUBLED_SECONDS: Final = 3 * 3600.0
"""Seconds after the last arrival for which things go wrong."""

GIVEN_UP_SECONDS: Final = 27 * 3600.0
"""Seconds for which things go wrong if deliveries are given up meanwhile: they are after a day at the latest."""

TO_THE_END: Final = 0.05
"""The share of histories with receivers that are long down in which things go wrong until then."""

LONGEST_SECONDS: Final = 6 * DAY
"""The length of a history, after which what has not ended is lost."""

LOOK_SECONDS: Final = 120.0
"""How often the director looks whether everything has ended; more rarely, up to the next number, without progress."""

LONGEST_LOOK_SECONDS: Final = 960.0
IDLE_SECONDS: Final = 30 * 3600.0
"""Seconds without any progress after which what has not ended is lost."""


@dataclass(frozen=True)
class Options:
    """What to play: with `only`, nothing but these troubles happen; `dropped` arrivals do not come."""

    seed: int
    mode: Mode = "resend"
    only: frozenset[str] | None = None
    dropped: frozenset[int] = frozenset()
    story: bool = False
    profile: str = ""
    doors: frozenset[Door] | None = None
    n: int = 0
    hooks: Sequence[str] = ()
    """The kinds of webhook endpoints of every owner; without any, each history draws its own."""
    midnight: bool = False
    """Whether all callers come within two minutes around midnight (UTC), and a second owner has a daily budget."""
    to_the_end: bool = False
    """Whether things go wrong until deliveries are given up; without, each history draws that."""
    late: bool = False
    """Whether half of the tasks fail, and Wan accepts submissions of such tasks after the grace period."""
    earlier: Sequence[str] = ()
    """What release 0.2 left behind; without any, each history draws its own."""
    spec: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of chaos's Spec, such as shares of kinds of wishes."""


@dataclass(frozen=True)
class Result:
    """What came out of a history."""

    options: Options
    violations: Sequence[str]
    verdict: Verdict
    met: tuple[str, ...]
    trace: str
    videos: int
    calls: int
    workers: int
    conflicts: int
    hours: float
    arrivals: int
    story: str = ""


def arrivals_of(options: Options) -> tuple[Spec, list[Arrival]]:
    """Return who asks for what in a history."""
    draw = Decisions(options.seed).draw("arrivals")
    spec = Spec(
        n=options.n or 1 + draw.below(6),
        seed=options.seed,
        mode=options.mode,
        **{**SHARES, **options.spec, **({"doors": options.doors} if options.doors else {})},
    )
    found = [_here(spec, number, arrival) for number, arrival in enumerate(arrivals(spec))]
    return spec, [_late(spec, arrival) for arrival in found] if _is_late(options) else found


def _is_late(options: Options) -> bool:
    """Return whether Wan accepts submissions after the grace period."""
    return options.late or Decisions(options.seed).draw("late").number() < LATE


def _late(spec: Spec, arrival: Arrival) -> Arrival:
    """Let half of the tasks fail, so that their first submissions may be accepted late; equal requests are left out."""
    if len({wish.prompt for wish in arrival.wishes}) < len(arrival.wishes):
        return arrival
    return replace(arrival, wishes=tuple(_failing(spec, wish) for wish in arrival.wishes))


def _failing(spec: Spec, wish: Wish) -> Wish:
    """Let a task fail unless its caller cancels it, or its budget would be used again on the day of a late task."""
    draw = Decisions(spec.seed).draw(f"late/{wish.prompt}")
    if wish.fate != "made" or wish.imported or wish.cancelled or wish.owner == THRIFTY or draw.number() < 0.5:
        return wish
    return replace(wish, fate="fails", prompt=f"{wish.prompt} {FAILS}InternalError]")


def _here(spec: Spec, number: int, arrival: Arrival) -> Arrival:
    draw = Decisions(spec.seed).draw(f"arrival/{number}")
    if arrival.door == "batch" and draw.number() < 0.4:
        arrival = kept_batch(arrival)
    owner = OWNERS[2 + draw.below(2, 2)] if draw.number(1) < 0.4 and arrival.door in ("api", "batch", "import") else ""
    wishes = tuple(_wish(wish, owner) for wish in arrival.wishes)
    return replace(arrival, wishes=_with_images(spec, arrival, wishes, number))


def _with_images(spec: Spec, arrival: Arrival, wishes: tuple[Wish, ...], number: int) -> tuple[Wish, ...]:
    """Let some videos begin with an image, and some equal requests differ only in their images."""
    draws = [Decisions(spec.seed).draw(f"image/{number}/{row}") for row in range(len(wishes))]
    if draws[0].number() >= spec.images and arrival.door not in ("file", "batch"):
        return wishes
    if arrival.door == "api":
        return as_rivals(wishes, draws[0]) if len(wishes) == 2 else (with_image(wishes[0], draws[0], API_WAYS),)
    if arrival.door == "dashscope" and len(wishes) == 1:
        ways: Sequence[Way] = ("url",) if arrival.keyed else ("data",)
        return (with_image(wishes[0], draws[0], ways),)
    if arrival.door in ("file", "batch"):
        ways = ("row", "object") if arrival.door == "file" else ("row",)
        return tuple(
            with_image(wish, draw, ways) if draw.number() < spec.images else wish
            for wish, draw in zip(wishes, draws, strict=True)
        )
    return wishes


def _wish(wish: Wish, owner: str) -> Wish:
    return replace(wish, film=FILM, owner=owner if owner and wish.owner == OWNER else wish.owner)


def play(options: Options) -> Result:
    """Play a history to its end, and check it. The product must be wired for its mode."""
    spec, coming = arrivals_of(options)
    decisions = Decisions(options.seed, options.only, options.profile)
    if any(_is_rival(wish) for arrival in coming for wish in arrival.wishes) and decisions.rates.wan:
        # Only if the answers to both are lost, they are rivals.
        decisions.rates = replace(decisions.rates, wan=max(decisions.rates.wan, 3.0))
    world = World(decisions, mode=options.mode, story=options.story, begins_at=_beginning(options))
    CURRENT.world = world
    caps = {THRIFTY: spec.cap, **({SECOND: 2 * SECONDS} if options.midnight else {})}
    callers = Callers(world, caps)
    world.caps = caps
    world.late_tasks = _is_late(options)
    world.asked = callers.asked.wishes
    checks.watch(world)
    write_tokens(world, OWNERS, caps)
    kept = {at: one for at, one in enumerate(coming) if at not in options.dropped}
    director = _Director(world, callers, kept, options)
    world.scheduler.spawn("director", director.run)
    try:
        world.scheduler.run(lambda: director.over)
    except Endless as error:
        world.violations.append(f"I4: the history does not end ({error})")
    world.scheduler.end()
    for _, row in world.items(VIDEOS):
        name = row.get("request", {}).get("custom_id") or callers.asked.by_id.get(row["id"])
        world.story.names[row["id"]] = str(name or row["id"])
    verdict = judge(_evidence(options.mode, world, callers, director, spec.cap))
    return Result(
        options=options,
        violations=(*_without_retries(verdict.violations, world, callers), *world.violations),
        verdict=verdict,
        met=tuple(decisions.met),
        trace=world.trace,
        videos=len(callers.asked.wishes),
        calls=world.calls,
        workers=world.workers,
        conflicts=world.conflicts,
        hours=(world.scheduler.now - director.began) / 3600,
        arrivals=len(coming),
        story=world.story.text(),
    )


def _beginning(options: Options) -> int:
    """Return when a history begins: within a day, or so that its callers come before and after midnight."""
    draw = Decisions(options.seed).draw("beginning")
    if not options.midnight:
        return BEGINNING + draw.below(DAY)
    return (BEGINNING // DAY + 1) * DAY - 20 - draw.below(60)


def _without_retries(violations: Sequence[str], world: World, callers: Callers) -> Sequence[str]:
    """Return violations without those of wishes for which another POST is right.

    Their rows failed at Wan and their callers asked for them again, or Wan accepted them after the grace period.
    """
    late = {name for name, wish in callers.asked.wishes.items() if wish.prompt in world.wan.late_prompts}
    again = callers.asked.retried | (late if world.mode == "resend" else set())
    retried = tuple(f"I11: {name} " for name in sorted(again))
    return [violation for violation in violations if not (retried and violation.startswith(retried))]


def _written(world: World, callers: Callers) -> Mapping[str, Wish]:
    """Return the wishes, without rows of cancelled batches that were not written: they never become videos."""
    rows = {row["request"].get("custom_id") for _, row in world.items(VIDEOS) if "request" in row}
    cancelled = {name for names, _ in callers.asked.cancelled for name in names}
    return {name: wish for name, wish in callers.asked.wishes.items() if name in rows or name not in cancelled}


class _Director:
    """Lets the callers come, the schedules tick and the outside change, and ends a history when nothing is left."""

    def __init__(self, world: World, callers: Callers, coming: Mapping[int, Arrival], options: Options) -> None:
        self.world = world
        self.callers = callers
        self.coming = coming
        self.options = options
        self.began = world.scheduler.now
        self.over = False
        self.usage: dict[str, Usage] = {}
        self.disabled: frozenset[str] = frozenset()

    def run(self) -> None:
        """Direct the history."""
        world, draw = self.world, self.world.decisions.draw("director")
        self.callers.create_hooks(kinds_of(world, OWNERS, self.options.hooks))
        earlier.begin_with(world, earlier.kinds_of(world, self.options.earlier), self.callers.asked)
        # Mostly soon, sometimes after the receiver was paused, and rarely after its deliveries were given up.
        at = draw.number(5)
        down = 1200.0 if at < 0.7 else 10_800.0 if at < 0.95 else 26 * 3600.0
        world.hooks.opens_at = world.scheduler.now + draw.between(0.5, 1.0, 6) * down
        span = 120.0 if self.options.midnight else (2.0, 60.0, 1800.0)[draw.below(3)]
        last = 0.0
        for number, arrival in self.coming.items():
            moment = world.decisions.draw(f"moment/{number}").between(0.0, span)
            last = max(last, moment)
            self.callers.come(arrival, moment)
        self.callers.replay_some()
        self._outside()
        self._tick("dispatch", world.intervals.dispatch)
        self._tick("sweep", world.intervals.sweep)
        deadline, troubled = self.began + LONGEST_SECONDS, self._troubled_seconds()
        seen, since = self._progress(), self.began
        pause = LOOK_SECONDS
        while not self._ended() and world.scheduler.now < deadline:
            world.scheduler.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK_SECONDS)
            if self._progress() != seen:
                seen, since = self._progress(), world.scheduler.now
                pause = LOOK_SECONDS
            elif world.scheduler.now - since > IDLE_SECONDS:
                break
            if world.scheduler.now - self.began > last + troubled:
                world.decisions.calm = True
            self._redrive()
        self._settle()
        self.over = True

    def _troubled_seconds(self) -> float:
        """Return for how long things go wrong after the last arrival."""
        world = self.world
        if {"dead", "down"}.isdisjoint(str(hook.kind) for hook in world.hooks.hooks):
            return TROUBLED_SECONDS
        is_long = self.options.to_the_end or world.decisions.draw("to the end").number() < TO_THE_END
        return GIVEN_UP_SECONDS if is_long else TROUBLED_SECONDS

    def _progress(self) -> tuple[int, ...]:
        """Return counts that change for as long as a history leads to something."""
        world = self.world
        counts = len(world.wan.ledger), len(world.notices), len(world.batch_notices), world.rows_written
        return *counts, len(world.hooks.posted)

    def _outside(self) -> None:
        """Let the key be rotated and the quota change, in some histories."""
        world, draw = self.world, self.world.decisions.draw("outside")
        at = world.scheduler.at
        if draw.number(0) < 0.3:
            moment = self.began + draw.between(0.0, 900.0, 1)
            at(moment, lambda: setattr(world, "secret", "key-2"))
            at(moment + draw.between(0.0, 60.0, 2), lambda: setattr(world.wan, "key", "key-2"))
        if draw.number(3) < 0.4:
            at(
                self.began + draw.between(0.0, 900.0, 4),
                lambda: setattr(world.wan, "quota", Quota(running=1, waiting=1)),
            )

    def _tick(self, word: str, every: float) -> None:
        """Invoke a function on a schedule; it ticks more rarely while no video moves."""
        world = self.world
        seen, interval = -1, every

        def tick() -> None:
            nonlocal seen, interval
            if self.over:
                return
            world.send(word, SCHEDULED)
            interval = every if world.rows_moved != seen else min(2 * interval, world.intervals.idle)
            seen = world.rows_moved
            world.scheduler.at(world.scheduler.now + interval, tick)

        world.scheduler.at(world.scheduler.now + every, tick)

    def _redrive(self) -> None:
        """Send prompt files again that became dead letters, as an operator does."""
        world = self.world
        for word, event in [one for one in world.dead_letters if one[0] == "ingest"]:
            world.dead_letters.remove((word, event))
            world.send(word, event)
        world.hooks.queue.redrive(world.hooks.is_unreachable)

    def _ended(self) -> bool:
        """Whether nothing is left to happen."""
        world, asked = self.world, self.callers.asked
        if self.callers.working or world.running() or any(consumer.busy for consumer in world.consumers):
            return False
        ended = self.named()
        if not all(name in ended for name in _written(world, self.callers)):
            return False
        if world.tables.tables[LEDGER].partitions.get("open_batches"):
            return False
        if world.hooks.are_busy():
            return False
        # A video that its caller retries has the name of one that has ended, and may wait for its owner's next day.
        waits = (
            row.get("attention") in ("watched", "open") or row.get("status") == "queued"
            for _, row in world.items(VIDEOS)
        )
        if any(waits):
            return False
        return not world.bucket.uploads and all(batch_id in world.batch_notices for batch_id in asked.batches)

    def named(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return every terminal notice, by the name of the wish."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for video_id, notices in self.world.notices.items():
            name = (
                notices[0]["data"].get("custom_id")
                or self.callers.asked.by_id.get(video_id)
                or self._rescued(video_id)
                or f"unknown {video_id}"
            )
            found.setdefault(name, []).extend(notices)
        return found

    def _rescued(self, video_id: str) -> str | None:
        """Return the only wish with the prompt of a video; `sweep` makes a task that it finds late a video."""
        prompt = self.world.tables.tables[VIDEOS].items.get((video_id,), {}).get("request", {}).get("prompt")
        names = [name for name, wish in self.callers.asked.wishes.items() if wish.prompt == prompt]
        return names[0] if len(names) == 1 else None

    def _settle(self) -> None:
        """Let the last repairs and notices happen, without faults, and ask the API for what was used."""
        world = self.world
        world.decisions.calm = True
        for _ in range(2):
            world.send("sweep", SCHEDULED)
            world.send("dispatch", SCHEDULED)
            world.scheduler.sleep(700.0)
        first = datetime.fromtimestamp(self.began - earlier.LONGEST_SECONDS, UTC)
        last = datetime.fromtimestamp(world.scheduler.now, UTC)
        months = sorted({moment.strftime("%Y-%m") for moment in (first, last)})
        for owner in sorted({wish.owner for wish in self.callers.asked.wishes.values()}):
            try:
                days = [day for month in months for day in self.callers.usage(owner, month)]
            except NotAcceptedError as error:
                self.callers.asked.trouble.append(str(error))
                continue
            checks.hold_days(world, owner, days)
            reserved, spent = (sum(day[f"{kind}_seconds"] for day in days) for kind in ("reserved", "spent"))
            self.usage[owner] = Usage(reserved, spent)
        if world.hooks.hooks:
            self.disabled = self.callers.disabled_hooks()
            checks.hold_letters(world)
        checks.at_the_end(world, self.callers.asked.batches)
        rivals = {name: wish for name, wish in self.callers.asked.wishes.items() if _is_rival(wish)}
        checks.hold_rivals(world, rivals, self.named())


def _owners(world: World, callers: Callers, named: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """Return who has requested what each event is about, by the ids of events."""
    wishes = callers.asked.wishes
    found = {
        notice["id"]: wishes[name].owner for name, notices in named.items() if name in wishes for notice in notices
    }
    for notices in world.batch_notices.values():
        for notice in notices:
            if (owner := callers.asked.batch_owners.get(notice["data"]["id"])) is not None:
                found[notice["id"]] = owner
            else:
                found[notice["id"]] = OWNER  # a file that was uploaded without a request
    return found


def _expect_late_callbacks(world: World, callers: Callers, named: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Expect the callback of a video for the task as well that was found after its end."""
    known = world.hooks.callbacks
    for name, notices in named.items():
        wish = callers.asked.wishes.get(name)
        if wish is None or wish.prompt not in world.wan.late_prompts:
            continue
        ids = [notice["data"]["id"] for notice in notices]
        for path in [known[video_id] for video_id in ids if video_id in known][:1]:
            known.update((video_id, path) for video_id in ids)


def _is_rival(wish: Wish) -> bool:
    return isinstance(wish.film, Shot) and wish.film.rival


def _evidence(mode: Mode, world: World, callers: Callers, director: _Director, cap: int) -> Evidence:
    asked, named = callers.asked, director.named()
    _expect_late_callbacks(world, callers, named)
    # The checker of chaos knows tasks by their prompts, which rivals share.
    wishes = {name: wish for name, wish in _written(world, callers).items() if not _is_rival(wish)}
    rivals = {name for name, wish in asked.wishes.items() if _is_rival(wish)}
    rival_ids = {video_id for video_id, name in asked.by_id.items() if name in rivals}
    objects = [
        (key.split("/")[1], film_of(world.bucket.task_ids[key]))
        for key in world.bucket.stored
        if key.startswith("videos/") and key.split("/")[1] not in rival_ids
    ]
    return Evidence(
        mode=mode,
        wishes=wishes,
        notices={name: notices for name, notices in named.items() if name not in rivals},
        unreadable=world.unreadable,
        ledger=world.wan.ledger,
        objects=objects,
        running=world.running(),
        open_multiparts=len(world.bucket.uploads),
        leaks=world.leaks,
        cap=cap,
        resends={
            name: max(world.resends[notice["data"]["id"]] for notice in notices) for name, notices in named.items()
        },
        began=director.began,
        cancelled=[(tuple(name for name in names if name in wishes), started) for names, started in asked.cancelled],
        trouble=asked.trouble,
        webhooks=world.hooks.seen(_owners(world, callers, named), director.disabled) if world.hooks.secrets else None,
        usage={owner: usage for owner, usage in director.usage.items() if owner != RIVALS_OWNER},
    )
