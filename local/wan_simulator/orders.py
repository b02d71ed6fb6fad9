"""What a create call asks for: the three body protocols, read and checked as Wan does.

Wan truncates prompts that are too long without saying so, ignores unknown fields, and finds a well-formed size that the
model does not make only when the task runs. Sources: Model Studio, "Wan text-to-video API reference" (up to 2.7) and
"Wan 3.0 API reference". What Wan 3.0 does with the fields of older models, and which ratio `adaptive` gives a video
without a picture, is not documented: here the fields are ignored, and the seed chooses the ratio.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from wan_simulator.errors import RefusalError
from wan_simulator.images import shape
from wan_simulator.media import Media, read_media
from wan_simulator.models import ADAPTIVE, MODELS, PIXELS, WanModel
from wan_video.domain.models import MAX_SEED, NEGATIVE_PROMPT_LIMIT, Region, Size

Fields = Mapping[str, Any]

_DEFAULT_SECONDS: Final = 5
_PIXELS: Final = re.compile(r"[1-9][0-9]{0,4}\*[1-9][0-9]{0,4}", re.ASCII)
_AUDIO_SCHEMES: Final = ("http://", "https://", "oss://")
_ANY: Final = -1
"""As a duration it leaves the length to Wan 3.0; as a seed it leaves the seed to it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A create call as Wan understood it, with its own defaults and choices filled in.

    `seconds` is the length of the video, for Wan 3.0 a fraction where the model chose it. `images` are the first and
    the last frame, each a URL or base64; where the first one decides the shape of the video, `size` is replaced once it
    is known. `tier` is None if the model does not make the size. `fault` is the message of what is wrong with the order
    but is found only when the task runs.
    """

    model: WanModel
    prompt: str
    negative_prompt: str
    size: Size
    tier: str | None
    seconds: float
    seed: int
    prompt_extend: bool
    watermark: bool
    shot_type: str | None
    audio: bool
    audio_url: str | None = field(repr=False)
    images: tuple[str, ...] = field(default=(), repr=False)
    shape_is_free: bool = False
    """Whether the first frame decides the shape."""
    fault: str = ""

    @property
    def makes_size(self) -> bool:
        """Whether the model makes the requested size; if not, the task fails when it runs."""
        return self.tier is not None


def parse_order(body: object, region: Region, spare_seed: int = 0) -> Order:
    """Read the JSON body of a create call in `region`; `spare_seed` is used if the order has no seed.

    Raises RefusalError with the documented code.
    """
    if not isinstance(body, dict):
        raise RefusalError("InvalidParameter")
    model = _model(body.get("model"), region)
    given = _object(body, "input", "BadRequest.EmptyInput")
    parameters = _object(body, "parameters", None)
    media = read_media(given, model)
    if model.chooses:
        return _order_of_wan3(model, given, parameters, media, spare_seed)
    size, tier = _format(parameters, model)
    audio = _flag(parameters, "audio", default=True) if model.audio_switch else model.audio
    audio_url = media.audio_url if model.audio_is_media else _audio_url(given, model)
    return Order(
        model=model,
        prompt=_prompt(given, is_optional=model.follows_image)[: model.prompt_limit],
        negative_prompt=_negative_prompt(given, parameters)[:NEGATIVE_PROMPT_LIMIT],
        size=size,
        tier=tier,
        seconds=_seconds(parameters, model),
        seed=_seed(parameters, spare_seed),
        prompt_extend=_flag(parameters, "prompt_extend", default=True),
        watermark=_flag(parameters, "watermark", default=False),
        shot_type=_shot_type(parameters, model),
        audio=audio,
        audio_url=audio_url if audio else None,
        images=media.images,
        shape_is_free=model.follows_image,
        fault=media.fault,
    )


def _order_of_wan3(model: WanModel, given: Fields, parameters: Fields, media: Media, spare_seed: int) -> Order:
    prompt = _prompt(given, is_optional=bool(given.get("media")))[: model.prompt_limit]
    seed = spare_seed if parameters.get("seed") == _ANY else _seed(parameters, spare_seed)
    choice = Random(f"{seed}\n{prompt}".encode("utf-8", "surrogatepass"))
    asked = {"ratio": ADAPTIVE} | {name: value for name, value in parameters.items() if value is not None}
    is_adaptive = asked["ratio"] == ADAPTIVE
    if is_adaptive:
        asked["ratio"] = choice.choice([ratio for ratio in model.sizes["720P"] if ratio != "21:9"])
    free = _is_integer(asked.get("duration")) and asked["duration"] == _ANY
    least, most = min(model.durations), max(model.durations)
    size = _size_by_ratio(asked, model)
    return Order(
        model=model,
        prompt=prompt,
        negative_prompt="",
        size=size,
        tier=model.tier_of(size),
        seconds=choice.randint(least * 10, most * 10) / 10 if free else float(_seconds(asked, model)),
        seed=seed,
        prompt_extend=_flag(parameters, "prompt_extend", default=True),
        watermark=_flag(parameters, "watermark", default=False),
        shot_type=None,
        audio=_flag(parameters, "audio", default=True),
        audio_url=None,
        images=media.images,
        shape_is_free=is_adaptive and bool(media.images),
        fault=media.fault,
    )


def _model(name: object, region: Region) -> WanModel:
    if name is None or name == "":
        raise RefusalError("BadRequest.EmptyModel")
    if not isinstance(name, str):
        raise _out_of_definition("model")
    model = MODELS.get(name)
    if model is None or region not in model.limits:
        raise RefusalError("ModelNotFound", f"The model {name} does not exist.")
    return model


def _object(body: Fields, name: str, code_when_missing: str | None) -> Fields:
    value = body.get(name)
    if value is None:
        if code_when_missing is None:
            return {}
        raise RefusalError(code_when_missing)
    if not isinstance(value, dict):
        raise RefusalError("BadRequest.IllegalInput")
    return value


def _prompt(given: Fields, *, is_optional: bool) -> str:
    if is_optional and given.get("prompt") in (None, ""):
        return ""
    if "prompt" not in given:
        raise RefusalError("InvalidParameter", "Field required: input.prompt")
    prompt = given["prompt"]
    if not isinstance(prompt, str):
        raise _out_of_definition("prompt")
    if not prompt.strip():
        raise RefusalError(
            "InvalidParameter",
            "Required parameter(prompt) missing or invalid, please check the request parameters.",
        )
    return prompt


def _negative_prompt(given: Fields, parameters: Fields) -> str:
    """Read it from `input` or `parameters`, because the pages disagree; the SDK sends it in `input`."""
    value = given.get("negative_prompt", parameters.get("negative_prompt"))
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _out_of_definition("negative_prompt")
    return value


def _format(parameters: Fields, model: WanModel) -> tuple[Size, str | None]:
    """Return the size and the tier that an order names; the shape of an image that decides it is not known yet."""
    if model.follows_image:
        named = _tier(parameters, model)
        return shape(PIXELS[named], Size(16, 9)), named
    size = _size(parameters, model) if model.generation <= (2, 6) else _size_by_ratio(parameters, model)
    return size, model.tier_of(size)


def _size(parameters: Fields, model: WanModel) -> Size:
    value = parameters.get("size")
    if value is None:
        return model.default_size
    if not isinstance(value, str) or not _PIXELS.fullmatch(value):
        raise _against_specification("size should be like 1280*720")
    return Size.parse(value)


def _tier(parameters: Fields, model: WanModel) -> str:
    tier = parameters.get("resolution", model.default_tier)
    if not isinstance(tier, str) or tier not in model.sizes:
        raise _against_specification(f"resolution should be one of {', '.join(model.sizes)}")
    return tier


def _size_by_ratio(parameters: Fields, model: WanModel) -> Size:
    sizes = model.sizes[_tier(parameters, model)]
    ratio = parameters.get("ratio", model.default_ratio)
    if not isinstance(ratio, str) or ratio not in sizes:
        raise _against_specification(f"ratio should be one of {', '.join(sizes)}")
    return sizes[ratio]


def _seconds(parameters: Fields, model: WanModel) -> int:
    value = parameters.get("duration", _DEFAULT_SECONDS)
    if not _is_integer(value) or value not in model.durations:
        raise _against_specification(f"duration should be one of {', '.join(map(str, model.durations))}")
    return int(value)


def _seed(parameters: Fields, spare: int) -> int:
    value = parameters.get("seed")
    if value is None:
        return spare
    if not _is_integer(value) or not 0 <= value <= MAX_SEED:
        raise _against_specification(f"seed should be in [0, {MAX_SEED}]")
    return int(value)


def _flag(parameters: Fields, name: str, *, default: bool) -> bool:
    value = parameters.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _out_of_definition(name)
    return value


def _shot_type(parameters: Fields, model: WanModel) -> str | None:
    value = parameters.get("shot_type")
    if not model.shot_types or value is None:
        return None
    if value not in model.shot_types:
        raise _out_of_definition("shot_type")
    return str(value)


def _audio_url(given: Fields, model: WanModel) -> str | None:
    value = given.get("audio_url")
    if value is None or value == "":
        return None
    if not model.audio:
        raise _out_of_definition("audio_url")
    if not isinstance(value, str) or not value.lower().startswith(_AUDIO_SCHEMES):
        raise RefusalError("InvalidURL")
    return value


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _out_of_definition(name: str) -> RefusalError:
    return RefusalError("InvalidParameter", f"The type or value of {name} is out of definition.")


def _against_specification(rule: str) -> RefusalError:
    return RefusalError("InvalidParameter", f"the parameters must conform to the specification: {rule}.")
