"""Places that are held for videos which have no claim to them any more, and counts of places that are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from wan_video.services.repairs import Mended, Step

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from wan_video.domain.pool import Pool
    from wan_video.ports.pools import Pools
    from wan_video.ports.videos import Videos


@dataclass(frozen=True)
class LeakedPlaces:
    """Gives back the places of the pools `names` whose video is gone, or does not hold them.

    A count that is not the number of its pool's places is corrected. Starts and ends write both together, but a table
    that was restored from a backup may have only a part of a transaction.
    """

    videos: Videos
    pools: Pools
    names: Collection[str]

    def __call__(self) -> Iterator[Step]:
        """Look at every place that is taken."""
        for name in self.names:
            (pool,) = self.pools.read([name])
            rows = self.videos.get_many(pool.running)
            for video_id in sorted(pool.running):
                row = rows.get(video_id)
                if row is None or row.place != pool.name:
                    yield partial(self._give_back, pool.name, video_id)
            if pool.taken != len(pool.places):
                yield partial(self._recount, pool)

    def _give_back(self, pool: str, video_id: str) -> Mended:
        self.pools.give_back(pool, video_id)
        return Mended("place_given_back", video_id)

    def _recount(self, seen: Pool) -> Mended | None:
        (pool,) = self.pools.read([seen.name])
        # A transaction of which only a part is visible yet looks the same, but not in two readings one after the other.
        if (pool.changes, pool.taken, len(pool.places)) != (seen.changes, seen.taken, len(seen.places)):
            return None
        self.pools.recount(pool)
        return Mended("places_recounted", pool.name)
