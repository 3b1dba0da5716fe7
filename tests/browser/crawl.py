"""Every kind of page that the console has, found by following its links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.services.browser import Visit

START = "/console/start"
_ID = re.compile(r"[0-9a-f]{12,}|\d+|[A-Z][A-Z0-9]*-[\w.-]+")
_LINKS = "main a[href], nav a[href]"
_NO_PAGES = ("/pictures/", "/picture", "/static/", "/sign-out", "/export", "/download", ".csv")
_MOST = 60
"""Pages to follow: more than there are kinds."""


def kind_of(path: str) -> str:
    """What a page shows, whichever thing it shows: `/console/cases/*`."""
    return "/".join("*" if _ID.fullmatch(part) else part for part in path.split("/"))


def pages(visit: Visit) -> list[str]:
    """One path of each kind of page that can be reached from the start, in the order of finding.

    What a query makes of a page is not another kind, and what is no page is left out.
    """
    found: dict[str, str] = {}
    visit.go(START)
    waiting = [*_links(visit)]
    while waiting and len(found) < _MOST:
        path = waiting.pop(0)
        kind = kind_of(path.partition("?")[0])
        if kind in found:
            continue
        answer = visit.go(path)
        if not (answer.headers.get("content-type") or "").startswith("text/html"):
            continue
        found[kind] = path
        waiting += _links(visit)
    return [*found.values()]


def _links(visit: Visit) -> Iterator[str]:
    links: list[str] = visit.page.locator(_LINKS).evaluate_all(
        "all => all.filter((a) => !a.hasAttribute('download')).map((a) => a.href)"
    )
    for link in links:
        at = urlsplit(link)
        inside = f"{at.scheme}://{at.netloc}" == visit.origin and at.path.startswith("/console")
        if inside and not any(part in at.path for part in _NO_PAGES):
            yield f"{at.path}?{at.query}" if at.query else at.path
