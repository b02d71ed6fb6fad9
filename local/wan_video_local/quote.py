"""What a request would cost at the real service, known before anything is started."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from wan_video.domain.models import Region, Size
from wan_video.domain.price import Estimate
from wan_video.domain.request import Defaults, VideoFields, validate


def quote(template: Path, request: Mapping[str, str | int], regions: Sequence[str]) -> Estimate:
    """Price a request by the template's own defaults where these regions are configured, the first one by default.

    Raises wan_video.errors.InvalidRequest.
    """
    parameters: Any = yaml_parse(template.read_text())["Parameters"]
    defaults = Defaults(
        model=parameters["DefaultModel"]["Default"],
        size=Size.parse(parameters["DefaultSize"]["Default"]),
        seconds=parameters["DefaultSeconds"]["Default"],
        region=Region(regions[0]),
        regions=[Region(region) for region in regions],
    )
    fields: dict[str, Any] = dict(request)
    return validate(VideoFields(**fields), defaults, lambda: 0)[1]
