"""What must stand in no line, whoever wrote it: keys, passwords, tokens, pictures as text.

Our own lines are made of ids, codes and numbers. This is for the messages of libraries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

HIDDEN = "***"
LEAST = 8
"""Characters of a password or secret of the settings that is looked for: to look for a shorter one
would take ordinary words away."""

_VALUE = r"[^\s\"'\\,;&]{4,}"
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = (
    # One of our keys: its id may be known.
    (("adj_",), re.compile(r"(adj_[0-9a-f]{12}_)[A-Za-z0-9_-]{4,}"), rf"\1{HIDDEN}"),
    # A JSON Web Token.
    (("eyj",), re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_.-]+"), HIDDEN),
    (
        ("bearer", "basic"),
        re.compile(r"(?i)\b(bearer|basic)([ .])[A-Za-z0-9._~+/=-]{6,}"),
        rf"\1\2{HIDDEN}",
    ),
    # The user and password, and the query, of a URL.
    (("://",), re.compile(r"(://)[^/\s\"'\\@]+@"), rf"\1{HIDDEN}@"),
    (("://",), re.compile(r"(://[^\s\"'\\?]*)\?[^\s\"'\\)]+"), rf"\1?{HIDDEN}"),
    (
        ("api-key", "api_key", "apikey", "password", "secret", "token", "authorization"),
        re.compile(
            r"(?i)\b((?:x-)?api[-_]?key|password|secret|token|authorization)"
            rf"(\\?[\"']?\s*[=:]\s*\\?[\"']?)(?!bearer|basic|\*){_VALUE}"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (("base64,",), re.compile(r"(base64,)[A-Za-z0-9+/=_-]+"), rf"\1{HIDDEN}"),
)
_LONG, _RUN = 400, re.compile(r"[A-Za-z0-9+/=_-]{200,}")
"""A run of so many characters is a picture or a vector as text."""


class Scrubber:
    """Replaces in a line what looks like a secret, and what the settings know to be one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets`: values to look for as they are; those below `LEAST` characters are not."""
        known = {form for secret in secrets for form in _forms(secret) if len(form) >= LEAST}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def clean(self, line: str) -> str:
        """The line with `***` in the place of secrets."""
        line = self.without_known(line)
        lowered = line.lower()
        for hints, pattern, instead in _PATTERNS:
            if any(hint in lowered for hint in hints):
                line = pattern.sub(instead, line)
        return _RUN.sub(HIDDEN, line) if len(line) > _LONG else line

    def without_known(self, line: str) -> str:
        """The line without the settings' secrets alone: a fortieth of the work."""
        return line if self._known is None else self._known.sub(HIDDEN, line)


def secrets_of(settings: BaseModel) -> Iterator[str]:
    """Every secret of the settings and of their sections, and the password of every URL."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from secrets_of(value)
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
            yield from _header_values(value.get_secret_value())
        elif isinstance(value, str) and "://" in value and "@" in value:
            yield from _passwords(value)


def _header_values(secret: str) -> Iterator[str]:
    """Of `name=value,name=value`: the values alone, since that is how they are sent."""
    for pair in secret.split(","):
        _, equals, value = pair.partition("=")
        if equals:
            yield value.strip()


def _passwords(url: str) -> Iterator[str]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return  # whoever opens it says so
    if password:
        yield password
        yield unquote(password)


def _forms(secret: str) -> Iterator[str]:
    """As it is, and as it stands in JSON and in a Python literal."""
    yield secret
    yield secret.replace("\\", "\\\\").replace('"', '\\"')
    yield ascii(secret)[1:-1]
