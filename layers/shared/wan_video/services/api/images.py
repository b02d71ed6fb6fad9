"""api: inputs, which are images that callers upload, and the images of new requests.

An image is read and checked before anything is stored, and stored before its video is: a row never names an image that
the stack has not seen. An image that a request contains is stored under the digest of its bytes, so that a repetition
of the request stores the same object again.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from wan_video.domain.image import (
    FIRST_FRAME,
    INPUT_ID,
    LAST_FRAME,
    MAX_HEADER_BYTES,
    MAX_IMAGE_BYTES,
    UPLOADED_TO_WAN,
    BadImage,
    Image,
    ImageReferences,
    read_header,
)
from wan_video.domain.names import content_input_id, input_key
from wan_video.errors import ImageUnavailable, InputNotFound, InvalidRequest, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wan_video.domain.image import ImageReference
    from wan_video.domain.request import VideoFields
    from wan_video.domain.token import Token
    from wan_video.ports.clock import Clock
    from wan_video.ports.images import ApiInputs, WebImages

UPLOAD_SECONDS: Final = 3600
"""Seconds for which the permission to upload an input lasts."""

FETCH_SECONDS: Final = 10.0
"""Seconds within which all images of one request must have been fetched from their URLs."""

GONE: Final = "The image of this video is no longer stored; create a new video with the image."


@dataclass(frozen=True, slots=True)
class NewInput:
    """An input that waits for its file: one PUT to `url`, with these headers, before `expires_at` (Unix seconds)."""

    id: str
    url: str = field(repr=False)
    headers: Mapping[str, str]
    expires_at: int


@dataclass(frozen=True, slots=True)
class ReadImages:
    """The fields of a request with images that were read, and what has to be stored before the request is.

    `contents` are new objects by key, and `kept` are the keys of objects that exist, by the names of their fields.
    """

    fields: VideoFields
    contents: Mapping[str, tuple[bytes, str]]
    kept: Mapping[str, str]


@dataclass(frozen=True)
class Images:
    """The images of callers: those that they upload, and those of their requests."""

    inputs: ApiInputs
    web: WebImages
    clock: Clock

    def create(self, caller: Token) -> NewInput:
        """Return a new input and how to upload its file. Raises Forbidden."""
        caller.require("write")
        input_id = f"input_{secrets.token_hex(16)}"
        link = self.inputs.sign(input_key(caller.owner, input_id), UPLOAD_SECONDS)
        return NewInput(input_id, link.url, link.headers, int(self.clock.real()) + UPLOAD_SECONDS)

    def delete(self, caller: Token, input_id: str) -> None:
        """Delete an input; videos that wait with its image will fail without a bill.

        An input whose file was never uploaded, and one of another owner, are the same to the stack: nothing is there
        to delete. Raises Forbidden, and InputNotFound for what is no id of an input.
        """
        caller.require("write")
        if not INPUT_ID.fullmatch(input_id):
            raise InputNotFound(input_id)
        self.inputs.delete(input_key(caller.owner, input_id))

    def upload_origin(self) -> str:
        """Return scheme and host of every link to upload an input."""
        return self.inputs.origin()

    def read(self, caller: Token, fields: VideoFields, references: ImageReferences) -> ReadImages:
        """Read the images of a request, and store nothing.

        `fields` contain the images of a request that is made again. Raises InvalidRequest with every problem.
        """
        contents: dict[str, tuple[bytes, str]] = {}
        kept: dict[str, str] = {}
        images: dict[str, Image] = {}
        problems: list[Problem] = []
        late = self.clock.real() + FETCH_SECONDS
        for name, known in ((FIRST_FRAME, fields.first_frame), (LAST_FRAME, fields.last_frame)):
            if known is not None and known.is_input:
                kept[name] = known.source
                if not self.inputs.exists(known.source):
                    problems.append(Problem(f"/{name}", GONE))
        for name, reference in references.by_field.items():
            if UPLOADED_TO_WAN.fullmatch(reference.name):
                images[name] = Image.unread(reference.name)
                continue
            try:
                content = self._content(caller, reference, late - self.clock.real())
                header = read_header(content[:MAX_HEADER_BYTES], len(content))
            except (BadImage, ImageUnavailable, InputNotFound) as error:
                problems.append(Problem(f"/{name}", str(error)))
                continue
            digest = hashlib.sha256(content).hexdigest()
            if INPUT_ID.fullmatch(reference.name):
                key = kept[name] = input_key(caller.owner, reference.name)
            else:
                key = input_key(caller.owner, content_input_id(caller.owner, digest))
                contents[key] = content, f"image/{header.format}"
            images[name] = Image.stored(key, digest, header)
        if problems:
            raise InvalidRequest(problems)
        read = replace(
            fields,
            first_frame=images.get(FIRST_FRAME, fields.first_frame),
            last_frame=images.get(LAST_FRAME, fields.last_frame),
        )
        return ReadImages(read, contents, kept)

    def store(self, read: ReadImages) -> None:
        """Store the images of a request that is about to be accepted, and let those that exist be kept for longer.

        Raises InvalidRequest if one of them was deleted in the meantime.
        """
        for key, (content, content_type) in read.contents.items():
            self.inputs.put(key, content, content_type)
        gone = [Problem(f"/{name}", GONE) for name, key in read.kept.items() if not self.inputs.renew(key)]
        if gone:
            raise InvalidRequest(gone)

    def _content(self, caller: Token, reference: ImageReference, seconds: float) -> bytes:
        """Return the bytes of an image. Raises BadImage, ImageUnavailable and InputNotFound."""
        if reference.content is not None:
            if len(reference.content) > MAX_IMAGE_BYTES:
                raise BadImage(f"The image is larger than {MAX_IMAGE_BYTES // (1024 * 1024)} MB.")
            return reference.content
        if INPUT_ID.fullmatch(reference.name):
            content = self.inputs.read(input_key(caller.owner, reference.name), MAX_IMAGE_BYTES)
            if content is None:
                raise InputNotFound(reference.name)
            return content
        return self.web.fetch(reference.name, max(seconds, 1.0))


def unread(references: ImageReferences, fields: VideoFields) -> VideoFields:
    """Return the fields of a request whose images are not read yet, so that everything else can be checked first."""
    images = {name: Image.unread(reference.digest) for name, reference in references.by_field.items()}
    return replace(
        fields,
        first_frame=images.get(FIRST_FRAME, fields.first_frame),
        last_frame=images.get(LAST_FRAME, fields.last_frame),
    )
