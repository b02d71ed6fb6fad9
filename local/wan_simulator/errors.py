"""Wan's documented error codes as a table, and the refusal that carries one to the caller.

Source: Alibaba Cloud Model Studio, "Error codes" (2026). A code is defined once, here; everything else names it.
`GatewayTimeout.InputDownload` is known from a third party, without its status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One documented code: its HTTP status, the message Wan usually sends with it, and its other messages."""

    code: str
    status: int
    message: str
    others: tuple[str, ...] = ()

    @property
    def messages(self) -> tuple[str, ...]:
        """Every documented message, the usual one first."""
        return (self.message, *self.others)


_INTERNAL = "An internal error has occured, please try again later or contact service support."
_OUT_OF_QUOTA = "Allocated quota exceeded, please increase your quota limit."
_NOT_AVAILABLE = "Model is unavailable, please try again later."
_OVERLOADED = (
    "Too many requests. Your requests are being throttled due to system capacity limits. Please try again later."
)

_NOT_DOWNLOADED = "Unable to download the media resource during the data inspection process."
_DOWNLOAD_TIMED_OUT = "Download the media resource timed out during the data inspection process."

_NOT_AN_IMAGE_URL = (
    "The request URL is invalid, please check the request URL is available and the request image format is one of the "
    "following types: JPEG, JPG, PNG, BMP, and WEBP."
)

