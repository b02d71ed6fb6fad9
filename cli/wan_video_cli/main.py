"""The `wan-video` command: its verbs, and how its errors are told."""

from __future__ import annotations

import typer

from wan_video_cli import token

app = typer.Typer(
    name="wan-video",
    help="Work with a Wan Video stack.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(token.app, name="token")


@app.callback()
def root() -> None:
    """Work with a Wan Video stack."""
