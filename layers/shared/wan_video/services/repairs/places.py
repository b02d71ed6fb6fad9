"""The repair of places that their video does not hold, and of wrong counts of places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from wan_video.services.repairs import Mended, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wan_video.domain.pool import Pool
    from wan_video.ports.pools import Pools
    from wan_video.ports.videos import Videos


@dataclass(frozen=True)
class LeakedPlaces:
    """A repair that frees places whose video does not exist or does not hold them, and corrects the counts.

    It looks at the pools `names`. A pool's count is the number of its places, because one transaction writes both.
    However, a table that was restored from a backup can contain only a part of a transaction.
    """

    videos: Videos
    pools: Pools
    names: Sequence[str]

    def __call__(self) -> Iterator[Step]:
        """Look at every place that is taken; yield a step for each that must be freed, and for each wrong count."""
        for name in self.names:
            (pool,) = self.pools.read([name])
            taken = sorted(pool.running)
            rows = self.videos.get_many(taken)
            for video_id in taken:
                row = rows.get(video_id)
                if row is None or row.place != pool.name:
                    yield partial(self._give_back, pool.name, video_id)
            if pool.taken != len(pool.places):
                yield partial(self._recount, pool)

    def _give_back(self, pool: str, video_id: str) -> Mended | None:
        # The place and the row of a start are written together, but a read in between can see only one of them.
        row = self.videos.get_many([video_id]).get(video_id)
        if row is not None and row.place == pool:
            return None
        self.pools.give_back(pool, video_id)
        return Mended("place_given_back", video_id)

    def _recount(self, seen: Pool) -> Mended | None:
        (pool,) = self.pools.read([seen.name])
        # A transaction that is only partly visible looks the same, but not in two consecutive reads.
        if (pool.changes, pool.taken, len(pool.places)) != (seen.changes, seen.taken, len(seen.places)):
            return None
        self.pools.recount(pool)
        return Mended("places_recounted", pool.name)
