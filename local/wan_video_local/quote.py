"""Estimate what requests would cost at the real service, before anything is started."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from wan_video.domain.endpoints import Endpoints
from wan_video.domain.image import FIRST_FRAME, LAST_FRAME, MAX_HEADER_BYTES, BadImage, Image, read_header
from wan_video.domain.models import Region, Size
from wan_video.domain.price import Estimate
from wan_video.domain.prompt_file import Row
from wan_video.domain.request import Defaults, VideoFields, validate
from wan_video.errors import InvalidRequest, Problem
from wan_video.wire.images import IMAGE_FIELDS, references_of
from wan_video_local.stack import SIMULATED_WORKSPACE


def quote(
    template: Path, request: Mapping[str, str | int], regions: Sequence[str], workspace: str = SIMULATED_WORKSPACE
) -> Estimate:
    """Price a request with the template's defaults for these regions, the first one being the default.

    Raises wan_video.errors.InvalidRequest.
    """
    fields: dict[str, Any] = {name: value for name, value in request.items() if name not in IMAGE_FIELDS}
    references = references_of(*(None if (value := request.get(name)) is None else str(value) for name in IMAGE_FIELDS))
    images = {name: _image(name, reference.content or b"") for name, reference in references.by_field.items()}
    wanted = VideoFields(**fields, first_frame=images.get(FIRST_FRAME), last_frame=images.get(LAST_FRAME))
    return validate(wanted, _defaults(template, regions, workspace), lambda: 0)[1]


def _image(name: str, content: bytes) -> Image:
    """Return an image with what its header says. Raises wan_video.errors.InvalidRequest."""
    try:
        return Image.stored("", "", read_header(content[:MAX_HEADER_BYTES], len(content)))
    except BadImage as error:
        raise InvalidRequest([Problem(f"/{name}", str(error))]) from None


def quote_rows(
    template: Path, rows: Iterable[Row], regions: Sequence[str], workspace: str = SIMULATED_WORKSPACE
) -> Estimate:
    """Price all rows of a prompt file that the stack would accept.

    Raises wan_video.errors.InvalidRequest, with the first row's reason, if it would accept none.
    """
    defaults = _defaults(template, regions, workspace)
    prices: list[Estimate] = []
    refusals: list[InvalidRequest] = []
    for row in rows:
        try:
            if row.fields is None:
                raise InvalidRequest(row.problems)
            prices.append(validate(row.fields, defaults, lambda: 0)[1])
        except InvalidRequest as refusal:
            refusals.append(refusal)
    if not prices:
        raise refusals[0]
    seconds = sum(price.seconds for price in prices)
    amounts = [price.price for price in prices if price.price is not None]
    return replace(
        prices[0],
        seconds=seconds,
        price=sum(amounts, Decimal(0)) if len(amounts) == len(prices) else None,
        unconfirmed=any(price.unconfirmed for price in prices) or None,
    )


def _defaults(template: Path, regions: Sequence[str], workspace: str) -> Defaults:
    parameters = _parameters(template.read_text())
    return Defaults(
        model=parameters["DefaultModel"]["Default"],
        size=Size.parse(parameters["DefaultSize"]["Default"]),
        seconds=parameters["DefaultSeconds"]["Default"],
        region=Region(regions[0]),
        regions=[Region(region) for region in regions],
        endpoints=Endpoints(workspace=workspace),
    )


@lru_cache(maxsize=1)
def _parameters(template: str) -> Any:
    """Return the parameters of a template; to parse it takes a quarter of a second."""
    return yaml_parse(template)["Parameters"]
