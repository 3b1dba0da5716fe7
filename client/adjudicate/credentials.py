"""The key or token that goes with each request."""

from __future__ import annotations

import re
from collections.abc import Mapping

KEY_VARIABLE = "ADJUDICATE_API_KEY"

_PRINTABLE = re.compile(r"[!-~]+")


def with_key(
    headers: Mapping[str, str], api_key: str | None, token: str | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """The headers with the key or token as `Authorization: Bearer`.

    What is given counts before what stands in the environment; an empty `api_key` means none.
    Raises `ValueError` for both, or for one that no header can hold. It never shows them.
    """
    if api_key and token:
        raise ValueError("give api_key or token, not both")
    said = {name.lower() for name in headers}
    if (api_key or token) and "authorization" in said:
        raise ValueError("give api_key or token, or an Authorization header, not both")
    secret = token or api_key
    if api_key is None and token is None and "authorization" not in said:
        secret = environ.get(KEY_VARIABLE, "").strip()
    if not secret:
        return dict(headers)
    if not _PRINTABLE.fullmatch(secret):
        raise ValueError("a key or token has no spaces, line ends or other than ASCII characters")
    return {**headers, "Authorization": f"Bearer {secret}"}
