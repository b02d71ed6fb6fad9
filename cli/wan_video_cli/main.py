"""The `wan-video` command and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

from wan_video_cli import account, batches, doctor, making, mcp, token, videos, webhooks
from wan_video_cli.commands import App, Commands

app = App(
    name="wan-video",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (making, videos, account, doctor, mcp):
    app.add_typer(part.app)
app.add_typer(batches.app, name="batch", rich_help_panel=making.PANEL)
app.add_typer(webhooks.app, name="webhook", rich_help_panel=account.PANEL)
app.add_typer(token.app, name="token", rich_help_panel=account.PANEL)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"wan-video {version('wan-video')}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make videos with a Wan Video stack and download them.

    Start with `wan-video login`.
    """
