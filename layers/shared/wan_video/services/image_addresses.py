"""What Wan receives for the images of a submission, made right before the submission.

A small image is sent as a data URL, so that Wan needs no access to the stack. A larger one is sent as a link of an
hour to the inputs bucket. However long a video waits in the stack, its link is new.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wan_video.domain.image import (
    FILE_IMAGES,
    MAX_HEADER_BYTES,
    MAX_IMAGE_BYTES,
    NO_ADDRESSES,
    BadImage,
    ImageAddresses,
    file_image_key,
    image_problem,
    read_header,
)
from wan_video.domain.models import MODELS
from wan_video.domain.names import fetched_key
from wan_video.errors import ImageRefused, ImageUnavailable

if TYPE_CHECKING:
    from wan_video.domain.image import Image, ImageFormat
    from wan_video.domain.request import VideoRequest
    from wan_video.ports.images import Inputs, WebImages

DATA_URL_BYTES: Final = 7_000_000
"""The largest image that is sent as a data URL (Model Studio, "Error codes": less than 7 MB before base64)."""

LINK_SECONDS: Final = 3600
FETCH_SECONDS: Final = 10.0

GONE: Final = (
    "The image of this video is no longer stored, so nothing was submitted; create a new video with the image."
)

NO_OBJECT: Final = "The prompts bucket does not contain the image that the prompt file names, so nothing was submitted."
NOT_IN_PROMPTS_BUCKET: Final = f"An s3:// name must be below {FILE_IMAGES} in the stack's prompts bucket."


@dataclass(frozen=True)
class AddressImages:
    """The service that makes the addresses of a request's images.

    `files` is the prompts bucket, whose name is `bucket`; prompt files can name images in it.
    """

    inputs: Inputs
    web: WebImages
    files: Inputs
    bucket: str

    def __call__(self, request: VideoRequest) -> ImageAddresses:
        """Return the addresses. Raises ImageRefused if an image is gone or cannot be used."""
        return ImageAddresses(
            first_frame=self._address(request.first_frame, request.model),
            last_frame=self._address(request.last_frame, request.model),
        )

    def _address(self, image: Image | None, model: str) -> str | None:
        if image is None:
            return None
        if image.is_at_wan:
            return image.source
        if image.is_in_prompts_bucket:
            return self._of_object(image.source, model)
        return self._of_input(image) if image.is_input else self._of_url(image.source, model)

    def _of_input(self, image: Image) -> str:
        if image.bytes is None or image.format is None:
            raise ImageRefused("image_gone", GONE)
        if image.bytes > DATA_URL_BYTES:
            if not self.inputs.exists(image.source):
                raise ImageRefused("image_gone", GONE)
            # Wan requires the right content type (Model Studio, "Error codes"); that of an upload can be anything.
            return self.inputs.link(image.source, LINK_SECONDS, f"image/{image.format}")
        try:
            content = self.inputs.read(image.source, DATA_URL_BYTES)
        except BadImage:
            content = None
        # Its owner can delete an input and upload another file, which was never checked.
        if content is None or hashlib.sha256(content).hexdigest() != image.digest:
            raise ImageRefused("image_gone", GONE)
        return _data_url(content, image.format)

    def _of_url(self, url: str, model: str) -> str:
        """Return the address of an image that a prompt file names; it is fetched and checked now."""
        try:
            content = self.web.fetch(url, FETCH_SECONDS)
        except ImageUnavailable as error:
            raise ImageRefused(error.code, error.message, temporary=error.temporary) from None
        image_format = _format_for(content, model)
        if len(content) <= DATA_URL_BYTES:
            return _data_url(content, image_format)
        # The URL could serve another image, or nothing, when Wan starts the task.
        key, content_type = fetched_key(hashlib.sha256(content).hexdigest()), f"image/{image_format}"
        self.inputs.put(key, content, content_type)
        return self.inputs.link(key, LINK_SECONDS, content_type)

    def _of_object(self, source: str, model: str) -> str:
        """Return the address of an image in the prompts bucket; it is read and checked now."""
        key = file_image_key(source, self.bucket)
        if key is None:
            raise ImageRefused("image_unusable", NOT_IN_PROMPTS_BUCKET)
        try:
            content = self.files.read(key, MAX_IMAGE_BYTES)
        except BadImage as error:
            raise ImageRefused("image_unusable", str(error)) from None
        if content is None:
            raise ImageRefused("image_gone", NO_OBJECT)
        image_format = _format_for(content, model)
        if len(content) > DATA_URL_BYTES:
            return self.files.link(key, LINK_SECONDS, f"image/{image_format}")
        return _data_url(content, image_format)


def _format_for(content: bytes, model: str) -> ImageFormat:
    """Return the format of an image that the model accepts. Raises ImageRefused for any other image."""
    try:
        header = read_header(content[:MAX_HEADER_BYTES], len(content))
    except BadImage as error:
        raise ImageRefused("image_unusable", str(error)) from None
    limits = MODELS[model].images
    if limits is not None and (problem := image_problem(header, limits, model)):
        raise ImageRefused("image_unusable", problem)
    return header.format


def text_only(request: VideoRequest) -> ImageAddresses:
    """Return the addresses of a request without images. Raises ImageRefused for any other."""
    if request.images:
        raise ImageRefused("image_unusable", "This submitter sends requests without images only.")
    return NO_ADDRESSES


def _data_url(content: bytes, image_format: ImageFormat) -> str:
    return f"data:image/{image_format};base64,{base64.b64encode(content).decode()}"
