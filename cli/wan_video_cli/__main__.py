"""Where `wan-video` starts: nothing is imported before Ctrl-C is handled."""

import sys


def run() -> None:
    """Run the command that was typed, and exit with its code."""
    try:
        from wan_video_cli.main import app

        app(prog_name="wan-video")
    except KeyboardInterrupt:
        # As `ExitCode.INTERRUPTED`, whose module may be the one that was being imported.
        sys.exit(130)


if __name__ == "__main__":
    run()
