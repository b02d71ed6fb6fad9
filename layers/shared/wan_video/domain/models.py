"""The model registry: everything that differs between Wan's video models, as data.

Validation, estimates, admission and the simulator read it; nothing else in the project knows a model's name.
Prices are Wan's list prices in CNY per second of video, as published in June 2026; sizes are pixels.
Sources: Alibaba Cloud Model Studio, "Wan text-to-video API reference", "Wan image-to-video API reference", "Rate
limits" and "Model pricing". Facts from other sources are marked with their source, with the marks of docs/wan-api.md.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

from wan_video.domain.image import ImageLimits

PRICED_ON: Final = "2026-06-01"
"""The day on which the prices below were read from the price list."""

CURRENCY: Final = "CNY"

ADAPTIVE: Final = "adaptive"
"""The aspect ratio of a request that leaves the shape to the model (V)."""

AUTO_SECONDS: Final = -1
"""The length of a request that leaves the length to the model (V)."""

MAX_SEED: Final = 2_147_483_647
NEGATIVE_PROMPT_LIMIT: Final = 500
"""Characters (code points) of a negative prompt, for every model."""


class Region(StrEnum):
    """The regions of Wan; each has its own hosts (`domain/endpoints.py`) and its own API keys."""

    BEIJING = "beijing"
    SINGAPORE = "singapore"
    VIRGINIA = "virginia"
    FRANKFURT = "frankfurt"
    HONGKONG = "hongkong"
    TOKYO = "tokyo"


class Tier(StrEnum):
    """Wan's resolution tiers; the price of a second depends on it."""

    P480 = "480P"
    P720 = "720P"
    P1080 = "1080P"


@dataclass(frozen=True, order=True, slots=True)
class Size:
    """A frame in pixels, written `1280x720`; Wan writes `1280*720`."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read `1280x720` or `1280*720`. Raises ValueError for anything else."""
        width, _, height = text.replace("*", "x").partition("x")
        if not (_is_plain_number(width) and _is_plain_number(height)):
            raise ValueError(text)
        return cls(int(width), int(height))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def _is_plain_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and not text.startswith("0")


