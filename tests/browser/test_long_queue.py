"""Ten thousand cases wait: the page stays small, and work begins at once."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.browser.desk import LONG_QUEUE, Desk
from tests.browser.seeding import ADVERTISERS

MOST_ROWS = 100
MOST_BYTES = 400_000
_NUMBER = re.compile(r"\d[\d,]*")


def test_a_page_of_a_long_queue_is_bounded_and_says_how_many_there_are(person: Person) -> None:
    mei = person("mei")
    answer = mei.go("/console/queue")
    assert len(answer.body()) < MOST_BYTES
    rows = mei.page.locator("[data-case]").count()
    assert 10 <= rows <= MOST_ROWS
    numbers = [int(one.replace(",", "")) for one in _NUMBER.findall(mei.page.inner_text("main"))]
    assert max(numbers) > LONG_QUEUE * 0.9


def test_the_last_page_is_as_small_as_the_first(person: Person) -> None:
    mei = person("mei")
    answer = mei.go(f"/console/queue?offset={LONG_QUEUE - 100}")
    assert answer.status == 200
    assert 1 <= mei.page.locator("[data-case]").count() <= MOST_ROWS


def test_filters_leave_only_what_they_say(desk: Desk, person: Person) -> None:
    mei = person("mei")
    mei.go("/console/queue?advertiser=Advertiser%2007")
    rows = mei.page.locator("[data-case]")
    expect(rows.first).to_be_visible()
    for row in rows.all():
        expect(row).to_contain_text(ADVERTISERS[7])
    counted = desk.ask("mei", "GET", "/v1/queue?advertiser=Advertiser%2007").json()
    assert counted, counted
