"""All routes of the API."""

from functions.api import account, batches, console, content, dashscope, inputs, videos, webhooks
from functions.api.app import App
from wan_video.services.api import Api
from wan_video.services.authorize import Authorize


def resolver(api: Api, authorize: Authorize) -> App:
    """Return the resolver with all routes; `authorize` is for DashScope's, which API Gateway does not authorize."""
    app = App()
    videos.add_routes(app, api.new_videos, api.own_videos, api.documents)
    content.add_routes(app, api.content)
    inputs.add_routes(app, api.images)
    batches.add_routes(app, api.batches)
    console.add_routes(app, api.content, api.batches, api.images)
    account.add_routes(app, api.account)
    webhooks.add_routes(app, api.webhooks)
    dashscope.add_routes(app, api.dashscope, api.content, authorize)
    app.answer_other_methods()
    return app
