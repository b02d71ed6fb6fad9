"""A request for a video, validated before anything is paid.

`validate` takes fields whose types are already checked and returns a `VideoRequest` with all defaults filled in, or
raises `InvalidRequest` with every problem. Each message says what would be right.
Source of the rules: Model Studio, "Wan text-to-video API reference".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, NamedTuple

from wan_video.domain.endpoints import WANS_OWN, Endpoints
from wan_video.domain.hosts import NO_ORIGINS, WebhookOrigins, public_url_problem
from wan_video.domain.image import FIRST_FRAME, LAST_FRAME, UPLOADED_TO_WAN, Image, image_problem
from wan_video.domain.models import (
    ADAPTIVE,
    AUTO_SECONDS,
    MAX_SEED,
    MODELS,
    NEGATIVE_PROMPT_LIMIT,
    Model,
    Region,
    Size,
    Tier,
    not_supported,
)
from wan_video.domain.price import REGISTRY_PRICES, Estimate, Prices, estimate
from wan_video.domain.text import is_blank, text_problem
from wan_video.errors import BudgetExceeded, InvalidRequest, Problem, quoted

UNKNOWN_PROMPT: Final = "(an imported task)"
"""The prompt of an imported task until it has been read from Wan."""

ANY_SEED: Final = -1
"""The seed of a request that leaves the choice to the model. The stack then chooses one and stores it in the row."""

MAX_METADATA_KEYS: Final = 16
MAX_METADATA_KEY: Final = 64
MAX_METADATA_VALUE: Final = 512
MAX_CUSTOM_ID: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFields:
    """The fields of a request; None for a field that was left out. Types are checked, values are not.

    `prompt` is empty if it was left out, which is allowed with an image.
    """

    prompt: str = field(default="", repr=False)
    model: str | None = None
    size: str | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    seconds: int | None = None
    region: str | None = None
    negative_prompt: str | None = field(default=None, repr=False)
    audio_url: str | None = field(default=None, repr=False)
    audio: bool | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None
    seed: int | None = None
    shot_type: str | None = None
    first_frame: Image | None = None
    last_frame: Image | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    custom_id: str | None = None
    callback_url: str | None = field(default=None, repr=False)
    max_price: Decimal | None = None

    @property
    def images(self) -> Sequence[Image]:
        """The images of the request: none, the first frame, or the first and the last frame."""
        return _images(self.first_frame, self.last_frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """A valid request with its defaults filled in; `seed` is the seed that will be sent to Wan.

    A request states `size` where the model's sizes are known. Otherwise it states `resolution` and `aspect_ratio`, and
    `size` is their name, if they have one. `audio` is set for models that have a switch for it. `prompt` is empty if
    the request has an image and no prompt.
    The repr leaves out prompts and links, so that logs and tracebacks do not contain them by accident.
    """

    prompt: str = field(repr=False)
    model: str
    size: Size | None = None
    resolution: Tier | None = None
    aspect_ratio: str | None = None
    seconds: int
    region: Region
    seed: int
    audio: bool | None = None
    prompt_extend: bool = True
    watermark: bool = False
    negative_prompt: str | None = field(default=None, repr=False)
    audio_url: str | None = field(default=None, repr=False)
    shot_type: str | None = None
    first_frame: Image | None = None
    last_frame: Image | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    custom_id: str | None = None
    callback_url: str | None = field(default=None, repr=False)

    @property
    def images(self) -> Sequence[Image]:
        """The images of the request: none, the first frame, or the first and the last frame."""
        return _images(self.first_frame, self.last_frame)

    @property
    def tier(self) -> Tier:
        """The resolution tier, which decides the price; raises ValueError if the model does not make the size."""
        tier = self.resolution or MODELS[self.model].tier_of(self.size)
        if tier is None:
            raise ValueError(f"{self.model} has no tier for {self.size}")
        return tier

    @property
    def ratio(self) -> str:
        """The aspect ratio, or ADAPTIVE; raises ValueError if the model does not make the size."""
        ratio = self.aspect_ratio or MODELS[self.model].ratio_of(self.size)
        if ratio is None:
            raise ValueError(f"{self.model} has no aspect ratio for {self.size}")
        return ratio

    @property
    def most_seconds(self) -> int:
        """The seconds that budgets and estimates count: the length, or the longest length that the model may choose."""
        return MODELS[self.model].auto_seconds or self.seconds if self.seconds == AUTO_SECONDS else self.seconds

    def fields(self) -> VideoFields:
        """Return the fields that make the same request."""
        return VideoFields(
            prompt=self.prompt,
            model=self.model,
            size=None if self.resolution else str(self.size),
            resolution=self.resolution,
            aspect_ratio=self.aspect_ratio,
            seconds=self.seconds,
            region=self.region,
            negative_prompt=self.negative_prompt,
            audio_url=self.audio_url,
            audio=self.audio,
            prompt_extend=self.prompt_extend,
            watermark=self.watermark,
            seed=self.seed,
            shot_type=self.shot_type,
            first_frame=self.first_frame,
            last_frame=self.last_frame,
            metadata=self.metadata,
            custom_id=self.custom_id,
            callback_url=self.callback_url,
        )


def _images(*images: Image | None) -> Sequence[Image]:
    return [image for image in images if image is not None]


@dataclass(frozen=True, slots=True)
class Defaults:
    """The stack's values for fields that a request leaves out, its regions, and Wan's hosts and prices.

    Callbacks may go to `webhook_origins` although they are not public.
    """

    model: str
    size: Size
    seconds: int
    region: Region
    regions: Sequence[Region]
    endpoints: Endpoints = WANS_OWN
    prices: Prices = REGISTRY_PRICES
    webhook_origins: WebhookOrigins = NO_ORIGINS


class Format(NamedTuple):
    """The format of a video: its resolution and aspect ratio, and its size, if that is known."""

    tier: Tier
    ratio: str
    size: Size | None


def validate(
    fields: VideoFields, defaults: Defaults, new_seed: Callable[[], int], *, imported: bool = False
) -> tuple[VideoRequest, Estimate]:
    """Return the request that the fields make, and its price.

    `imported` says that they describe a task that exists at Wan, whose image is not known. Raises InvalidRequest with
    every problem, and BudgetExceeded if the price is above `max_price`.
    """
    name = defaults.model if fields.model is None else fields.model
    model = MODELS.get(name)
    if model is None:
        reason = not_supported(name) or f"Unknown model {quoted(name)}; the models are {_list(MODELS)}."
        raise InvalidRequest([Problem("/model", reason)])

    check = _Check(model, fields, defaults)
    region = check.region()
    chosen = check.format()
    check.tier(region, chosen)
    seconds = check.seconds(region)
    check.images(imported=imported)
    check.texts()
    check.audio_url()
    check.audio()
    check.shot_type()
    check.seed()
    check.metadata()
    check.callback_url()
    if check.problems or region is None or chosen is None:
        raise InvalidRequest(check.problems)

    named = model.protocol == "adaptive" or model.image_sets_ratio
    request = VideoRequest(
        prompt="" if is_blank(fields.prompt) else fields.prompt,
        model=model.name,
        size=chosen.size,
        resolution=chosen.tier if named else None,
        aspect_ratio=chosen.ratio if named else None,
        seconds=seconds,
        region=region,
        seed=fields.seed if fields.seed not in (None, ANY_SEED) else new_seed(),
        audio=fields.audio is not False if model.audio_switch else None,
        prompt_extend=fields.prompt_extend if fields.prompt_extend is not None else True,
        watermark=fields.watermark or False,
        negative_prompt=fields.negative_prompt or None,
        audio_url=fields.audio_url,
        shot_type=fields.shot_type,
        first_frame=fields.first_frame,
        last_frame=fields.last_frame,
        metadata=dict(fields.metadata),
        custom_id=fields.custom_id,
        callback_url=fields.callback_url,
    )
    price = estimate(model, region, chosen.tier, request.most_seconds, defaults.prices, audio=request.audio)
    _hold(fields.max_price, price, request)
    return request, price


def _hold(max_price: Decimal | None, price: Estimate, request: VideoRequest) -> None:
    """Raise BudgetExceeded if a request may cost more than `max_price`."""
    if max_price is None:
        return
    if price.price is None:
        raise BudgetExceeded(
            f"The price of {request.model} at {request.tier} in {request.region} is not known, so max_price cannot be "
            "applied. Leave max_price out, or set the price in the stack's parameter WanPrices."
        )
    if price.price > max_price:
        raise BudgetExceeded(
            f"This video costs {price.price} {price.currency}, which is above your max_price of {max_price}."
        )


class _Check:
    """Checks a request against a model and collects the problems."""

    def __init__(self, model: Model, fields: VideoFields, defaults: Defaults) -> None:
        self.model = model
        self.fields = fields
        self.defaults = defaults
        self.problems: list[Problem] = []

    def region(self) -> Region | None:
        offered = [region for region in self.defaults.regions if region in self.model.regions]
        if self.fields.region is None:
            if not offered:
                self._wrong(
                    "region",
                    f"{self.model.name} is available in {_list(self.model.regions)}, "
                    f"but this stack is configured for {_list(self.defaults.regions)}.",
                )
                return None
            region = self.defaults.region if self.defaults.region in offered else offered[0]
        elif self.fields.region not in self.defaults.regions:
            self._wrong(
                "region",
                f"The region {quoted(self.fields.region)} is not configured; "
                f"the regions are {_list(self.defaults.regions)}.",
            )
            return None
        else:
            region = Region(self.fields.region)
        if region not in offered:
            self._wrong(
                "region",
                f"{self.model.name} is not available in {region}; it is available in {_list(self.model.regions)}.",
            )
            return None
        if self.defaults.endpoints.base_url(region, self.model.name) is None:
            elsewhere = [one for one in offered if self.defaults.endpoints.base_url(one, self.model.name) is not None]
            instead = f" Without an id, this stack can use the model in {_list(elsewhere)}." if elsewhere else ""
            self._wrong("region", unreachable(self.model, region) + instead)
            return None
        return region

    def format(self) -> Format | None:
        fields, model = self.fields, self.model
        if model.image_sets_ratio and (fields.size is not None or fields.aspect_ratio not in (None, ADAPTIVE)):
            self._wrong(
                "size" if fields.size is not None else "aspect_ratio",
                f"The image decides the aspect ratio of videos of {model.name}; send only resolution "
                f"({_list(model.sizes)}).",
            )
            return None
        if fields.size is not None:
            if fields.resolution is not None or fields.aspect_ratio is not None:
                self._wrong("size", "Send either size, or resolution and aspect_ratio, but not both.")
                return None
            try:
                found = self._format_of(Size.parse(fields.size))
            except ValueError:
                found = None
            if found is None:
                self._wrong(
                    "size",
                    f"{model.name} does not make {quoted(fields.size)}; its sizes are {_list(model.all_sizes())}."
                    + (" Send resolution and aspect_ratio for any other shape." if model.ratios else ""),
                )
            return found
        if fields.resolution is None and fields.aspect_ratio is None:
            return self._default_format()
        return self._format_by_tier(fields.resolution, fields.aspect_ratio or self._usual_ratio())

    def tier(self, region: Region | None, chosen: Format | None) -> None:
        """Check that a region offers the resolution: Wan's list has a price for each resolution that it does."""
        offer = self.model.regions.get(region) if region is not None else None
        if chosen is not None and offer is not None and offer.confirmed and chosen.tier not in offer.prices:
            self._wrong(
                "resolution",
                f"{self.model.name} does not make {chosen.tier} in {region}; "
                f"its resolutions there are {_list(offer.prices)}.",
            )

    def _usual_ratio(self) -> str:
        """Return the aspect ratio of a request that does not specify one: that of the image, where Wan can use it."""
        follows = self.model.image_sets_ratio or (self.fields.first_frame is not None and ADAPTIVE in self.model.ratios)
        return ADAPTIVE if follows else "16:9"

    def _format_of(self, size: Size | None) -> Format | None:
        tier, ratio = self.model.tier_of(size), self.model.ratio_of(size)
        return None if tier is None or ratio is None else Format(tier, ratio, size)

    def _format_by_tier(self, resolution: str | None, ratio: str) -> Format | None:
        model = self.model
        tier = self._default_format().tier if resolution is None else _tier(resolution)
        if tier is None or tier not in model.sizes:
            self._wrong(
                "resolution",
                f"{model.name} does not make {quoted(resolution or '')}; its resolutions are {_list(model.sizes)}.",
            )
            return None
        ratios = model.ratios_at(tier)
        if ratio not in ratios:
            self._wrong(
                "aspect_ratio",
                f"{model.name} does not make {quoted(ratio)} at {tier}; its aspect ratios are {_list(ratios)}.",
            )
            return None
        return Format(tier, ratio, model.sizes[tier].get(ratio))

    def _default_format(self) -> Format:
        model = self.model
        own = Format(model.default_tier, model.default_ratio, model.default_size)
        if self._usual_ratio() == ADAPTIVE:
            usual = MODELS[self.defaults.model].tier_of(self.defaults.size)
            tier = usual if usual is not None and usual in model.sizes else model.default_tier
            return Format(tier, ADAPTIVE, None)
        return self._format_of(self.defaults.size) or own

    def seconds(self, region: Region | None) -> int:
        durations, auto = self.model.durations_in(region), self.model.auto_seconds
        asked = self.fields.seconds
        if asked is None:
            return self.defaults.seconds if self.defaults.seconds in durations else durations[0]
        if asked not in durations and not (asked == AUTO_SECONDS and auto is not None):
            or_auto = f", or {AUTO_SECONDS} for a length that it chooses" if auto is not None else ""
            there = "" if durations == self.model.durations else f" in {region}"
            self._wrong(
                "seconds",
                f"{self.model.name} makes videos of {_durations(durations)} seconds{or_auto}{there}, not {asked}.",
            )
        return asked

    def images(self, *, imported: bool) -> None:
        """Check the images of the request; of an image that was never read, only whether the model takes it."""
        model, first, last = self.model, self.fields.first_frame, self.fields.last_frame
        if first is None:
            if model.image_required and not imported:
                self._wrong(FIRST_FRAME, f"{model.name} makes videos from an image; send its first frame.")
            elif last is not None:
                self._wrong(LAST_FRAME, f"A last frame needs a first frame; send {FIRST_FRAME} too.")
            return
        if model.images is None:
            able = [name for name, other in MODELS.items() if other.takes_image]
            self._wrong(FIRST_FRAME, f"{model.name} does not take an image; the models that do are {_list(able)}.")
            return
        if last is not None and not model.last_frame:
            able = [name for name, other in MODELS.items() if other.last_frame]
            self._wrong(LAST_FRAME, f"{model.name} does not take a last frame; the models that do are {_list(able)}.")
            return
        for name, image in ((FIRST_FRAME, first), (LAST_FRAME, last)):
            header = image.header if image is not None else None
            if header is not None and (problem := image_problem(header, model.images, model.name)):
                self._wrong(name, problem)

    def texts(self) -> None:
        prompt, limit = self.fields.prompt, self.model.prompt_limit
        if is_blank(prompt) and self.fields.first_frame is not None:
            pass  # Wan makes a video of the image.
        elif is_blank(prompt):
            self._wrong("prompt", "The prompt is empty; say what the video should show.")
        elif problem := text_problem(prompt):
            self._wrong("prompt", f"The prompt {problem}.")
        elif len(prompt) > limit:
            self._wrong(
                "prompt", f"The prompt has {len(prompt)} characters; the limit of {self.model.name} is {limit}."
            )
        negative = self.fields.negative_prompt
        if negative:
            if not self.model.negative_prompt:
                self._wrong(
                    "negative_prompt",
                    f"{self.model.name} does not accept negative_prompt; describe in the prompt what to leave out.",
                )
            elif problem := text_problem(negative):
                self._wrong("negative_prompt", f"The negative prompt {problem}.")
            elif len(negative) > NEGATIVE_PROMPT_LIMIT:
                self._wrong(
                    "negative_prompt",
                    f"The negative prompt has {len(negative)} characters; the limit is {NEGATIVE_PROMPT_LIMIT}.",
                )

    def audio_url(self) -> None:
        url = self.fields.audio_url
        if url is None:
            return
        if not self.model.audio:
            self._wrong("audio_url", f"{self.model.name} makes silent videos and does not accept audio_url.")
        elif not self.model.takes_audio_url:
            self._wrong("audio_url", f"{self.model.name} generates its own sound and does not accept audio_url.")
        elif not UPLOADED_TO_WAN.fullmatch(url) and (problem := public_url_problem(url)):
            self._wrong("audio_url", f"The audio_url {problem}; send a public http or https link to a wav or mp3 file.")

    def audio(self) -> None:
        if self.fields.audio is not None and not self.model.audio_switch:
            sound = "always have sound" if self.model.audio else "never have sound"
            self._wrong("audio", f"Videos of {self.model.name} {sound}; leave audio out.")
        elif self.fields.audio is False and self.fields.audio_url is not None and self.model.takes_audio_url:
            self._wrong("audio_url", "A video with audio false has no sound; leave out audio or audio_url.")

    def shot_type(self) -> None:
        shot_type, kinds = self.fields.shot_type, self.model.shot_types
        if shot_type is None:
            return
        if not kinds:
            self._wrong("shot_type", f"{self.model.name} does not support shot_type; describe the shots in the prompt.")
        elif shot_type not in kinds:
            self._wrong("shot_type", f"shot_type must be one of {_list(kinds)}, not {quoted(shot_type)}.")
        elif shot_type == "multi" and self.fields.prompt_extend is False:
            self._wrong("shot_type", "shot_type 'multi' works only with prompt_extend true.")

    def seed(self) -> None:
        seed, least = self.fields.seed, self.model.least_seed
        if seed is not None and not least <= seed <= MAX_SEED:
            self._wrong("seed", f"The seed must be a whole number from {least} to {MAX_SEED}, not {seed}.")

    def metadata(self) -> None:
        metadata, custom_id = self.fields.metadata, self.fields.custom_id
        if len(metadata) > MAX_METADATA_KEYS:
            self._wrong("metadata", f"metadata may have at most {MAX_METADATA_KEYS} keys, not {len(metadata)}.")
        for key, value in metadata.items():
            if not 0 < len(key) <= MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
                self._wrong(
                    "metadata",
                    f"Keys of metadata must have 1 to {MAX_METADATA_KEY} characters, "
                    f"and values at most {MAX_METADATA_VALUE}.",
                )
            elif problem := text_problem(key + value):
                self._wrong("metadata", f"An entry of metadata {problem}.")
        if custom_id is not None and (not 0 < len(custom_id) <= MAX_CUSTOM_ID or text_problem(custom_id)):
            self._wrong("custom_id", f"custom_id must have 1 to {MAX_CUSTOM_ID} characters.")

    def callback_url(self) -> None:
        url = self.fields.callback_url
        if url is not None and (problem := callback_problem(url, self.defaults.webhook_origins)):
            self.problems.append(problem)

    def _wrong(self, name: str, detail: str) -> None:
        self.problems.append(Problem(f"/{name}", detail))


def callback_problem(url: str, origins: WebhookOrigins) -> Problem | None:
    """Return why no event can be sent to a callback URL, or None."""
    problem = origins.problem(url)
    if problem is None:
        return None
    return Problem("/callback_url", f"The callback_url {problem}; send a public https link, on port 443.")


def unreachable(model: Model, region: Region) -> str:
    """Return why a stack without the host of a workspace cannot use a model in a region."""
    return (
        f"In {region}, {model.name} is available only on the host of a workspace: set the stack's parameter "
        "WanWorkspaceId to the id of your workspace."
    )


def _tier(text: str) -> Tier | None:
    return next((tier for tier in Tier if tier.lower() == text.lower()), None)


def _list(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items)


def _durations(durations: Sequence[int]) -> str:
    if len(durations) == 3:
        return f"{durations[0]}, {durations[1]} or {durations[2]}"
    if len(durations) > 3:
        return f"{durations[0]} to {durations[-1]}"
    return " or ".join(str(duration) for duration in durations)
