"""All routes of the API, in groups that are imported and created with the first request for one of their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from functions.api.app import App

if TYPE_CHECKING:
    from collections.abc import Callable

    from wan_video.services.api import Api
    from wan_video.services.authorize import Authorize


def resolver(api: Api, authorize: Callable[[], Authorize]) -> App:
    """Return the resolver of all routes.

    `authorize` returns the service for DashScope's routes, which API Gateway does not authorize.
    """
    app = App()

    def videos() -> None:
        from functions.api import content, videos

        videos.add_routes(app, api.new_videos(), api.own_videos(), api.documents())
        content.add_routes(app, api.content())

    def inputs() -> None:
        from functions.api import inputs

        inputs.add_routes(app, api.images())

    def batches() -> None:
        from functions.api import batches

        batches.add_routes(app, api.batches())

    def console() -> None:
        from functions.api import console

        console.add_routes(app, api.content(), api.batches(), api.images())

    def account() -> None:
        from functions.api import account

        account.add_routes(app, api.account())

    def webhooks() -> None:
        from functions.api import webhooks

        webhooks.add_routes(app, api.webhooks())

    def dashscope() -> None:
        from functions.api import dashscope

        dashscope.add_routes(app, api.dashscope(), api.content(), authorize())

    app.add_group(videos, "/v1/videos")
    app.add_group(inputs, "/v1/inputs")
    app.add_group(batches, "/v1/batches")
    app.add_group(console, "/", "/console")
    app.add_group(account, "/v1/models", "/v1/usage", "/healthz", "/openapi.json")
    app.add_group(webhooks, "/v1/webhook_endpoints")
    app.add_group(dashscope, "/api/v1", "/files")
    return app
