"""Every page that can be reached: accessible, in both languages, by day and night, on a phone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import Person
from tests.browser.crawl import kind_of, pages
from tests.browser.desk import Desk
from tests.services.browser import DESK, PHONE, Driver, Theme

SIZES = {"desk": DESK, "phone": PHONE}
WAYS = [*itertools.product(("light", "dark"), ("en", "zh"), SIZES)]
"""Theme, language and screen."""
FEW = [("light", "en", "desk"), ("dark", "zh", "phone")]
PAGES = {"queue", "library", "thresholds", "search", "overview", "quality", "policies", "appeals"}
"""What the menu must lead a lead to, at least."""


@pytest.fixture(scope="module")
def kinds(desk: Desk, driver: Driver, signed_in: Callable[[str], Any]) -> list[str]:
    """One path of each kind of page that an administrator can reach."""
    with driver.visit(desk.origin, state=signed_in("root")) as root:
        return pages(root)


def test_the_menu_leads_to_every_page(kinds: list[str]) -> None:
    assert {f"/console/{page}" for page in PAGES} <= {kind_of(path.split("?")[0]) for path in kinds}
    assert "/console/cases/*" in {kind_of(path.split("?")[0]) for path in kinds}


@pytest.mark.parametrize(
    ("theme", "language", "screen"),
    [pytest.param(*way, marks=[] if way in FEW else pytest.mark.slow) for way in WAYS],
)
def test_nothing_is_in_anybodys_way(
    person: Person, kinds: list[str], theme: Theme, language: str, screen: str
) -> None:
    """Slow where it is not one of a few: axe takes most of a second for each page."""
    root = person("root", theme=theme, language=language, size=SIZES[screen])
    root.go(f"/console/start?lang={language}&theme={theme}")
    wrong: dict[str, list[str]] = {}
    for path in kinds:
        answer = root.go(path)
        root.page.wait_for_load_state("networkidle")
        found = root.serious()
        if answer.status != 200:
            found.append(f"status {answer.status}")
        if root.wider_than_the_screen():
            found.append("wider than the screen")
        if root.page.locator("h1").count() != 1:
            found.append("not one heading of the first level")
        if not (root.page.locator("html").get_attribute("lang") or "").startswith(language):
            found.append("not in the language asked for")
        if found:
            wrong[path] = found
    assert wrong == {}


def test_the_first_tab_skips_to_what_the_page_is_about(person: Person, kinds: list[str]) -> None:
    root = person("root")
    for path in kinds:
        root.go(path)
        root.page.evaluate("document.activeElement?.blur()")
        root.page.keyboard.press("Tab")
        focused = root.page.evaluate("document.activeElement.getAttribute('href')")
        assert focused == "#main", path


def test_a_page_says_nothing_in_another_language(person: Person, kinds: list[str]) -> None:
    """No key of a text that is missing stands on a page in its place."""
    root = person("root", language="zh")
    root.go("/console/start?lang=zh")
    for path in kinds:
        root.go(path)
        title = root.page.locator("h1").inner_text()
        assert title.strip(), path