IMAGES_BEFORE_27: Final = ImageLimits(least_side=360, most_side=2000, most_bytes=10 * 1024 * 1024)
IMAGES_FROM_27: Final = ImageLimits(least_side=240, most_side=8000, most_bytes=20 * 1024 * 1024)
"""What Wan's pages say of images, before wan2.7 and since."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The offer of one model in one region: prices (CNY per second, by tier), limits per account, and hosts.

    The price of a tier that is missing, and a limit that is None, are not known. Prices that are not `confirmed` come
    from third parties; `priced_on` is the day of the prices. `shared_host` says whether Wan documents the model on the
    region's shared host; without it, only a workspace's own host has the model. `silent_prices` are those of a video
    without sound, where they are different, and `durations` those of the model in this region, where they are fewer.
    """

    prices: Mapping[Tier, Decimal]
    submits_per_second: int | None
    concurrency: int | None
    confirmed: bool = True
    priced_on: str = PRICED_ON
    shared_host: bool = True
    silent_prices: Mapping[Tier, Decimal] | None = None
    durations: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the registry.

    `sizes` maps tier and aspect ratio to pixels; `ratios` are those that every tier accepts although no size has them.
    `protocol` names how the format travels in the request body: as `size` (up to wan2.6), as `resolution` and `ratio`
    (wan2.7), or as these with `adaptive` and `audio` (from wan3.0). `usage` names how Wan's answer states what it
    made: with `video_ratio` (up to wan2.5), `size` (wan2.6) or `ratio` (wan2.7), or with `ratio` and lengths that are
    `decimals` (from wan3.0); for models that need an image, with the billed `length` (up to wan2.5) or the `lengths` of
    input and output (from wan2.6), and in both cases without a shape. `usual_seconds` is the usual duration of a
    generation; it is used only for the progress estimate.
    """

    name: str
    protocol: Literal["size", "resolution", "adaptive"]
    usage: Literal["video_ratio", "size", "ratio", "decimals", "length", "lengths"]
    sizes: Mapping[Tier, Mapping[str, Size]]
    durations: tuple[int, ...]
    prompt_limit: int
    fps: int
    audio: bool
    audio_seconds: tuple[int, int]
    shot_types: tuple[str, ...]
    regions: Mapping[Region, Offer]
    default_tier: Tier = Tier.P1080
    default_ratio: str = "16:9"
    """With `default_tier` and `default_seconds`: the format that Wan uses for a request that does not specify one."""
    ratios: tuple[str, ...] = ()
    auto_seconds: int | None = None
    """The seconds that a request of AUTO_SECONDS counts as: the maximum; None if the model does not allow it."""
    negative_prompt: bool = True
    audio_switch: bool = False
    """Whether a request can specify if the video has sound."""
    images: ImageLimits | None = None
    """What the first frame may be, which a request can specify as an image; None for models of text only."""
    last_frame: bool = False
    """Whether a request that specifies the first frame can also specify the last one."""
    image_required: bool = False
    """Whether a request must specify the first frame."""
    image_sets_ratio: bool = False
    """Whether the first frame decides the aspect ratio, so that requests specify neither a size nor an aspect ratio.

    The tiers of such a model have no sizes, and its only ratio is ADAPTIVE.
    """
    image_member: Literal["media", "img_url"] = "media"
    """The member of `input` that names the images; in `media`, an audio file has a place too (`driving_audio`)."""
    least_seed: int = 0
    """The lowest seed; -1 means any seed."""
    usual_seconds: int = 180
    default_seconds: int = 5

    @property
    def takes_image(self) -> bool:
        """Whether a request can specify the first frame as an image."""
        return self.images is not None

    @property
    def takes_audio_url(self) -> bool:
        """Whether a request can contain a sound file."""
        return self.audio_seconds != (0, 0)

    @property
    def default_size(self) -> Size | None:
        """The size of Wan's default format; None if it has no size."""
        return self.sizes[self.default_tier].get(self.default_ratio)

    def durations_in(self, region: Region | None) -> tuple[int, ...]:
        """Return the lengths in seconds that a request may have in a region."""
        offer = self.regions.get(region) if region is not None else None
        return (offer.durations if offer is not None else None) or self.durations

    def tier_of(self, size: Size | None) -> Tier | None:
        """Return the tier of `size`, or None if the model does not support it."""
        return next((tier for tier, by_ratio in self.sizes.items() if size in by_ratio.values()), None)

    def ratio_of(self, size: Size | None) -> str | None:
        """Return Wan's name of the aspect ratio of `size`, or None if the model does not support it."""
        pairs = ((ratio, pixels) for by_ratio in self.sizes.values() for ratio, pixels in by_ratio.items())
        return next((ratio for ratio, pixels in pairs if pixels == size), None)

    def ratios_at(self, tier: Tier) -> tuple[str, ...]:
        """Return the aspect ratios that a request may have with a tier of the model."""
        return (*self.sizes[tier], *self.ratios)

    def all_sizes(self) -> tuple[Size, ...]:
        """Every size the model makes, tier by tier."""
        return tuple(size for by_ratio in self.sizes.values() for size in by_ratio.values())


def _sizes(text: str) -> Mapping[str, Size]:
    return MappingProxyType({ratio: Size.parse(size) for ratio, size in (pair.split("=") for pair in text.split())})


_P480 = _sizes("16:9=832x480 9:16=480x832 1:1=624x624")
_P720 = _sizes("16:9=1280x720 9:16=720x1280 1:1=960x960 4:3=1088x832 3:4=832x1088")
_P1080 = _sizes("16:9=1920x1080 9:16=1080x1920 1:1=1440x1440 4:3=1632x1248 3:4=1248x1632")
_P720_FROM_27 = _sizes("16:9=1280x720 9:16=720x1280 1:1=960x960 4:3=1104x832 3:4=832x1104")
_P1080_FROM_27 = _sizes("16:9=1920x1080 9:16=1080x1920 1:1=1440x1440 4:3=1648x1248 3:4=1248x1648")

# Wan documents no pixels for wan3.0 (V). These sizes are names: every model before it makes the same size of the same
# tier and ratio. 4:3 and 3:4, where they differ, have no name; a request gives them as resolution and aspect ratio.
_P480_FROM_30 = _P480
_P720_FROM_30 = _sizes("16:9=1280x720 9:16=720x1280 1:1=960x960")
_P1080_FROM_30 = _sizes("16:9=1920x1080 9:16=1080x1920 1:1=1440x1440")


def _tiers(**by_tier: Mapping[str, Size]) -> Mapping[Tier, Mapping[str, Size]]:
    return MappingProxyType({Tier[tier]: sizes for tier, sizes in by_tier.items()})


def _offer(*, limit: int, **prices: str) -> Offer:
    return Offer(prices=_prices(**prices), submits_per_second=limit, concurrency=limit)


def _global_offer(offer: Offer) -> Offer:
    """Return an offer of wan2.6-i2v in Wan's global deployment, which makes videos of three lengths only."""
    return replace(offer, durations=(5, 10, 15))


