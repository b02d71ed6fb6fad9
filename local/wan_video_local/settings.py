"""The settings of a run, read from the environment, into which `make` puts them without a shell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wan_video.domain.models import Region
from wan_video.wire.images import data_url_of

REAL_REGIONS = tuple(str(region) for region in Region)
QUICK = 20.0
MAX_IMAGE_BYTES = 2_000_000
"""The largest image of a run: two of them fit into one request."""

DEFAULT_PROMPT = "a fox in a trench coat reads a case file"


class SettingError(Exception):
    """Raised when a variable has an invalid value; the message names both and says what is valid."""


@dataclass(frozen=True)
class Settings:
    """The settings of one run; an empty `wan` means the simulator."""

    file: Path | None
    """The prompt file to upload; None to send one request through the API."""
    request: Mapping[str, str | int] = field(repr=False)
    """The body of POST /v1/videos, or the settings beside the prompt of a `.txt` file."""
    speed: float
    wan: str
    wan_key: str = field(repr=False)
    workspace: str
    """The id of the workspace at the real service; empty for none."""
    confirmed: bool


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the variables that `make` lists, and DASHSCOPE_API_KEY; an empty one is not given.

    Raises SettingError. The API validates the request itself.
    """
    given = {name: value for name, value in environment.items() if value}
    file = Path(given["FILE"]).expanduser() if "FILE" in given else None
    if file and "PROMPT" in given:
        raise SettingError("PROMPT and FILE exclude each other: the file contains the prompts.")
    request = _request(given, file)
    if file and request and file.suffix.lower() != ".txt":
        raise SettingError(f"{file.name} holds the settings of its prompts; only a .txt takes them from variables.")
    wan = given.get("WAN", "")
    if wan and wan not in REAL_REGIONS:
        raise SettingError(f"WAN={wan} is not a region of the real service; use WAN={' or WAN='.join(REAL_REGIONS)}.")
    if wan and "DASHSCOPE_API_KEY" not in given:
        raise SettingError(f"WAN={wan} calls the real service and needs its key in DASHSCOPE_API_KEY.")
    if "WORKSPACE" in given and not wan:
        raise SettingError("WORKSPACE names a workspace of the real service; give WAN as well, or omit it.")
    speed = _speed(given.get("SPEED", "1" if wan else str(QUICK)))
    if wan and speed != 1:
        raise SettingError(f"The real service runs in real time: omit SPEED={speed:g} with WAN={wan}.")
    return Settings(
        file=file,
        request=request,
        speed=speed,
        wan=wan,
        wan_key=given["DASHSCOPE_API_KEY"] if wan else "",
        workspace=given.get("WORKSPACE", ""),
        confirmed=given.get("CONFIRM") == "yes",
    )


def _request(given: Mapping[str, str], file: Path | None) -> dict[str, str | int]:
    """Return the fields of the request that the variables describe. Raises SettingError."""
    request: dict[str, str | int] = {} if file else {"prompt": given.get("PROMPT", DEFAULT_PROMPT)}
    for variable in ("MODEL", "SIZE", "RESOLUTION", "ASPECT_RATIO", "NEGATIVE_PROMPT"):
        if variable in given:
            request[variable.lower()] = given[variable]
    if "AUDIO" in given:
        request["audio"] = _switch("AUDIO", given["AUDIO"])
    for variable, name in (("IMAGE", "input_reference"), ("LAST_IMAGE", "last_frame")):
        if variable in given:
            request[name] = _data_url(variable, Path(given[variable]).expanduser())
    for variable, name in (("DURATION", "seconds"), ("SEED", "seed")):
        if variable in given:
            request[name] = _whole_number(variable, given[variable])
    return request


def _data_url(variable: str, path: Path) -> str:
    """Return an image as the API receives it; a larger one would need an upload."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        raise SettingError(f"{variable}={path} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_IMAGE_BYTES:
        raise SettingError(
            f"{variable}={path} has more than {MAX_IMAGE_BYTES:,} bytes; use wan-video for large images."
        )
    return data_url_of(content)


def _whole_number(variable: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"{variable}={text} is not a whole number.") from None


def _switch(variable: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise SettingError(f"{variable}={text} is neither true nor false.")
    return text == "true"


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 100:
        raise SettingError(f"SPEED={text} is not a number from 1 (real time) to 100.")
    return speed
