"""All routes of the API."""

from functions.api import account, videos
from functions.api.app import App
from wan_video.services.api import Api


def resolver(api: Api) -> App:
    """The routes over one `Api`."""
    app = App()
    videos.add_routes(app, api)
    account.add_routes(app, api)
    app.answer_other_methods()
    return app
