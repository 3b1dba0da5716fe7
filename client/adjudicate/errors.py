"""Every error that a user can meet, with the code it has on all three protocols.

    AdjudicateError
    ├── AdError             one ad cannot be reviewed; the others of its request are
    ├── RequestError        the whole request is refused before any ad is read
    ├── ServiceError        the service cannot answer now (a room is down, a deadline passed)
    └── ConfigurationError  a wrong setting or a missing model; said in one sentence at start-up

A code is stable: clients may switch on it. The message may change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The stable codes. An ad's code stands in its decision; a request's in the answer."""

    # one ad
    IMAGE_EMPTY = "image_empty"
    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_TRUNCATED = "image_truncated"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_MANY_PIXELS = "image_too_many_pixels"
    IMAGE_ANIMATED = "image_animated"
    IMAGE_BASE64 = "image_base64"
    URL_NOT_ALLOWED = "url_not_allowed"
    TEXT_TOO_LONG = "text_too_long"
    AD_EMPTY = "ad_empty"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_FIELD = "invalid_field"
    OUT_OF_MEMORY = "out_of_memory"
    LIBRARY_STALE = "library_stale"
    INTERNAL = "internal"
    # one request
    NO_ADS = "no_ads"
    TOO_MANY_ADS = "too_many_ads"
    REQUEST_TOO_LARGE = "request_too_large"
    MALFORMED = "malformed_request"
    NOT_FOUND = "not_found"
    MODEL_BUSY = "model_busy"
    MODEL_REFUSED = "model_refused"
    # the service
    ROOM_UNAVAILABLE = "room_unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"


@dataclass(frozen=True)
class Status:
    """How a code shows on each protocol. `grpc` is the canonical status name."""

    http: int
    grpc: str
    title: str


STATUS: dict[Code, Status] = {
    Code.IMAGE_EMPTY: Status(422, "INVALID_ARGUMENT", "The image has no bytes."),
    Code.IMAGE_UNREADABLE: Status(422, "INVALID_ARGUMENT", "The bytes are not a known image."),
    Code.IMAGE_TRUNCATED: Status(422, "INVALID_ARGUMENT", "The image ends too early."),
    Code.IMAGE_TOO_LARGE: Status(413, "INVALID_ARGUMENT", "The image has too many bytes."),
    Code.IMAGE_TOO_MANY_PIXELS: Status(413, "INVALID_ARGUMENT", "The image has too many pixels."),
    Code.IMAGE_ANIMATED: Status(415, "INVALID_ARGUMENT", "The image has more than one frame."),
    Code.IMAGE_BASE64: Status(422, "INVALID_ARGUMENT", "The image is not valid base64."),
    Code.URL_NOT_ALLOWED: Status(422, "INVALID_ARGUMENT", "Images are not fetched by URL."),
    Code.TEXT_TOO_LONG: Status(422, "INVALID_ARGUMENT", "The text is too long."),
    Code.AD_EMPTY: Status(422, "INVALID_ARGUMENT", "The ad has neither image nor text."),
    Code.UNKNOWN_FIELD: Status(422, "INVALID_ARGUMENT", "The ad has a field that is not known."),
    Code.INVALID_FIELD: Status(422, "INVALID_ARGUMENT", "A field of the ad has a wrong value."),
    Code.OUT_OF_MEMORY: Status(503, "RESOURCE_EXHAUSTED", "The model's memory is too small."),
    Code.LIBRARY_STALE: Status(503, "UNAVAILABLE", "The library lacks this encoder's embeddings."),
    Code.INTERNAL: Status(500, "INTERNAL", "The service failed on this ad."),
    Code.NO_ADS: Status(422, "INVALID_ARGUMENT", "The request has no ads."),
    Code.TOO_MANY_ADS: Status(413, "INVALID_ARGUMENT", "The request has too many ads."),
    Code.REQUEST_TOO_LARGE: Status(413, "RESOURCE_EXHAUSTED", "The request has too many bytes."),
    Code.MALFORMED: Status(400, "INVALID_ARGUMENT", "The request cannot be read."),
    Code.NOT_FOUND: Status(404, "NOT_FOUND", "There is nothing by this id."),
    Code.MODEL_BUSY: Status(409, "ABORTED", "Another model is being loaded."),
    Code.MODEL_REFUSED: Status(422, "FAILED_PRECONDITION", "The model cannot be loaded."),
    Code.ROOM_UNAVAILABLE: Status(503, "UNAVAILABLE", "A room of the service is not answering."),
    Code.DEADLINE_EXCEEDED: Status(504, "DEADLINE_EXCEEDED", "The answer took too long."),
}


class AdjudicateError(Exception):
    """The root: carries a stable `code` and a `detail` for people."""

    def __init__(self, code: Code, detail: str = "") -> None:
        self.code = code
        self.detail = detail or STATUS[code].title
        super().__init__(f"{code}: {self.detail}")

    def __reduce__(self) -> tuple[type[AdjudicateError], tuple[Code, str]]:
        return type(self), (self.code, self.detail)


class AdError(AdjudicateError):
    """One ad cannot be reviewed. It gets outcome `error`, never `approve`."""


class RequestError(AdjudicateError):
    """The request as a whole is refused; no ad of it was read."""


class ServiceError(AdjudicateError):
    """The service cannot answer now. Retrying later may succeed."""


class ConfigurationError(Exception):
    """A wrong setting or a missing model. The message is one sentence with what to do."""
