"""What pages read of a URL and of a form, so that nothing but plain short text goes on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from executors.gateway.operations.bodies import MAX_OFFSET

MOST = 500
"""Characters of a filter."""


def words(request: Request, name: str, most: int = MOST) -> str:
    """A text of the query, without NUL, cut to `most` characters; empty without."""
    return request.query_params.get(name, "").replace("\0", "").strip()[:most]


def offset_of(request: Request) -> int:
    """`offset` of the query; 0 for what is no number, or none that a listing has."""
    try:
        return min(max(int(request.query_params.get("offset", "0")), 0), MAX_OFFSET)
    except ValueError:
        return 0


def cosine(request: Request, name: str) -> float | None:
    """A number of the query between 0 and 1; None for anything else."""
    try:
        value = float(request.query_params.get(name, ""))
    except ValueError:
        return None
    return value if 0 < value <= 1 else None


def day(value: str, after: int = 0) -> str:
    """The beginning of a day such as `2026-01-31`, `after` days later: UTC, ISO 8601; empty for
    what is none."""
    try:
        moment = datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=after)
    except (ValueError, OverflowError):
        return ""
    return moment.isoformat(timespec="milliseconds")


def text(form: FormData, name: str) -> str:
    """A field of a form, trimmed; empty without, or where it is a file."""
    value = form.get(name)
    return value.replace("\0", "").strip() if isinstance(value, str) else ""


def uploads(form: FormData, name: str) -> list[UploadFile]:
    """The files of a field. A browser sends an empty one where none was chosen."""
    found = (part for part in form.getlist(name) if isinstance(part, UploadFile))
    return [part for part in found if part.filename or part.size]
