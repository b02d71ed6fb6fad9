"""The model registry: everything that differs between Wan's text-to-video models, as data.

Validation, estimates, admission and the simulator read it; nothing else in the project knows a model's name.
Prices are Wan's list prices in CNY per second of video, as published in June 2026; sizes are pixels.
Sources: Alibaba Cloud Model Studio, "Wan text-to-video API reference", "Rate limits" and "Model pricing".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal

PRICED_ON: Final = "2026-06-01"
"""The day the prices below were read from the price list."""

CURRENCY: Final = "CNY"

MAX_SEED: Final = 2_147_483_647
NEGATIVE_PROMPT_LIMIT: Final = 500
"""Characters (code points) of a negative prompt, for every model."""


class Region(StrEnum):
    """Where Wan runs; each has its own endpoint and its own API keys."""

    BEIJING = "beijing"
    SINGAPORE = "singapore"
    VIRGINIA = "virginia"
    FRANKFURT = "frankfurt"


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
        """Read `1280x720` or `1280*720`; raises ValueError for anything else."""
        width, _, height = text.replace("*", "x").partition("x")
        if not (_is_plain_number(width) and _is_plain_number(height)):
            raise ValueError(text)
        return cls(int(width), int(height))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def _is_plain_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 5 and not text.startswith("0")


@dataclass(frozen=True, slots=True)
class Offer:
    """What one region makes of one model: its prices (CNY per second, by tier) and its limits per account.

    `concurrency` is how many tasks Wan works on at once; None where no page of Alibaba's says it.
    """

    prices: Mapping[Tier, Decimal]
    submits_per_second: int
    concurrency: int | None


@dataclass(frozen=True, slots=True)
class Model:
    """One row of the registry.

    `sizes` maps tier and aspect ratio to pixels. `protocol` names how the size travels in the request body: as
    `size` (up to wan2.6) or as `resolution` and `ratio` (from wan2.7). `usage` names the member by which Wan's answer
    tells the size: `video_ratio` (up to wan2.5), `size` (wan2.6) or `ratio` (wan2.7). `usual_seconds` is how long a
    generation tends to take; it feeds the progress estimate and decides nothing.
    """

    name: str
    protocol: Literal["size", "resolution"]
    usage: Literal["video_ratio", "size", "ratio"]
    sizes: Mapping[Tier, Mapping[str, Size]]
    default_size: Size
    durations: tuple[int, ...]
    prompt_limit: int
    fps: int
    audio: bool
    audio_seconds: tuple[int, int]
    shot_types: tuple[str, ...]
    regions: Mapping[Region, Offer]
    usual_seconds: int = 180
    default_seconds: int = 5
    """How long Wan makes a video of a request that does not say."""

    def tier_of(self, size: Size) -> Tier | None:
        """The tier that holds `size`, or None where the model does not make it."""
        return next((tier for tier, by_ratio in self.sizes.items() if size in by_ratio.values()), None)

    def ratio_of(self, size: Size) -> str | None:
        """The aspect ratio Wan calls `size` by, or None where the model does not make it."""
        pairs = ((ratio, pixels) for by_ratio in self.sizes.values() for ratio, pixels in by_ratio.items())
        return next((ratio for ratio, pixels in pairs if pixels == size), None)

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


def _tiers(**by_tier: Mapping[str, Size]) -> Mapping[Tier, Mapping[str, Size]]:
    return MappingProxyType({Tier[tier]: sizes for tier, sizes in by_tier.items()})


def _offer(*, limit: int, **prices: str) -> Offer:
    by_tier = {Tier[tier]: Decimal(price) for tier, price in prices.items()}
    return Offer(prices=MappingProxyType(by_tier), submits_per_second=limit, concurrency=limit)


def _wan27(name: str) -> Model:
    return Model(
        name=name,
        protocol="resolution",
        usage="ratio",
        sizes=_tiers(P720=_P720_FROM_27, P1080=_P1080_FROM_27),
        default_size=Size(1920, 1080),
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


def _wan21(name: str, tiers: Mapping[Tier, Mapping[str, Size]], region: Region, offer: Offer) -> Model:
    return Model(
        name=name,
        protocol="size",
        usage="video_ratio",
        sizes=tiers,
        default_size=Size(1280, 720),
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

_ROWS: Final = (
    _wan27("wan2.7-t2v"),
    _wan27("wan2.7-t2v-2026-04-25"),
    _wan27("wan2.7-t2v-2026-06-12"),
    Model(
        name="wan2.6-t2v",
        protocol="size",
        usage="size",
        sizes=_tiers(P720=_P720, P1080=_P1080),
        default_size=Size(1920, 1080),
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
        default_size=Size(1920, 1080),
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
        default_size=Size(1920, 1080),
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
        default_size=Size(1920, 1080),
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

MODELS: Final[Mapping[str, Model]] = MappingProxyType({model.name: model for model in _ROWS})
"""Every model by its name, newest first."""


def pool_name(region: Region, model: str) -> str:
    """The pool of one model in one region: Wan's limits are counted for each apart."""
    return f"{region}#{model}"


POOLS: Final = tuple(pool_name(region, model.name) for model in _ROWS for region in model.regions)
"""Every pool there can be."""


def pools_of(regions: Collection[Region]) -> tuple[str, ...]:
    """The pools of some regions."""
    return tuple(pool for pool in POOLS if Region(pool.partition("#")[0]) in regions)
