"""The images of a request: files of this machine, `https` URLs, and ids of inputs.

Small files travel in the request. Larger ones are uploaded first, with a link of the API.
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wan_video_cli.errors import NotUsable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wan_video_cli.api import Api

INLINE_BYTES: Final = 3_000_000
"""The bytes that the files of one request may have together to travel in it; its body may have 6 MB, in base64."""

MAX_FILE_BYTES: Final = 20 * 1024 * 1024
"""The largest image that any model accepts."""

_NAME: Final = re.compile(r"https?://.+|oss://.+|input_[0-9a-f]{32}", re.IGNORECASE)


@dataclass
class Images:
    """The images of one request, by the names of their fields.

    `files` are the contents of files, `names` what the API can read by itself, and `uploaded` the ids of new inputs.
    """

    files: dict[str, bytes] = field(default_factory=dict, repr=False)
    names: dict[str, str] = field(default_factory=dict, repr=False)
    uploaded: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, **given: str | None) -> Images:
        """Read the files that the options name, before the first request. Raises NotUsable."""
        images = cls()
        for name, text in given.items():
            if text is None:
                continue
            if _NAME.fullmatch(text):
                images.names[name] = text
            else:
                images.files[name] = _content(Path(text))
        return images

    def fields(self, api: Api) -> Mapping[str, str]:
        """Return the fields of the request; large files are uploaded. Raises what `Api` raises."""
        if sum(map(len, self.files.values())) <= INLINE_BYTES:
            return {**self.names, **{name: _data_url(content) for name, content in self.files.items()}}
        return {**self.names, **{name: self._upload(api, content) for name, content in self.files.items()}}

    def forget(self, api: Api) -> None:
        """Delete the inputs that were uploaded, after a request that stored nothing."""
        for input_id in self.uploaded:
            api.delete(f"/v1/inputs/{input_id}")

    def _upload(self, api: Api, content: bytes) -> str:
        from wan_video_cli.storage import send

        made = api.post("/v1/inputs")
        self.uploaded.append(made["id"])
        send(made["upload"], io.BytesIO(content))
        return str(made["id"])


def _content(path: Path) -> bytes:
    remedy = "Give an image: a JPEG, PNG, BMP or WEBP file, an https URL, or the id of an input."
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise NotUsable(f"{path} cannot be read: {error.strerror}.", remedy) from None
    if not content:
        raise NotUsable(f"{path} is empty.", remedy)
    if len(content) > MAX_FILE_BYTES:
        raise NotUsable(f"{path} has more than 20 MB, which no model accepts.", "Make the image smaller.")
    return content


def _data_url(content: bytes) -> str:
    """Return a file as a data URL; the API recognizes its type by its bytes."""
    return f"data:application/octet-stream;base64,{base64.b64encode(content).decode()}"
