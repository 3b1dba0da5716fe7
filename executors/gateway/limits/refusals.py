"""What a caller is told that may come again, and when."""

from __future__ import annotations

import math

from adjudicate.errors import Code, RequestError, ServiceError

SOONEST_S, LATEST_S = 1.0, 120.0
"""Bounds of what is said. Two minutes are what a used-up rate takes at most."""
STOP_S = 5.0
"""After which another gateway, or this one anew, should answer."""


def rate_limited(detail: str, retry_after: float) -> RequestError:
    """The caller has asked for too much: 429."""
    return RequestError(Code.RATE_LIMITED, detail, retry_after=_whole(retry_after))


def overloaded(detail: str, retry_after: float = SOONEST_S) -> ServiceError:
    """All callers together have asked for too much: 503."""
    return ServiceError(Code.OVERLOADED, detail, retry_after=_whole(retry_after))


def shutting_down() -> ServiceError:
    """The gateway is being stopped: 503."""
    return ServiceError(Code.SHUTTING_DOWN, retry_after=STOP_S)


def never(ads: int, limit: int, what: str) -> RequestError:
    """Waiting would not help this request: 413."""
    return RequestError(
        Code.TOO_MANY_ADS,
        f"{ads:,} ads in one request, and {what} is {limit:,}. Send them in several requests.",
    )


def _whole(seconds: float) -> float:
    """Whole seconds, as HTTP's Retry-After has them, not before it is worth coming."""
    return float(math.ceil(min(max(seconds, SOONEST_S), LATEST_S)))
