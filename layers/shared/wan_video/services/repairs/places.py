"""Places that are held for videos which have no claim to them any more."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wan_video.services.repairs import Mended

if TYPE_CHECKING:
    from wan_video.ports.pools import Pools
    from wan_video.ports.videos import Videos


@dataclass(frozen=True)
class LeakedPlaces:
    """Gives back the places of the pools `names` whose video is gone, or does not hold them."""

    videos: Videos
    pools: Pools
    names: Collection[str]

    def __call__(self) -> Iterator[Mended]:
        """Look at every place that is taken."""
        for pool in self.pools.read(self.names):
            rows = self.videos.get_many(pool.running)
            for video_id in pool.running:
                row = rows.get(video_id)
                if row is None or row.place != pool.name:
                    self.pools.give_back(pool.name, video_id)
                    yield Mended("place_given_back", video_id)
