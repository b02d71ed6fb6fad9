"""The models that the simulated Wan serves: those of the project's registry, and Wan 3.0 with sizes of its own.

Alibaba documents neither the pixels nor the limits of Wan 3.0. Those below are assumptions, and only the simulator
uses them. Sources: Model Studio, "Wan 3.0 API reference" (names, tiers, ratios, durations, regions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from wan_video.domain.models import MODELS as REGISTRY
from wan_video.domain.models import Model, Offer, Region, Size

ADAPTIVE: Final = "adaptive"
"""The ratio that leaves the shape of a video to Wan 3.0."""

_GENERATION: Final = re.compile(r"wanx?(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What one account may do with a model in a region by default."""

    submits_per_second: int
    running: int


@dataclass(frozen=True, slots=True)
class ImageRules:
    """How a model takes images, and within which limits.

    `member` is the member of `input` that names them, `media` the types in a list of that name, and `required` whether
    the model needs an image. `sides` are the least and most pixels of a side.
    """

    member: Literal["img_url", "media"]
    media: tuple[str, ...]
    required: bool
    sides: tuple[int, int]
    largest_mebibytes: int


@dataclass(frozen=True, slots=True)
class WanModel:
    """One model as Wan serves it.

    `sizes` maps tier and ratio to pixels; a model that needs an image takes its shape, and has no ratios. `images` is
    None for a model that takes text only. `audio_switch` is whether an order can say if the video has sound, and
    `sound_is_shown` whether `usage` repeats it. `generation` is the version in the model's name, which decides how
    requests and answers look: (2, 6) and older name a size, (2, 7) names a tier and a ratio, and (3, 0) may leave the
    ratio and the length to the model. `workspace_only` holds the regions whose shared host does not serve the model.
    """

    name: str
    generation: tuple[int, int]
    sizes: Mapping[str, Mapping[str, Size]]
    default_tier: str
    default_ratio: str
    durations: tuple[int, ...]
    prompt_limit: int
    fps: int
    audio: bool
    audio_seconds: tuple[int, int]
    shot_types: tuple[str, ...]
    limits: Mapping[Region, ModelLimits]
    workspace_only: frozenset[Region] = frozenset()
    images: ImageRules | None = None
    audio_switch: bool = False
    sound_is_shown: bool = False

    @property
    def follows_image(self) -> bool:
        """Whether nothing but the first frame decides the shape of a video."""
        return self.images is not None and self.images.required

    @property
    def audio_is_media(self) -> bool:
        """Whether the caller's audio is one of the media."""
        return self.images is not None and "driving_audio" in self.images.media

    @property
    def default_size(self) -> Size:
        """The size of an order that names none."""
        return self.sizes[self.default_tier][self.default_ratio]

    @property
    def chooses(self) -> bool:
        """Whether the model can choose the ratio and the length of a video, as Wan 3.0 can."""
        return self.generation >= (3, 0)

    def tier_of(self, size: Size) -> str | None:
        """Return the tier that holds `size`, or None if the model does not make it."""
        return next((tier for tier, by_ratio in self.sizes.items() if size in by_ratio.values()), None)

    def ratio_of(self, size: Size) -> str | None:
        """Return the ratio of `size`, or None if the model does not make it."""
        pairs = ((ratio, pixels) for by_ratio in self.sizes.values() for ratio, pixels in by_ratio.items())
        return next((ratio for ratio, pixels in pairs if pixels == size), None)


def _of_registry(model: Model) -> WanModel:
    return WanModel(
        name=model.name,
        generation=_generation(model.name),
        sizes=MappingProxyType({str(tier): by_ratio for tier, by_ratio in model.sizes.items()}),
        default_tier=str(model.default_tier),
        default_ratio=model.default_ratio,
        durations=model.durations,
        prompt_limit=model.prompt_limit,
        fps=model.fps,
        audio=model.audio,
        audio_seconds=model.audio_seconds,
        shot_types=model.shot_types,
        limits={region: _limits(offer) for region, offer in model.regions.items()},
        images=_image_rules(model.name),
        audio_switch=model.audio_switch,
        sound_is_shown=model.name == "wan2.6-i2v-flash",
    )


