"""All routes of the API."""

from functions.api import account, batches, console, content, dashscope, videos
from functions.api.app import App
from wan_video.services.authorize import Authorize
from wan_video.services.batch_api import BatchApi
from wan_video.services.dashscope import DashScope


def resolver(face: DashScope, batch_api: BatchApi, authorize: Authorize) -> App:
    """The native routes over an `Api` and a `BatchApi`, and DashScope's over the `face` it has for them."""
    app = App()
    videos.add_routes(app, face.api)
    content.add_routes(app, face.api)
    batches.add_routes(app, batch_api)
    console.add_routes(app, face.api, batch_api)
    account.add_routes(app, face.api)
    dashscope.add_routes(app, face, authorize)
    app.answer_other_methods()
    return app
