"""Images of requests: how callers state them, where they are kept, and what Wan receives of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from tests.chaos.plan import IMAGE_COLOURS, SECONDS, Film, Wish
from tests.simulation.settings import SETTINGS
from tools.harness.images import image_bytes
from wan_video.errors import ImageUnavailable

if TYPE_CHECKING:
    from tests.simulation.decisions import Draw
    from tests.simulation.world import World

Way = Literal["data", "upload", "large", "url", "row", "object", "none"]
"""How a request states its image.

The API takes a data URL, the id of an upload (`large` is one that Wan gets as a link), or a URL that it fetches when it
accepts the request. A row of a prompt file has a URL that `submit` fetches, or names an `object` in the prompts bucket.
`none` is a request of text only to a model that also takes images.
"""

API_WAYS: Final[Sequence[Way]] = ("data", "data", "upload", "url", "upload", "large")
RIVALS_OWNER: Final = "carol"
"""The owner of equal requests with different images."""

FIRST_ONLY: Final = "wan2.6-i2v"
BOTH_FRAMES: Final = "wan3.0-video"
TIER: Final = "720P"
WEB: Final = (("unavailable", 0.12),)
GONE: Final = frozenset({"image_gone"})
UNAVAILABLE: Final = frozenset({"image_unavailable"})


@dataclass(frozen=True)
class Shot(Film):
    """The format of a video that begins with the image of number `image`, and may end with that of number `last`.

    With `taken`, the image disappears while the video waits: the caller deletes its upload, or the web server serves
    another image. A `rival` has an equal request with another image at the same time: if their answers are lost, both
    may be held.
    """

    way: Way = "data"
    last: int | None = None
    taken: bool = False
    rival: bool = False

    @property
    def contents(self) -> tuple[bytes, ...]:
        """The bytes of the images in the order of the video."""
        return tuple(content_of(number, self.way) for number in (self.image, self.last) if number is not None)


@cache
def content_of(number: int, way: Way) -> bytes:
    """Return an image; a `large` one is too large for a data URL."""
    if way == "large":
        return image_bytes("BMP", (1600, 1500), IMAGE_COLOURS[number])
    return image_bytes("PNG", (640, 480), IMAGE_COLOURS[number])


@cache
def sha256_of(content: bytes) -> str:
    """Return the SHA-256 of an image."""
    return hashlib.sha256(content).hexdigest()


def with_image(wish: Wish, draw: Draw, ways: Sequence[Way]) -> Wish:
    """Return a wish whose video begins with an image, and in some cases ends with another one."""
    way = ways[draw.below(len(ways), 2)]
    model = FIRST_ONLY if draw.number(3) < 0.6 else BOTH_FRAMES
    last = 1 if model == BOTH_FRAMES and draw.number(4) < 0.5 else None
    taken = draw.number(5) < 0.3 and way != "data"
    film = Shot(model, TIER, wish.film.region, image=draw.below(2, 6), way=way, last=last, taken=taken)
    if wish.fate == "made" and not wish.cancelled and draw.number(7) < 0.15 and way in API_WAYS:
        wish = replace(wish, fate="fails", prompt=f"{wish.prompt} [simulate:task:InternalError]")
    return replace(wish, film=film, may_fail=_may_fail(film))


def _may_fail(film: Shot) -> frozenset[str]:
    """Return the codes with which a video may fail because its image is gone, or cannot be fetched now."""
    if film.way == "row":
        return UNAVAILABLE | GONE
    if not film.taken or film.way == "url":
        return frozenset()
    # Wan cannot download a large image that was deleted after the submission.
    return GONE | {"InternalError"}


def as_rivals(wishes: Sequence[Wish], draw: Draw) -> tuple[Wish, ...]:
    """Return equal requests with different images, or one of them without an image."""
    one, two = wishes
    model = FIRST_ONLY if draw.number(3) < 0.5 else BOTH_FRAMES
    film = Shot(model, TIER, one.film.region, image=0, rival=True)
    other = replace(film, image=1)
    if model == BOTH_FRAMES and draw.number(4) < 0.5:
        other = replace(film, image=None, way="none")
    return tuple(
        replace(wish, film=shot, owner=RIVALS_OWNER, cancelled=False) for wish, shot in ((one, film), (two, other))
    )


def body_of(wish: Wish, first: str | None, last: str | None) -> dict[str, Any]:
    """Return a request as the REST API and prompt files accept it, with its images as they are stated."""
    images = {"input_reference": first, "last_frame": last}
    shape = {"aspect_ratio": "16:9"} if first is None else {}
    return {
        "prompt": wish.prompt,
        "model": wish.film.model,
        "resolution": wish.film.size,
        "region": wish.film.region,
        "seconds": SECONDS,
        "custom_id": wish.name,
        **shape,
        **{name: stated for name, stated in images.items() if stated is not None},
    }


@cache
def data_url(content: bytes) -> str:
    """Return a data URL."""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


@dataclass
class Web:
    """The port `WebImages`: servers that fail at times, and images that may change."""

    current: Callable[[], World]

    def fetch(self, url: str, seconds: float) -> bytes:
        world = self.current()
        call = world.call("web.fetch", WEB, world.decisions.rates.wan)
        call.end()
        if call.fault is not None:
            raise ImageUnavailable("The server of the image answers 503 instead of sending it.", temporary=True)
        content = world.bucket.web.get(url)
        if content is None:
            raise ImageUnavailable("The server of the image answers 404 instead of sending it.")
        return content


def read_address(world: World, address: str) -> str | None:
    """Return the SHA-256 of what Wan reads at an address: a data URL, or a link to a bucket; None if it is gone."""
    if address.startswith("data:"):
        return hashlib.sha256(base64.b64decode(address.partition(",")[2])).hexdigest()
    parts = urlsplit(address)
    bucket = (parts.hostname or "").partition(".")[0]
    if bucket not in (SETTINGS["INPUTS_BUCKET"], SETTINGS["PROMPTS_BUCKET"]):
        raise NotImplementedError(f"an image at {parts.hostname}")
    content = world.bucket.images.get((bucket, parts.path.removeprefix("/")))
    return None if content is None else sha256_of(content)
