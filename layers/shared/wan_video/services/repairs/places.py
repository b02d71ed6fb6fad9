"""Places that are held for videos which have no claim to them any more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from wan_video.services.repairs import Mended, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from wan_video.ports.pools import Pools
    from wan_video.ports.videos import Videos


@dataclass(frozen=True)
class LeakedPlaces:
    """Gives back the places of the pools `names` whose video is gone, or does not hold them."""

    videos: Videos
    pools: Pools
    names: Collection[str]

    def __call__(self) -> Iterator[Step]:
        """Look at every place that is taken."""
        for name in self.names:
            for pool in self.pools.read([name]):
                rows = self.videos.get_many(pool.running)
                for video_id in pool.running:
                    row = rows.get(video_id)
                    if row is None or row.place != pool.name:
                        yield partial(self._give_back, pool.name, video_id)

    def _give_back(self, pool: str, video_id: str) -> Mended:
        self.pools.give_back(pool, video_id)
        return Mended("place_given_back", video_id)