_ROWS: Final = (
    ErrorCode(
        "InvalidParameter",
        400,
        "Required body invalid, please check the request body format.",
        (
            "Required parameter(xxx) missing or invalid, please check the request parameters.",
            "Field required: xxx",
            "the parameters must conform to the specification: xxx.",
            "The type or value of {parameter} is out of definition.",
            "Model not exist.",
            "url error, please check url！",
            "Request method 'GET' is not supported.",
            "Failed to download multimodal content.",
            _DOWNLOAD_TIMED_OUT,
            _NOT_DOWNLOADED,
            "Failed to find the requested media resource during the data inspection process.",
            "Don't have authorization to access the media resource during the data inspection process.",
            "The media format is not supported or incorrect for the data inspection.",
            "The image size is not supported for the data inspection.",
            "the size of input image is too small or too large.",
            "Image format error",
            "Invalid video file.",
        ),
    ),
    ErrorCode("InvalidParameter.DataInspection", 400, _NOT_DOWNLOADED, (_DOWNLOAD_TIMED_OUT,)),
    ErrorCode(
        "InvalidURL",
        400,
        "Required URL is missing or invalid, please check the request URL.",
        (
            "The input audio is longer than xxs.",
            "File size is larger than 15MB.",
            "File type is not supported. Allowed types are: .wav, .mp3.",
            "Invalid URL provided in your request.",
            _NOT_AN_IMAGE_URL,
        ),
    ),
    ErrorCode("InvalidURL.ConnectionRefused", 400, "Connection to xxx refused, please provide available URL."),
    ErrorCode("InvalidURL.Timeout", 400, "Download xxx timeout, please check network connection."),
    ErrorCode("InvalidFile.Size", 400, "Invalid file size. The video/audio/image file size must be less than xxxMB."),
    ErrorCode("InvalidFile.Duration", 400, "Invalid file duration. The file duration must be xxx s ~ yyy s."),
    ErrorCode("InvalidFile.Resolution", 400, "Invalid file resolution."),
    ErrorCode("InvalidFile.AspectRatio", 400, "Invalid file aspect ratio."),
    ErrorCode("InvalidFile.Format", 400, "Invalid file format."),
    ErrorCode("InvalidFile.Openerror", 400, "Invalid file, it cannot be opened."),
    ErrorCode("InvalidFile.ImageSize", 400, "Invalid image size."),
    ErrorCode("InvalidFile.FPS", 400, "Invalid file frame rate."),
    ErrorCode("InvalidImage.FileFormat", 400, "Invalid image file format."),
    ErrorCode("InvalidImage.ImageSize", 400, "Invalid image size."),
    ErrorCode("InvalidImageResolution", 400, "Invalid image resolution."),
    ErrorCode("InvalidImageFormat", 400, "Invalid image format."),
    ErrorCode(
        "DataInspectionFailed",
        400,
        "Input data may contain inappropriate content.",
        (
            "Output data may contain inappropriate content.",
            "Input or output data may contain inappropriate content.",
            "Input xxx data may contain inappropriate content.",
        ),
    ),
    ErrorCode("IPInfringementSuspect", 400, "Input data is suspected of being involved in IP infringement."),
    ErrorCode("Arrearage", 400, "Access denied, please make sure your account is in good standing."),
    ErrorCode("BadRequest.EmptyInput", 400, "Required input parameter missing from request."),
    ErrorCode("BadRequest.EmptyParameters", 400, 'Required parameter "parameters" missing from request.'),
    ErrorCode("BadRequest.EmptyModel", 400, 'Required parameter "model" missing from request.'),
    ErrorCode("BadRequest.IllegalInput", 400, "The input parameter requires json format."),
    ErrorCode(
        "UnsupportedOperation", 400, "Failed to cancel the task, please confirm if the task is in PENDING status."
    ),
    ErrorCode("BadRequest.TooLarge", 400, "Payload Too Large."),
    ErrorCode("BadRequest.InputDownloadFailed", 400, "Failed to download the input."),
    ErrorCode("InvalidApiKey", 401, "Invalid API-key provided.", ("No API-key provided.",)),
    ErrorCode("NOT AUTHORIZED", 401, "Access denied: either you are not authorized or the workspace does not exist."),
    ErrorCode(
        "AccessDenied",
        403,
        "Access denied.",
        (
            "current user api does not support synchronous calls.",
            "Current user api does not support asynchronous calls.",
        ),
    ),
    ErrorCode(
        "AccessDenied.Unpurchased",
        403,
        "Access to model denied. Please make sure you are eligible for using the model.",
    ),
    ErrorCode("Model.AccessDenied", 403, "Model access denied."),
    ErrorCode("Workspace.AccessDenied", 403, "Workspace access denied."),
    ErrorCode("Endpoint.AccessDenied", 403, "Workspace endpoint access denied."),
    ErrorCode("AllocationQuota.FreeTierOnly", 403, "The free tier of the model has been exhausted."),
    ErrorCode("ModelNotFound", 404, "Model can not be found.", ("The model xxx does not exist.",)),
    ErrorCode("WorkSpaceNotFound", 404, "WorkSpace can not be found."),
    ErrorCode("NotFound", 404, "Not found!"),
    ErrorCode(
        "Throttling",
        429,
        "Requests throttling triggered.",
        ("Too many requests in route. Please try again later.",),
    ),
    ErrorCode(
        "Throttling.RateQuota",
        429,
        "Requests rate limit exceeded, please try again later.",
        ("You have exceeded your request limit.",),
    ),
    ErrorCode("Throttling.Concurrency", 429, "Too many concurrent requests."),
    ErrorCode("Throttling.BurstRate", 429, "Request rate increased too quickly. Please try again later."),
    ErrorCode("Throttling.AllocationQuota", 429, _OUT_OF_QUOTA, ("Free allocated quota exceeded.",)),
    ErrorCode("PrepaidBillOverdue", 429, "The prepaid bill is overdue."),
    ErrorCode("PostpaidBillOverdue", 429, "The postpaid bill is overdue."),
    ErrorCode("CommodityNotPurchased", 429, "Commodity has not purchased yet."),
    ErrorCode("InternalError", 500, _INTERNAL, ("Internal server error!",)),
    ErrorCode("InternalError.Algo", 500, "inference internal error."),
    ErrorCode("InternalError.Upload", 500, "Failed to upload result."),
    ErrorCode("InternalError.FileUpload", 500, "oss upload error."),
    ErrorCode(
        "InternalError.Timeout",
        500,
        "An internal timeout error has occured during execution, please try again later or contact service support.",
    ),
    ErrorCode("SystemError", 500, "An system error has occured, please try again later."),
    ErrorCode("ModelServiceFailed", 500, "Failed to request model service."),
    ErrorCode("RequestTimeOut", 500, "Request timed out, please try again later."),
    ErrorCode("RewriteFailed", 500, "Failed to rewrite content for prompt."),
    ErrorCode("ModelServingError", 503, _OVERLOADED),
    ErrorCode("ModelUnavailable", 503, _NOT_AVAILABLE),
    ErrorCode("GatewayTimeout.InputDownload", 504, "Downloading the input timed out."),
)

ERROR_CODES: Final[Mapping[str, ErrorCode]] = MappingProxyType({row.code: row for row in _ROWS})
"""Every documented code by its name."""


class RefusalError(Exception):
    """Raised for a call that Wan answers with an error; carries the documented code, its status and a message."""

    def __init__(self, code: str, message: str | None = None) -> None:
        row = ERROR_CODES[code]
        super().__init__(message or row.message)
        self.code = row.code
        self.status = row.status
        self.message = message or row.message


def documented(name: str) -> RefusalError:
    """Return the refusal of a code, with its usual message; `<code>/<n>` gives its n-th message, counted from 1.

    Raises KeyError for what Wan does not document.
    """
    code, _, number = name.partition("/")
    messages = ERROR_CODES[code].messages
    if number and not (number.isascii() and number.isdigit() and 1 <= int(number) <= len(messages)):
        raise KeyError(name)
    return RefusalError(code, messages[int(number) - 1] if number else None)
