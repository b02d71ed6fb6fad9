"""The command `wan-video mcp`, which serves the Model Context Protocol to agents."""

from __future__ import annotations

from wan_video_cli import options
from wan_video_cli.commands import App
from wan_video_cli.errors import NotUsable

app = App()


@app.command("mcp", rich_help_panel="Agents")
def mcp_(profile: options.ProfileOption = None, api_url: options.ApiUrlOption = None) -> None:
    """Serve the Model Context Protocol to an agent, on standard input and output."""
    try:
        from wan_video_cli.mcp_server import build
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        remedy = "Install the extra: `pipx install '.[mcp]'` in a checkout."
        raise NotUsable("The package `mcp` is not installed.", remedy) from None
    # A wrong setting is reported now, on standard error, and not by the agent's first call.
    with options.open_api(profile, api_url) as api:
        account = profile or api.url
    build(lambda: options.open_api(profile, api_url), account).run("stdio")
