"""The services behind `functions/api`: one for each of its modules, and two more for videos.

functions/api     services/api
videos            new_videos (create, import, make again), own_videos (show, list, cancel, delete), documents
batches           batches
content           content
inputs            images, which also reads the images of new videos
account           account
dashscope         dashscope, which creates and reads videos through new_videos and own_videos
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.services.api.account import Account
    from wan_video.services.api.batches import OwnBatches
    from wan_video.services.api.content import Content
    from wan_video.services.api.dashscope import DashScope
    from wan_video.services.api.documents import VideoDocuments
    from wan_video.services.api.images import Images
    from wan_video.services.api.new_videos import NewVideos
    from wan_video.services.api.own_videos import OwnVideos
    from wan_video.services.api.webhooks import OwnWebhooks


@dataclass(frozen=True)
class Api:
    """All services that the routes of the API call, each created with the first request that needs it."""

    new_videos: Callable[[], NewVideos]
    own_videos: Callable[[], OwnVideos]
    documents: Callable[[], VideoDocuments]
    content: Callable[[], Content]
    account: Callable[[], Account]
    batches: Callable[[], OwnBatches]
    images: Callable[[], Images]
    dashscope: Callable[[], DashScope]
    webhooks: Callable[[], OwnWebhooks]
