"""A browser that a test drives: Debian's Chromium by Playwright, and axe for accessibility.

`python -m tests.services.browser URL FILE` draws a page, and says what is wrong with it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)

from tests.services.chromium import find_chromium

Theme = Literal["light", "dark"]

DESK = (1280, 800)
PHONE = (390, 844)
WAIT_MS = 20_000
"""For what a page does next; on a busy machine a picture may take its time."""
SERIOUS = ("serious", "critical")
_ARGUMENTS = (
    *("--no-proxy-server", "--disable-background-networking", "--disable-component-update"),
    *("--disable-dev-shm-usage", "--force-color-profile=srgb", "--font-render-hinting=none"),
)
# What was refused on purpose is an error of the browser too; the answer's status says it better.
_REFUSED = "Failed to load resource"


@dataclass
class Visit:
    """One person's browser: pages of one origin, and all that went wrong on them."""

    origin: str
    page: Page
    faults: list[str] = field(default_factory=list)
    """Errors on the console, scripts that failed, what the CSP refused, requests to elsewhere."""
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """Answers of 400 and above, by status and path."""

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def go(self, path: str) -> Response:
        """Open a path of the origin; its answer, when the page is loaded."""
        answer = self.page.goto(f"{self.origin}{path}")
        assert answer is not None
        return answer

    def sign_in(self, key: str, path: str = "/console") -> None:
        """Ask for a page as somebody who is not known yet, and give a key."""
        self.go(path)
        self.page.locator("input[name=key]").fill(key)
        with self.page.expect_navigation():
            self.page.locator("input[name=key]").press("Enter")

    def serious(self) -> list[str]:
        """What axe finds on the page that is serious or critical: rule, and where."""
        return [
            f"{found['id']} ({found['impact']}): {found['help']}: "
            + "; ".join(str(node["target"]) + " " + node["html"][:160] for node in found["nodes"])
            for found in violations(self.page)
            if found["impact"] in SERIOUS
        ]

    def wider_than_the_screen(self) -> bool:
        """Whether a person has to scroll to the side."""
        return bool(
            self.page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"
            )
        )


def violations(page: Page) -> list[dict[str, Any]]:
    """All that axe finds."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return found


class Driver:
    """A running browser."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def visit(
        self,
        origin: str,
        *,
        theme: Theme = "light",
        size: tuple[int, int] = DESK,
        language: str = "en",
        scripts: bool = True,
        state: dict[str, Any] | None = None,
    ) -> Iterator[Visit]:
        """A person with cookies of their own; `state` is that of another's `storage_state()`."""
        context = self._browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            locale={"en": "en-GB", "zh": "zh-CN"}[language],
            reduced_motion="reduce",
            java_script_enabled=scripts,
            ignore_https_errors=True,
            storage_state=state,  # type: ignore[arg-type]
        )
        context.set_default_timeout(WAIT_MS)
        visit = Visit(origin, context.new_page())
        _watch(visit, context)
        try:
            yield visit
        finally:
            context.close()


def _watch(visit: Visit, context: BrowserContext) -> None:
    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and _REFUSED not in message.text:
            visit.faults.append(f"console: {message.text}")

    def asked(request: Request) -> None:
        at = urlsplit(request.url)
        inside = at.scheme in ("data", "blob") or f"{at.scheme}://{at.netloc}" == visit.origin
        if not inside:
            visit.faults.append(f"request to {request.url}")

    def answered(response: Response) -> None:
        if response.status >= 400:
            visit.refusals.append((response.status, urlsplit(response.url).path))

    context.on("console", said)
    context.on("weberror", lambda error: visit.faults.append(f"script: {error.error}"))
    context.on("request", asked)
    context.on("response", answered)


@contextmanager
def driven() -> Iterator[Driver]:
    """A browser, ended at the end. Raises `NoChromium` where Debian's package cannot be had."""
    binary = find_chromium().binary
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=[*_ARGUMENTS])
        try:
            yield Driver(browser)
        finally:
            browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--phone", action="store_true")
    parser.add_argument("--zh", action="store_true")
    parser.add_argument("--key", default="", help="sign in with it")
    parser.add_argument("--axe", action="store_true", help="print all that axe finds")
    told = parser.parse_args()
    at = urlsplit(told.url)
    path = told.url.removeprefix(f"{at.scheme}://{at.netloc}")
    theme: Theme = "dark" if told.dark else "light"
    size, language = PHONE if told.phone else DESK, "zh" if told.zh else "en"
    with (
        driven() as driver,
        driver.visit(
            f"{at.scheme}://{at.netloc}", theme=theme, size=size, language=language
        ) as visit,
    ):
        if told.key:
            visit.sign_in(told.key, path)
        visit.go(path)
        visit.page.wait_for_load_state("networkidle")
        visit.page.screenshot(path=told.file, full_page=True)
        for fault in [*visit.faults, *(f"{status} {where}" for status, where in visit.refusals)]:
            print(fault)
        if visit.wider_than_the_screen():
            print("wider than the screen")
        if told.axe:
            print(json.dumps(violations(visit.page), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
