"""Models that Wan retires: it announces a time, after which it refuses to make videos with them.

Source: Model Studio, "List models" (`inference_offline_info`) and "Model retirement".
"""

from __future__ import annotations

from datetime import datetime

from wan_simulator.clock import WAN_ZONE
from wan_video.domain.models import Region


class Retirements:
    """When models go offline, by region and model, in epoch seconds of the clock."""

    def __init__(self) -> None:
        self._times: dict[tuple[Region, str], float] = {}

    def announce(self, region: Region, model: str, offline_time: float | None) -> None:
        """Announce when a model goes offline in a region, or with None that it stays."""
        if offline_time is None:
            self._times.pop((region, model), None)
        else:
            self._times[region, model] = offline_time

    def is_offline(self, region: Region, model: str, now: float) -> bool:
        """Return whether the model is offline at `now`."""
        return now >= self._times.get((region, model), float("inf"))

    def shown(self, region: Region, model: str) -> dict[str, str] | None:
        """Return what the list of models says: the time in UTC+8, or None if nothing is announced."""
        moment = self._times.get((region, model))
        if moment is None:
            return None
        return {"offline_time": datetime.fromtimestamp(moment, WAN_ZONE).strftime("%Y-%m-%d %H:%M:%S")}
