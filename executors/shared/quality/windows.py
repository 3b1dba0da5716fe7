"""The windows that figures are asked for."""

from __future__ import annotations

import math

from adjudicate.errors import AdError, Code

MOST_HOURS = 8_784.0
"""A year."""


def window_hours(asked: float, default: float) -> float:
    """The hours asked for; `default` for 0.

    Raises `AdError` of code `invalid_field` for more than a year, or what is no length of time.
    """
    if asked == 0:
        return default
    if not math.isfinite(asked) or not 0 < asked <= MOST_HOURS:
        raise AdError(Code.INVALID_FIELD, f"hours must be above 0 and at most {MOST_HOURS:,g}")
    return asked
