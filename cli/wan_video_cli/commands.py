"""The base of every command: flags without a type in the help, and errors as `--json` promises them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from wan_video_cli.errors import CommandError, ExitCode, NotUsable

JSON: Final = "wan_video_cli.json"
"""The key in a command's context that records whether `--json` was given."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _without_types_of_flags(params: list[Any]) -> list[Any]:
    """A flag: it takes no value, so the help shows none."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
    return params


class Command(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """The arguments and options, `--help` included."""
        return _without_types_of_flags(super().get_params(ctx))


class Group(TyperGroup):
    """A command with commands of its own."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Likewise."""
        return _without_types_of_flags(super().get_params(ctx))


class Commands(Group):
    """The whole program: every error is a sentence with a remedy and its own exit code."""

    def main(self, args: Sequence[str] | None = None, *positional: Any, **more: Any) -> Any:
        """Run the command line; in standalone mode, exit with its code."""
        for stream in (sys.stdout, sys.stderr):
            _never_fail_to_encode(stream)
        standalone = more.get("standalone_mode", True)
        if not standalone or not _wants_json(sys.argv[1:] if args is None else args):
            return super().main(args, *positional, **more)
        try:
            # Returns the exit code of a command that exits; raises the error of a wrong command line.
            code = super().main(args, *positional, **{**more, "standalone_mode": False})
        except typer.Abort:
            sys.exit(ExitCode.INTERRUPTED)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            from wan_video_cli.screen import emit, tell

            usage = NotUsable(error.format_message(), f"`{_help_of(error)}` shows what can be typed.")
            emit(usage.document)
            tell(usage)
            sys.exit(usage.exit_code)
        sys.exit(code if isinstance(code, int) else ExitCode.OK)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            from wan_video_cli.screen import emit, tell

            if ctx.meta.get(JSON):
                emit(error.document)
            tell(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(ExitCode.INTERRUPTED) from None


class App(typer.Typer):
    """A group of commands of this program."""

    def __init__(self, *, cls: type[TyperGroup] = Group, **more: Any) -> None:
        super().__init__(cls=cls, **more)

    def command(self, name: str | None = None, **more: Any) -> Callable[[_Function], _Function]:
        """Add a command, as Typer does."""
        return super().command(name, **{"cls": Command, **more})


def _never_fail_to_encode(stream: Any) -> None:
    """Escape characters that the terminal or file cannot show: a prompt may be in any script."""
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    if encoding != "utf8" and hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def _wants_json(typed: Sequence[str]) -> bool:
    """Return whether `--json` is among the options; the rest of the line may be wrong."""
    options = typed[: typed.index("--")] if "--" in typed else typed
    return "--json" in options


def _help_of(error: Any) -> str:
    """Return the help command for a wrong command line."""
    ctx = getattr(error, "ctx", None)
    return f"{ctx.command_path if ctx is not None else 'wan-video'} --help"