def _prices(**by_tier: str) -> Mapping[Tier, Decimal]:
    return MappingProxyType({Tier[tier]: Decimal(price) for tier, price in by_tier.items()})


def _wan30_offer(*, shared_host: bool = False, priced_on: str = PRICED_ON, **prices: str) -> Offer:
    """Return an offer of wan3.0, whose limits are not documented (V) and whose known prices are third parties'."""
    return Offer(
        prices=_prices(**prices),
        submits_per_second=None,
        concurrency=None,
        confirmed=False,
        priced_on=priced_on,
        shared_host=shared_host,
    )


def _wan30(name: str, beijing: Offer, singapore: Offer) -> Model:
    """Return a model of wan3.0 (V); only workspace hosts are documented for it, except in Beijing (V, H).

    Wan's pages disagree on whether the other regions have it, on the ratio 21:9, and on the seed -1.
    """
    elsewhere = (Region.VIRGINIA, Region.FRANKFURT, Region.HONGKONG, Region.TOKYO)
    return Model(
        name=name,
        protocol="adaptive",
        usage="decimals",
        sizes=_tiers(P480=_P480_FROM_30, P720=_P720_FROM_30, P1080=_P1080_FROM_30),
        ratios=("4:3", "3:4", "21:9", ADAPTIVE),
        default_ratio=ADAPTIVE,
        durations=tuple(range(2, 31)),
        auto_seconds=30,
        prompt_limit=20_000,
        fps=30,
        audio=True,
        audio_seconds=(0, 0),
        shot_types=(),
        negative_prompt=False,
        audio_switch=True,
        images=IMAGES_FROM_27,
        last_frame=True,
        least_seed=-1,
        regions={
            Region.BEIJING: beijing,
            Region.SINGAPORE: singapore,
            **{region: _wan30_offer() for region in elsewhere},
        },
        usual_seconds=300,  # T: from one to five minutes, now and then more than fifteen
    )


def _wan27(name: str) -> Model:
    return Model(
        name=name,
        protocol="resolution",
        usage="ratio",
        sizes=_tiers(P720=_P720_FROM_27, P1080=_P1080_FROM_27),
        durations=tuple(range(2, 16)),
        prompt_limit=5000,
        fps=30,
        audio=True,
        audio_seconds=(2, 30),
        shot_types=(),
        regions={
            Region.BEIJING: _offer(limit=5, P720="0.6", P1080="1.0"),
            Region.SINGAPORE: _offer(limit=5, P720="0.733924", P1080="1.100886"),
        },
    )


def _i2v(
    name: str,
    tiers: tuple[Tier, ...],
    regions: Mapping[Region, Offer],
    *,
    usage: Literal["length", "lengths"] = "lengths",
    durations: tuple[int, ...] = tuple(range(2, 16)),
    prompt_limit: int = 1500,
    audio_seconds: tuple[int, int] = (3, 30),
    shot_types: tuple[str, ...] = (),
    audio_switch: bool = False,
    default_tier: Tier = Tier.P1080,
) -> Model:
    """Return a model before wan2.7 that makes videos from a first frame, which decides their shape."""
    return Model(
        name=name,
        protocol="resolution",
        usage=usage,
        sizes=MappingProxyType({tier: MappingProxyType({}) for tier in tiers}),
        ratios=(ADAPTIVE,),
        default_ratio=ADAPTIVE,
        default_tier=default_tier,
        durations=durations,
        prompt_limit=prompt_limit,
        fps=30,
        audio=audio_seconds != (0, 0),
        audio_seconds=audio_seconds,
        audio_switch=audio_switch,
        shot_types=shot_types,
        images=IMAGES_BEFORE_27,
        image_required=True,
        image_sets_ratio=True,
        image_member="img_url",
        regions=regions,
    )


def _wan27_i2v(name: str) -> Model:
    return replace(
        _i2v(
            name,
            (Tier.P720, Tier.P1080),
            {
                Region.BEIJING: _offer(limit=5, P720="0.6", P1080="1.0"),
                Region.SINGAPORE: _offer(limit=5, P720="0.733924", P1080="1.100886"),
            },
            prompt_limit=5000,
            audio_seconds=(2, 30),
        ),
        images=IMAGES_FROM_27,
        last_frame=True,
        image_member="media",
    )


def _silent_or_not(offer: Offer, **silent: str) -> Offer:
    """Return an offer whose prices depend on whether the video has sound."""
    return replace(offer, silent_prices=_prices(**silent))