def _image_rules(name: str) -> ImageRules | None:
    """Return how a model before Wan 3.0 takes images."""
    if "-i2v" not in name:
        return None
    if _generation(name) >= (2, 7):
        return ImageRules("media", ("first_frame", "last_frame", "driving_audio", "first_clip"), True, (240, 8000), 20)
    return ImageRules("img_url", (), required=True, sides=(360, 2000), largest_mebibytes=10)


def _limits(offer: Offer) -> ModelLimits:
    if offer.submits_per_second is None or offer.concurrency is None:
        return _ASSUMED_LIMITS
    return ModelLimits(offer.submits_per_second, offer.concurrency)


def _generation(name: str) -> tuple[int, int]:
    match = _GENERATION.match(name)
    assert match is not None
    return int(match[1]), int(match[2])


PIXELS: Final[Mapping[str, int]] = MappingProxyType({"480P": 832 * 480, "720P": 1280 * 720, "1080P": 1920 * 1080})
"""The pixels of a frame, by tier, where an image decides the shape."""


def _sizes(text: str) -> Mapping[str, Size]:
    return MappingProxyType({ratio: Size.parse(size) for ratio, size in (pair.split("=") for pair in text.split())})


_ASSUMED_SIZES: Final = MappingProxyType(
    {
        "480P": _sizes("16:9=832x480 9:16=480x832 1:1=624x624 4:3=720x544 3:4=544x720 21:9=976x416"),
        "720P": _sizes("16:9=1280x720 9:16=720x1280 1:1=960x960 4:3=1104x832 3:4=832x1104 21:9=1472x624"),
        "1080P": _sizes("16:9=1920x1080 9:16=1080x1920 1:1=1440x1440 4:3=1648x1248 3:4=1248x1648 21:9=2208x944"),
    }
)
"""An assumption. Wan documents no pixels for 3.0, and only 480x832 (480P, 9:16) was seen, once and by a third party.

720P and 1080P are those of wan2.7; the other sizes have the same number of pixels in multiples of 16.
"""

_ASSUMED_LIMITS: Final = ModelLimits(submits_per_second=5, running=5)
"""An assumption. Wan documents no limits for 3.0: these are those of wan2.7."""

_IMAGES_OF_WAN3: Final = ImageRules(
    member="media",
    media=(
        "first_frame", "last_frame", "reference_image", "reference_video", "reference_audio", "file", "link",
    ),
    required=False,
    sides=(240, 8000),
    largest_mebibytes=20,
)  # fmt: skip

_SHARED_HOSTS: Final = frozenset({Region.BEIJING})
"""The regions whose shared host serves Wan 3.0; everywhere else the documentation lists workspace hosts only."""


def _wan3(name: str) -> WanModel:
    return WanModel(
        name=name,
        generation=_generation(name),
        sizes=_ASSUMED_SIZES,
        default_tier="1080P",
        default_ratio="16:9",
        durations=tuple(range(2, 31)),
        prompt_limit=20_000,
        fps=30,
        audio=True,
        audio_seconds=(0, 0),
        shot_types=(),
        limits=MappingProxyType(dict.fromkeys(Region, _ASSUMED_LIMITS)),
        workspace_only=frozenset(Region) - _SHARED_HOSTS,
        images=_IMAGES_OF_WAN3,
        audio_switch=True,
    )


_WAN3: Final = (_wan3("wan3.0-video"), _wan3("wan3.0-video-prime"))

MODELS: Final[Mapping[str, WanModel]] = MappingProxyType(
    {model.name: model for model in _WAN3}
    | {model.name: _of_registry(model) for model in REGISTRY.values() if not model.name.startswith("wan3.")}
)
"""Every model by its name, newest first."""
