"""The forms that pages send, bounded while they are read."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from adjudicate.errors import Code, RequestError
from executors.gateway.protocols.requests import FORM, bounded, read_bounded, require_type

FORM_BYTES = 64_000
MAX_FIELDS, MAX_FILES = 200, 50
_URLENCODED = "application/x-www-form-urlencoded"


async def read_form(request: Request, most: int) -> FormData:
    """The form of a request; its files are `UploadFile`s.

    Raises `RequestError`: `unsupported_media_type`, `request_too_large`, `malformed_request`.
    """
    if request.headers.get("content-length") == "0":
        return FormData()
    if require_type(request, _URLENCODED, FORM) == FORM:
        return await _multipart(request, most)
    raw = await read_bounded(request, most)
    try:
        pairs: Any = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise RequestError(Code.MALFORMED, f"the form cannot be read: {error}") from None
    return FormData(pairs)


async def _multipart(request: Request, most: int) -> FormData:
    parser = MultiPartParser(
        request.headers,
        bounded(request, most),  # type: ignore[arg-type]  # an async generator in all but name
        max_files=MAX_FILES,
        max_fields=MAX_FIELDS,
        max_part_size=FORM_BYTES,
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise RequestError(Code.MALFORMED, f"the form cannot be read: {error.message}") from None