def _wan21(name: str, tiers: Mapping[Tier, Mapping[str, Size]], region: Region, offer: Offer) -> Model:
    return Model(
        name=name,
        protocol="size",
        usage="video_ratio",
        sizes=tiers,
        default_tier=Tier.P720,
        durations=(5,),
        prompt_limit=800,
        fps=30,
        audio=False,
        audio_seconds=(0, 0),
        shot_types=(),
        regions={region: offer},
    )


_WAN21_TURBO = _tiers(P480=_P480, P720=_P720)
_WAN21_PLUS = _tiers(P720=_P720)

_P720_AND_UP: Final = (Tier.P720, Tier.P1080)
_SINGLE_OR_MULTI: Final = ("single", "multi")

_IMAGE_ROWS: Final = (
    _wan27_i2v("wan2.7-i2v"),
    _wan27_i2v("wan2.7-i2v-2026-04-25"),
    _i2v(
        "wan2.6-i2v",
        _P720_AND_UP,
        {
            Region.BEIJING: _offer(limit=5, P720="0.6", P1080="1.0"),
            Region.SINGAPORE: _offer(limit=5, P720="0.733924", P1080="1.100886"),
            Region.VIRGINIA: _global_offer(_offer(limit=5, P720="0.6", P1080="1.0")),
            Region.FRANKFURT: _global_offer(_offer(limit=5, P720="0.6", P1080="1.0")),
        },
        shot_types=_SINGLE_OR_MULTI,
    ),
    _i2v(
        "wan2.6-i2v-flash",
        _P720_AND_UP,
        {
            Region.BEIJING: _silent_or_not(_offer(limit=5, P720="0.3", P1080="0.5"), P720="0.15", P1080="0.25"),
            Region.SINGAPORE: _silent_or_not(
                _offer(limit=5, P720="0.366962", P1080="0.550443"), P720="0.183481", P1080="0.275221"
            ),
        },
        shot_types=_SINGLE_OR_MULTI,
        audio_switch=True,
    ),
    _i2v(
        "wan2.6-i2v-us",
        _P720_AND_UP,
        {Region.VIRGINIA: _offer(limit=5, P720="0.733924", P1080="1.100886")},
        durations=(5, 10, 15),
        shot_types=_SINGLE_OR_MULTI,
    ),
    _i2v(
        "wan2.5-i2v-preview",
        (Tier.P480, Tier.P720, Tier.P1080),
        {
            Region.BEIJING: _offer(limit=5, P480="0.3", P720="0.6", P1080="1.0"),
            Region.SINGAPORE: _offer(limit=5, P480="0.366961", P720="0.733923", P1080="1.100885"),
        },
        usage="length",
        durations=(5, 10),
    ),
    _i2v(
        "wan2.2-i2v-plus",
        (Tier.P480, Tier.P1080),
        {
            Region.BEIJING: _offer(limit=2, P480="0.14", P1080="0.70"),
            Region.SINGAPORE: _offer(limit=2, P480="0.146785", P1080="0.733924"),
        },
        usage="length",
        durations=(5,),
        prompt_limit=800,
        audio_seconds=(0, 0),
    ),
    _i2v(
        "wan2.2-i2v-flash",
        (Tier.P480, Tier.P720, Tier.P1080),
        {
            Region.BEIJING: _offer(limit=2, P480="0.10", P720="0.20", P1080="0.48"),
            # Wan's list of prices has no 1080P here, and its list of limits has no row for Singapore at all.
            Region.SINGAPORE: _offer(limit=2, P480="0.110089", P720="0.264213"),
        },
        usage="length",
        durations=(5,),
        prompt_limit=800,
        audio_seconds=(0, 0),
        default_tier=Tier.P720,
    ),
)

