"""The plan of a run, drawn from its seed: who asks for what, and which call meets which fault."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final, Literal, get_args

from tools.harness.images import image_bytes

Mode = Literal["resend", "hold"]
Door = Literal["api", "file", "batch", "import", "unknown", "dashscope"]
Fate = Literal["made", "refused", "fails", "unknown"]
"""What happens to a wish at Wan; `unknown` is a task that Wan never had."""
Mix = Mapping[str, Mapping[str, float]]
"""The share of calls that meet each fault, by stream of calls (a route of Wan, an AWS service, or `kill`)."""

CANARY: Final = "canary7f3a91c2"
"""A word in every prompt; it must not reach any log, history or notice."""

MIX: Final[Mix] = {
    # These are Wan's routes. With `_after`, the call took effect and only its answer is affected.
    "create": {
        "throttle": 0.04,
        "reset": 0.02,
        "500": 0.03,
        "garbage": 0.015,
        "reset_after": 0.04,
        "500_after": 0.04,
        "garbage_after": 0.02,
        "hang_after": 0.015,
        "halves": 0.02,
    },
    "query": {
        "502": 0.04,
        "throttle": 0.03,
        "reset": 0.03,
        "garbage": 0.02,
        "unknown": 0.015,
        "no_link": 0.015,
        "foreign_host": 0.03,
        "halves": 0.03,
    },
    "list": {"502": 0.05, "throttle": 0.03, "reset": 0.04, "garbage": 0.03, "halves": 0.03},
    "result": {"truncate": 0.04, "flip": 0.04, "xml": 0.03, "503": 0.03, "redirect": 0.02},
    # These are the functions' calls to AWS. With `lost`, the call took effect and its answer is lost.
    "dynamodb": {"throttle": 0.05, "500": 0.05, "lost": 0.05},
    "s3": {"throttle": 0.04, "500": 0.04, "lost": 0.05},
    "sns": {"throttle": 0.05, "500": 0.05, "lost": 0.05},
    "sqs": {"throttle": 0.05, "500": 0.05, "lost": 0.05},
    "secretsmanager": {"500": 0.03, "lost": 0.02},
    "states": {"throttle": 0.02, "500": 0.01, "lost": 0.02},
    # These are invocations whose worker is killed while it runs.
    "kill": {"kill": 0.04},
}


class Dice:
    """The dice of one stream of calls; the n-th throw for a seed and a name is always the same."""

    def __init__(self, seed: int, name: str, shares: Mapping[str, float]) -> None:
        self._random = Random(f"{seed}/{name}")
        self._shares = dict(shares)
        self._lock = threading.Lock()
        self.thrown: Counter[str] = Counter()

    def throw(self) -> str | None:
        """Return the fault that the next call meets, or None."""
        with self._lock:
            at = self._random.random()
            for kind, share in self._shares.items():
                if at < share:
                    self.thrown[kind] += 1
                    return kind
                at -= share
            return None

    def between(self, least: float, most: float) -> float:
        """Return a number for a fault that needs one."""
        with self._lock:
            return self._random.uniform(least, most)


@dataclass(frozen=True)
class Film:
    """What a request asks for; one clip serves all tasks of one format.

    `image` is the number of the image with which the video begins; its shape is then that of the image, and `size` is
    a resolution.
    """

    model: str
    size: str
    region: str
    image: int | None = None

    @property
    def content(self) -> bytes:
        """The bytes of the image; empty if there is none."""
        return b"" if self.image is None else image_bytes("PNG", (640, 480), IMAGE_COLOURS[self.image])

    @property
    def contents(self) -> tuple[bytes, ...]:
        """The bytes of all images, in the order of the video."""
        return (self.content,) if self.content else ()


SMALL: Final = (
    Film("wan2.5-t2v-preview", "832x480", "singapore"),
    Film("wan2.5-t2v-preview", "832x480", "beijing"),
    Film("wan2.2-t2v-plus", "832x480", "singapore"),
    Film("wan2.2-t2v-plus", "832x480", "beijing"),
)
LARGE: Final = Film("wan2.5-t2v-preview", "624x624", "singapore")
"""The format whose clip is padded, so that it is stored in parts."""

IMAGE_COLOURS: Final = ((200, 30, 40), (20, 40, 210))
IMAGES: Final = (
    Film("wan2.2-i2v-flash", "480P", "singapore", 0),
    Film("wan2.2-i2v-flash", "480P", "beijing", 1),
    Film("wan2.5-i2v-preview", "480P", "singapore", 1),
    Film("wan2.5-i2v-preview", "480P", "beijing", 0),
)
"""The formats of videos that begin with an image."""

SECONDS: Final = 5


@dataclass(frozen=True)
class Wish:
    """One video that a caller asks for; `name` is sent as its custom id."""

    name: str
    prompt: str
    film: Film
    owner: str
    fate: Fate = "made"
    imported: bool = False
    cancelled: bool = False
    """Whether the caller cancels it, which may be too late."""
    may_fail: frozenset[str] = frozenset()
    """The codes with which it may fail although Wan never refused it, because of what its caller does."""

    def body(self) -> dict[str, object]:
        """Return the request as the REST API and prompt files accept it."""
        film = self.film
        if film.image is None:
            shape = {"size": film.size}
        else:
            encoded = base64.b64encode(film.content).decode()
            shape = {"resolution": film.size, "input_reference": f"data:image/png;base64,{encoded}"}
        return {
            "prompt": self.prompt,
            "model": self.film.model,
            **shape,
            "region": self.film.region,
            "seconds": SECONDS,
            "custom_id": self.name,
        }


@dataclass(frozen=True)
class Arrival:
    """One request to a door, sent `times` times, `at_once` or one after another.

    `wishes` are one wish, twins, or the rows of a file. On DashScope's routes, `keyed` calls send an Idempotency-Key,
    and a second wish is a second take of the same request, which is asked for after the first one was fetched.
    """

    door: Door
    wishes: tuple[Wish, ...]
    times: int = 1
    at_once: bool = False
    keyed: bool = False


@dataclass(frozen=True)
class Spec:
    """The parameters of one run.

    `twins`, `large`, `thrifty` and `cancels` are shares of the wishes: those equal to another one, stored in parts, of
    an owner with a daily budget, and cancelled by their caller. `images` is the share that begins with an image, among
    the wishes that are neither large nor equal to another one and come through a door that takes images. `films` is the
    number of small formats in use, and `list_lag` the delay of the list in seconds of the stack's clock. If nothing has
    ended for `quiet` real seconds and only a later time can help, the clock is moved by a day, at most `days` times.
    `doors` are the doors in use. With `hooks`, both owners have webhook endpoints, and some videos a callback URL.
    """

    n: int
    seed: int
    mode: Mode = "resend"
    mutant: str = ""
    mix: Mix = field(default_factory=lambda: MIX)
    twins: float = 0.05
    large: float = 0.03
    list_lag: float = 60.0
    thrifty: float = 0.06
    cancels: float = 0.06
    images: float = 0.3
    films: int = 4
    speed: float = 30.0
    quiet: float = 60.0
    days: int = 6
    doors: frozenset[Door] = frozenset(get_args(Door))
    hooks: bool = True

    @property
    def cap(self) -> int:
        """Seconds that the thrifty owner may spend in a day: what it asks for takes two days."""
        asked = sum(wish.owner == THRIFTY for arrival in arrivals(self) for wish in arrival.wishes)
        return max(SECONDS, SECONDS * -(-asked // 2))


OWNER: Final = "local"
THRIFTY: Final = "thrifty"


SHARES: Final[Mapping[Door, float]] = {
    "api": 0.40,
    "file": 0.10,
    "batch": 0.06,
    "import": 0.12,
    "unknown": 0.04,
    "dashscope": 0.28,
}
"""The share of the arrivals that comes through each door."""


def arrivals(spec: Spec) -> Iterator[Arrival]:
    """Yield who asks for what, in order."""
    random = Random(f"{spec.seed}/arrivals")
    doors = [door for door in SHARES if door in spec.doors]
    weights = [SHARES[door] for door in doors]
    made = 0
    while made < spec.n:
        (door,) = random.choices(doors, weights)
        arrival = _with_image(spec, _arrival(spec, random, door, made), made)
        made += len(arrival.wishes)
        yield arrival


def _arrival(spec: Spec, random: Random, door: Door, made: int) -> Arrival:
    wish = _wish(spec, random, made)
    if door == "api":
        return _through_api(spec, random, wish)
    if door in ("file", "batch"):
        rows = min(random.choice((1, 2, 3, 4, 5)) + 2 * (door == "batch"), spec.n - made)
        wishes = (_wish(spec, random, made + row) for row in range(rows))
        cancelled = door == "batch"
        return Arrival(door, tuple(replace(one, cancelled=cancelled) for one in wishes), times=random.randint(1, 3))
    if door == "import":
        return Arrival(door, (replace(wish, fate="made", prompt=_prompt(spec, random, made), imported=True),))
    if door == "unknown":
        return Arrival(door, (replace(wish, fate="unknown", cancelled=True),))
    return _in_dashscopes_words(random, wish)


def _with_image(spec: Spec, arrival: Arrival, made: int) -> Arrival:
    """Return an arrival whose video begins with an image, if the dice say so.

    Equal requests with images are left out: if the answers to two of them are lost, both are held, as intended.
    """
    random = Random(f"{spec.seed}/images/{made}")
    wish, *others = arrival.wishes
    if (
        others
        or arrival.door not in ("api", "dashscope")
        or wish.film.size == LARGE.size
        or random.random() >= spec.images
    ):
        return arrival
    film = random.choice([film for film in IMAGES if film.region == wish.film.region])
    return replace(arrival, wishes=(replace(wish, film=film),))


def _in_dashscopes_words(random: Random, wish: Wish) -> Arrival:
    # These routes have no parameter for the region.
    wish = replace(wish, film=replace(wish.film, region="singapore"))
    at = random.random()
    if at < 0.3:
        return Arrival("dashscope", (wish,), times=random.randint(2, 3), keyed=True)
    if at < 0.6:
        return Arrival("dashscope", (wish,), times=random.randint(2, 3), at_once=random.random() < 0.3)
    if at < 0.8:
        return Arrival("dashscope", (wish, replace(wish, name=f"{wish.name}-take")))
    return Arrival("dashscope", (wish,), keyed=random.random() < 0.5)


def _through_api(spec: Spec, random: Random, wish: Wish) -> Arrival:
    if random.random() < spec.thrifty / 0.4:
        wish = replace(wish, owner=THRIFTY)
    if random.random() < spec.twins / 0.4:
        twin = replace(wish, name=f"{wish.name}-twin")
        return Arrival("api", (wish, twin))
    if random.random() < spec.cancels / 0.4:
        return Arrival("api", (replace(wish, cancelled=True),))
    if random.random() < 0.2:
        return Arrival("api", (wish,), times=random.randint(2, 3), at_once=random.random() < 0.5)
    return Arrival("api", (wish,))


def _wish(spec: Spec, random: Random, number: int) -> Wish:
    at = random.random()
    fate: Fate = "refused" if at < 0.01 else "fails" if at < 0.02 else "made"
    film = LARGE if random.random() < spec.large else random.choice(SMALL[: spec.films])
    return Wish(
        name=f"chaos-{number:05d}", prompt=_prompt(spec, random, number, fate), film=film, owner=OWNER, fate=fate
    )


def _prompt(spec: Spec, random: Random, number: int, fate: Fate = "made") -> str:
    trigger = {"made": "", "refused": " [simulate:DataInspectionFailed]", "fails": " [simulate:task:InternalError]"}
    return f"{CANARY} a fox counts to {number} in run {spec.seed}, {random.getrandbits(32):08x}{trigger[fate]}"
