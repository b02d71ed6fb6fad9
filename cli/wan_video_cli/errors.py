"""The errors of all commands, each with its exit code and a remedy.

CommandError
├── VideoNotMade     1    the video, or one of the batch, failed, was cancelled or expired
├── NotUsable        2    what was typed, set or found on this machine cannot be used
├── Refused          3    the API or AWS refused the request
├── Unreachable      4    there was no usable answer
├── StillUnderWay    5    `--timeout` has passed; the video continues
└── Interrupted    130    Ctrl-C; the video continues
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from http import HTTPStatus
from typing import Any


class ExitCode(IntEnum):
    """The exit codes; 1 also means that a check of `doctor` failed."""

    OK = 0
    VIDEO_NOT_MADE = 1
    CHECK_FAILED = 1
    NOT_USABLE = 2
    REFUSED = 3
    UNREACHABLE = 4
    STILL_UNDER_WAY = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """The base of all errors: `what` happened and the `remedy`; `--json` prints `document` instead of both."""

    exit_code: ExitCode
    code: str

    def __init__(self, what: str, remedy: str = "", *, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self._document = document

    @property
    def document(self) -> Mapping[str, Any]:
        """Return the JSON document: the video as it was last read, or else the error."""
        if self._document is not None:
            return self._document
        return {"error": {"code": self.code, "message": self.what, "remedy": self.remedy or None}}


class VideoNotMade(CommandError):
    """Raised when a video has ended without content, or a batch not all of whose requests became videos."""

    exit_code = ExitCode.VIDEO_NOT_MADE
    code = "video_not_made"


class NotUsable(CommandError):
    """Raised when what was typed, set or found on this machine cannot be used."""

    exit_code = ExitCode.NOT_USABLE
    code = "not_usable"


class Refused(CommandError):
    """Raised when the API or AWS refuses; `status` is the HTTP status, `code` the API's error code."""

    exit_code = ExitCode.REFUSED

    def __init__(
        self, what: str, remedy: str = "", *, status: int = 0, code: str = "refused", details: Sequence[str] = ()
    ) -> None:
        super().__init__(what, remedy)
        self.status = status
        self.code = code
        self.details = tuple(details)

    @property
    def passing(self) -> bool:
        """Return whether the same request may succeed a little later."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    @property
    def document(self) -> Mapping[str, Any]:
        error = dict(super().document["error"])
        return {"error": {**error, "status": self.status or None, "details": list(self.details)}}


class Unreachable(CommandError):
    """Raised when there was no usable answer: no connection, a time-out, or a server that is not working."""

    exit_code = ExitCode.UNREACHABLE
    code = "unreachable"


class StillUnderWay(CommandError):
    """Raised when a wait has ended before the video has."""

    exit_code = ExitCode.STILL_UNDER_WAY
    code = "still_under_way"


class Interrupted(CommandError):
    """Raised when the user has stopped a wait."""

    exit_code = ExitCode.INTERRUPTED
    code = "interrupted"