_ROWS: Final = (
    _wan30(
        "wan3.0-video",
        # T: CNY in a registry of models of August 2026; USD 0.05, 0.10 and 0.20 in three catalogues.
        beijing=_wan30_offer(shared_host=True, priced_on="2026-08-01", P480="0.3", P720="0.6", P1080="1.2"),
        singapore=_wan30_offer(priced_on="2026-09-16", P480="0.366962", P720="0.733924", P1080="1.467848"),
    ),
    _wan30(
        "wan3.0-video-prime",
        # T: USD 0.068, 0.14 and 0.28 in three catalogues; Beijing's prices were found nowhere.
        beijing=_wan30_offer(shared_host=True),
        singapore=_wan30_offer(priced_on="2026-09-16", P480="0.499068", P720="1.027494", P1080="2.054987"),
    ),
    _wan27("wan2.7-t2v"),
    _wan27("wan2.7-t2v-2026-04-25"),
    _wan27("wan2.7-t2v-2026-06-12"),
    Model(
        name="wan2.6-t2v",
        protocol="size",
        usage="size",
        sizes=_tiers(P720=_P720, P1080=_P1080),
        durations=tuple(range(2, 16)),
        prompt_limit=1500,
        fps=30,
        audio=True,
        audio_seconds=(3, 30),
        shot_types=("single", "multi"),
        regions={
            Region.BEIJING: _offer(limit=5, P720="0.6", P1080="1.0"),
            Region.SINGAPORE: _offer(limit=5, P720="0.733924", P1080="1.100886"),
            Region.VIRGINIA: _offer(limit=5, P720="0.6", P1080="1.0"),
            Region.FRANKFURT: _offer(limit=5, P720="0.6", P1080="1.0"),
        },
    ),
    Model(
        name="wan2.6-t2v-us",
        protocol="size",
        usage="size",
        sizes=_tiers(P720=_P720, P1080=_P1080),
        durations=(5, 10),
        prompt_limit=1500,
        fps=30,
        audio=True,
        audio_seconds=(3, 30),
        shot_types=("single", "multi"),
        regions={Region.VIRGINIA: _offer(limit=5, P720="0.733924", P1080="1.100886")},
    ),
    Model(
        name="wan2.5-t2v-preview",
        protocol="size",
        usage="video_ratio",
        sizes=_tiers(P480=_P480, P720=_P720, P1080=_P1080),
        durations=(5, 10),
        prompt_limit=1500,
        fps=30,
        audio=True,
        audio_seconds=(3, 30),
        shot_types=(),
        regions={
            Region.BEIJING: _offer(limit=5, P480="0.3", P720="0.6", P1080="1.0"),
            Region.SINGAPORE: _offer(limit=5, P480="0.366961", P720="0.733923", P1080="1.100885"),
        },
    ),
    Model(
        name="wan2.2-t2v-plus",
        protocol="size",
        usage="video_ratio",
        sizes=_tiers(P480=_P480, P1080=_P1080),
        durations=(5,),
        prompt_limit=800,
        fps=30,
        audio=False,
        audio_seconds=(0, 0),
        shot_types=(),
        regions={
            Region.BEIJING: _offer(limit=2, P480="0.14", P1080="0.70"),
            Region.SINGAPORE: _offer(limit=2, P480="0.146785", P1080="0.733924"),
        },
    ),
    _wan21("wanx2.1-t2v-turbo", _WAN21_TURBO, Region.BEIJING, _offer(limit=2, P480="0.24", P720="0.24")),
    _wan21("wan2.1-t2v-turbo", _WAN21_TURBO, Region.SINGAPORE, _offer(limit=2, P480="0.264213", P720="0.264213")),
    _wan21("wanx2.1-t2v-plus", _WAN21_PLUS, Region.BEIJING, _offer(limit=2, P720="0.70")),
    _wan21("wan2.1-t2v-plus", _WAN21_PLUS, Region.SINGAPORE, _offer(limit=2, P720="0.733924")),
)

MODELS: Final[Mapping[str, Model]] = MappingProxyType({model.name: model for model in (*_ROWS, *_IMAGE_ROWS)})
"""Every model by its name: those that take text first, then those that need an image, and the newest of each first."""

_NOT_SUPPORTED: Final = re.compile(r"wanx?\d\.\d-(i2v|kf2v|r2v|videoedit)(-[\w-]+)?", re.ASCII)


def not_supported(name: str) -> str | None:
    """Return why the stack does not offer a model that Wan has, and which models to use instead; None for any other."""
    match = _NOT_SUPPORTED.fullmatch(name)
    if match is None or name in MODELS:
        return None
    instead = [
        model.name for model in MODELS.values() if model.takes_image and (match[1] != "kf2v" or model.last_frame)
    ]
    return (
        f"The model {name} is not supported: this stack makes videos from text, and from a first frame with or without "
        f"a last frame. Use one of {', '.join(instead)}."
    )


def pool_name(region: Region, model: str) -> str:
    """Return the name of the pool of a model in a region; Wan's limits apply to each pool separately."""
    return f"{region}#{model}"


_REGIONS: Final = {pool_name(region, model.name): region for model in MODELS.values() for region in model.regions}
POOLS: Final = tuple(_REGIONS)
"""The names of all pools that can exist."""


def pools_of(regions: Collection[Region]) -> tuple[str, ...]:
    """Return the names of the pools of some regions."""
    return tuple(pool for pool, region in _REGIONS.items() if region in regions)
