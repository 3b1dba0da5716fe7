"""How a person likes the console: language, colours, what is done to pictures. Kept in a cookie."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response

from executors.gateway.console.texts import LANGUAGES, chosen

COOKIE = "adjudicate-view"
YEAR_S = 365 * 86_400
_KNOWN = {
    "lang": tuple(LANGUAGES),
    "theme": ("auto", "light", "dark"),
    "blur": ("", "1"),
    "grey": ("", "1"),
    "keys": ("", "off"),
}


@dataclass(frozen=True)
class View:
    """`blur` and `grey` are done to the pictures of ads; `keys` off: single keys do nothing."""

    lang: str = ""
    """Empty: what the browser asks for."""
    theme: str = "auto"
    blur: str = ""
    grey: str = ""
    keys: str = ""


def view_of(request: Request) -> View:
    """As the cookie says, as far as it can be read, and the URL's `lang` and `theme`."""
    kept = _checked(parse_qsl(request.cookies.get(COOKIE, "")[:500]))
    view = replace(View(), **{**kept, **asked(request)})
    return view if view.lang else replace(view, lang=language_of(request))


def asked(request: Request) -> dict[str, str]:
    """What the URL asks to be kept: `?lang=zh`, `?theme=dark`."""
    return {
        name: value
        for name, value in _checked(request.query_params.multi_items()).items()
        if name in ("lang", "theme")
    }


def language_of(request: Request) -> str:
    """What the browser asks for."""
    return chosen(request.headers.get("accept-language", "")[:500])


def keep(response: Response, view: View, path: str, secure: bool) -> None:
    """Let the browser keep it. Scripts read and write it too: it is no secret."""
    said = urlencode({name: value for name, value in asdict(view).items() if value})
    response.set_cookie(COOKIE, said, YEAR_S, path=path, secure=secure, samesite="strict")


def _checked(pairs: Any) -> dict[str, str]:
    names = {field.name for field in fields(View)}
    return {name: value for name, value in pairs if name in names and value in _KNOWN[name]}
