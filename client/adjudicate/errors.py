"""Every error that a user can meet, with the code it has on all three protocols.

    AdjudicateError                one of the codes below
    ├── AdError                    one ad cannot be reviewed; the others of its request are
    ├── RequestError               the whole request is refused before any ad is read
    │   ├── AuthenticationError    401  no key, or none that counts
    │   ├── ForbiddenError         403  the key does not allow this
    │   ├── NotFoundError          404  there is nothing by this id
    │   ├── ConflictError          409  something else has this place already
    │   ├── TooLargeError          413  too many ads or bytes; send fewer at a time
    │   └── RateLimitError         429  too much of it at once; `retry_after` says how long to wait
    └── ServiceError               the service cannot answer now; later it may
        ├── UnavailableError       503  nothing answers, or a room of the service is down
        │   ├── OverloadedError    503  more to do than it can; `retry_after`
        │   └── CertificateError        TLS: one side does not trust the other; no use to repeat
        └── DeadlineError          504  not answered in time
    ConfigurationError             a wrong setting or a missing model; one sentence at start-up

A code is stable: clients may switch on it, or on the class, which `fault` finds by the code. The
message may change. All can be pickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


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
    URL_UNREACHABLE = "url_unreachable"
    TEXT_TOO_LONG = "text_too_long"
    AD_EMPTY = "ad_empty"
    UNKNOWN_FIELD = "unknown_field"
    INVALID_FIELD = "invalid_field"
    OUT_OF_MEMORY = "out_of_memory"
    LIBRARY_STALE = "library_stale"
    PICTURE_NOT_KEPT = "picture_not_kept"
    INTERNAL = "internal"
    # one request
    NO_ADS = "no_ads"
    TOO_MANY_ADS = "too_many_ads"
    REQUEST_TOO_LARGE = "request_too_large"
    MALFORMED = "malformed_request"
    NOT_FOUND = "not_found"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate_limited"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    REQUEST_TIMEOUT = "request_timeout"
    IDEMPOTENCY_CONFLICT = "idempotency_conflict"
    MODEL_BUSY = "model_busy"
    MODEL_REFUSED = "model_refused"
    TOO_FEW_ADS = "too_few_ads"
    NOT_REVIEWABLE = "not_reviewable"
    QUEUE_EMPTY = "queue_empty"
    CLAIMED_ELSEWHERE = "claimed_elsewhere"
    CASE_SETTLED = "case_settled"
    OTHER_PERSON = "other_person"
    UNDO_REFUSED = "undo_refused"
    NOT_SETTLED = "not_settled"
    APPEAL_OPEN = "appeal_open"
    WEBHOOK_OFF = "webhook_off"
    # the service
    ROOM_UNAVAILABLE = "room_unavailable"
    OVERLOADED = "overloaded"
    SHUTTING_DOWN = "shutting_down"
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
    Code.URL_UNREACHABLE: Status(422, "FAILED_PRECONDITION", "The image's URL gave no image."),
    Code.TEXT_TOO_LONG: Status(422, "INVALID_ARGUMENT", "The text is too long."),
    Code.AD_EMPTY: Status(422, "INVALID_ARGUMENT", "The ad has neither image nor text."),
    Code.UNKNOWN_FIELD: Status(422, "INVALID_ARGUMENT", "The ad has a field that is not known."),
    Code.INVALID_FIELD: Status(422, "INVALID_ARGUMENT", "A field of the ad has a wrong value."),
    Code.OUT_OF_MEMORY: Status(503, "RESOURCE_EXHAUSTED", "The model's memory is too small."),
    Code.LIBRARY_STALE: Status(503, "UNAVAILABLE", "The library lacks this encoder's embeddings."),
    Code.PICTURE_NOT_KEPT: Status(503, "UNAVAILABLE", "The ad's picture could not be stored."),
    Code.INTERNAL: Status(500, "INTERNAL", "The service failed on this ad."),
    Code.NO_ADS: Status(422, "INVALID_ARGUMENT", "The request has no ads."),
    Code.TOO_MANY_ADS: Status(413, "INVALID_ARGUMENT", "The request has too many ads."),
    Code.REQUEST_TOO_LARGE: Status(413, "RESOURCE_EXHAUSTED", "The request has too many bytes."),
    Code.MALFORMED: Status(400, "INVALID_ARGUMENT", "The request cannot be read."),
    Code.NOT_FOUND: Status(404, "NOT_FOUND", "There is nothing by this id."),
    Code.UNAUTHENTICATED: Status(401, "UNAUTHENTICATED", "The request names no valid key."),
    Code.FORBIDDEN: Status(403, "PERMISSION_DENIED", "The key does not allow this."),
    Code.RATE_LIMITED: Status(429, "RESOURCE_EXHAUSTED", "The key has used up its rate."),
    Code.METHOD_NOT_ALLOWED: Status(405, "UNIMPLEMENTED", "The route has no such method."),
    Code.UNSUPPORTED_MEDIA_TYPE: Status(415, "INVALID_ARGUMENT", "The body's type is not read."),
    Code.REQUEST_TIMEOUT: Status(408, "DEADLINE_EXCEEDED", "The request came too slowly."),
    Code.IDEMPOTENCY_CONFLICT: Status(409, "ABORTED", "The key belongs to another ad."),
    Code.MODEL_BUSY: Status(409, "ABORTED", "Another model is being loaded."),
    Code.MODEL_REFUSED: Status(422, "FAILED_PRECONDITION", "The model cannot be loaded."),
    Code.TOO_FEW_ADS: Status(422, "FAILED_PRECONDITION", "The window has too few sampled ads."),
    Code.NOT_REVIEWABLE: Status(422, "FAILED_PRECONDITION", "There is nothing to uphold here."),
    Code.QUEUE_EMPTY: Status(404, "NOT_FOUND", "No case waits for this person."),
    Code.CLAIMED_ELSEWHERE: Status(409, "ABORTED", "Another person works on this case."),
    Code.CASE_SETTLED: Status(409, "FAILED_PRECONDITION", "This case has been answered."),
    Code.OTHER_PERSON: Status(409, "FAILED_PRECONDITION", "Another person has to answer this."),
    Code.UNDO_REFUSED: Status(409, "FAILED_PRECONDITION", "This answer stands."),
    Code.NOT_SETTLED: Status(409, "FAILED_PRECONDITION", "Nobody has settled this ad yet."),
    Code.APPEAL_OPEN: Status(409, "ALREADY_EXISTS", "This decision has an open appeal."),
    Code.WEBHOOK_OFF: Status(422, "FAILED_PRECONDITION", "No webhook is set."),
    Code.ROOM_UNAVAILABLE: Status(503, "UNAVAILABLE", "A room of the service is not answering."),
    Code.OVERLOADED: Status(503, "UNAVAILABLE", "The service has more to do than it can."),
    Code.SHUTTING_DOWN: Status(503, "UNAVAILABLE", "The service is being stopped."),
    Code.DEADLINE_EXCEEDED: Status(504, "DEADLINE_EXCEEDED", "The answer took too long."),
}


class AdjudicateError(Exception):
    """The root: carries a stable `code` and a `detail` for people."""

    def __init__(self, code: Code, detail: str = "", *, retry_after: float | None = None) -> None:
        """`retry_after`: seconds after which the same request may succeed, where that is known."""
        self.code = code
        self.detail = detail or STATUS[code].title
        self.retry_after = retry_after
        self.trace_id = ""
        """32 hex digits: by it the service's operators find what happened. Empty where the service
        did not say, or was not reached."""
        super().__init__(f"{code}: {self.detail}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.detail), dict(self.__dict__)


class AdError(AdjudicateError):
    """One ad cannot be reviewed. It gets outcome `error`, never `approve`."""


class RequestError(AdjudicateError):
    """The request as a whole is refused; no ad of it was read."""


class AuthenticationError(RequestError):
    """There was no key, or one that is wrong, expired or revoked."""


class ForbiddenError(RequestError):
    """The key is known and does not allow this."""


class NotFoundError(RequestError):
    """There is nothing by this id, or no such operation."""


class ConflictError(RequestError):
    """Something else has this place already."""


class TooLargeError(RequestError):
    """The request has too many ads or bytes."""


class RateLimitError(RequestError):
    """The key has used up its rate. `retry_after` says when there is more of it."""


class ServiceError(AdjudicateError):
    """The service cannot answer now. Retrying later may succeed."""


class UnavailableError(ServiceError):
    """Nothing answers there, a room is down, or the service is being stopped."""


class OverloadedError(UnavailableError):
    """The service has more to do than it can, and says so early."""


class CertificateError(UnavailableError):
    """TLS failed: the service's certificate is not trusted, or it wants one of the client's."""


class DeadlineError(ServiceError):
    """The answer did not come in time."""


class ConfigurationError(Exception):
    """A wrong setting or a missing model. The message is one sentence with what to do."""


_CLASSES: dict[Code, type[AdjudicateError]] = {
    Code.UNAUTHENTICATED: AuthenticationError,
    Code.FORBIDDEN: ForbiddenError,
    Code.NOT_FOUND: NotFoundError,
    Code.IDEMPOTENCY_CONFLICT: ConflictError,
    Code.MODEL_BUSY: ConflictError,
    Code.QUEUE_EMPTY: NotFoundError,
    Code.CLAIMED_ELSEWHERE: ConflictError,
    Code.CASE_SETTLED: ConflictError,
    Code.OTHER_PERSON: ConflictError,
    Code.UNDO_REFUSED: ConflictError,
    Code.NOT_SETTLED: ConflictError,
    Code.APPEAL_OPEN: ConflictError,
    Code.IMAGE_TOO_LARGE: TooLargeError,
    Code.IMAGE_TOO_MANY_PIXELS: TooLargeError,
    Code.TOO_MANY_ADS: TooLargeError,
    Code.REQUEST_TOO_LARGE: TooLargeError,
    Code.RATE_LIMITED: RateLimitError,
    Code.ROOM_UNAVAILABLE: UnavailableError,
    Code.SHUTTING_DOWN: UnavailableError,
    Code.OUT_OF_MEMORY: UnavailableError,
    Code.LIBRARY_STALE: UnavailableError,
    Code.PICTURE_NOT_KEPT: UnavailableError,
    Code.OVERLOADED: OverloadedError,
    Code.DEADLINE_EXCEEDED: DeadlineError,
}


def error_class(code: Code) -> type[AdjudicateError]:
    """The class of a request's error: where none is its own, the service's from status 500 on."""
    return _CLASSES.get(code) or (ServiceError if STATUS[code].http >= 500 else RequestError)


def fault(
    code: Code, detail: str = "", *, retry_after: float | None = None, trace_id: object = None
) -> AdjudicateError:
    """The error of a code, of its class. `retry_after` in seconds."""
    error = error_class(code)(code, detail, retry_after=retry_after)
    error.trace_id = trace_id if isinstance(trace_id, str) else ""
    return error
