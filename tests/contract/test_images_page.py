"""docs/images.md states the models that take images, and their limits, as the registry does."""

from __future__ import annotations

import re

from wan_video.domain.models import MODELS
from wan_video_local.stack import PROJECT

TEXT = (PROJECT / "docs/images.md").read_text(encoding="utf-8")


def test_the_table_of_limits_is_that_of_the_registry() -> None:
    rows = re.findall(r"^\| (`wan.+?) \| (yes|no) \| (\d+) to (\d+) pixels \| (\d+) MB \|$", TEXT, re.MULTILINE)
    documented = {
        name: (last == "yes", int(least), int(most), int(megabytes) * 2**20)
        for names, last, least, most, megabytes in rows
        for name in re.findall(r"`(.+?)`", names)
    }
    assert documented == {
        model.name: (model.last_frame, limits.least_side, limits.most_side, limits.most_bytes)
        for model in MODELS.values()
        if (limits := model.images) is not None
    }
    assert {limits.ratio for model in MODELS.values() if (limits := model.images) is not None} == {8}
