"""An advertiser objects, another person overturns, and whoever sent the ad is told."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from standardwebhooks import Webhook, WebhookVerificationError

from adjudicate import Ad
from tests.browser.conftest import Person
from tests.browser.desk import SECRET, Desk, copied
from tests.browser.test_reviewing import READY, open_case, other_than, ruling_of


@pytest.fixture
def rejected(desk: Desk, person: Person) -> str:
    """A decision that omar has found a violation."""
    (found,) = desk.review([Ad(id="appealed", image=copied("ads/ad-07.jpg"), market="US")])
    assert found.outcome == "escalate", found
    decision = found.id or ""
    omar = person("omar")
    open_case(omar, decision)
    omar.page.keyboard.press("v")
    omar.page.wait_for_selector(other_than(decision))
    assert ruling_of(desk, decision)["outcome"] == "reject"
    return decision


def test_an_appeal_is_overturned_and_told_with_a_signature(
    desk: Desk, person: Person, rejected: str
) -> None:
    reason = "The picture shows the leaflet, with every side effect on it."
    opened = desk.ask("shop", "POST", f"/v1/decisions/{rejected}/appeal", reason=reason)
    assert opened.status_code in (200, 201), opened.text

    mei = person("mei")
    mei.go("/console/appeals")
    expect(mei.page.locator("main")).to_contain_text(reason)
    mei.page.locator(f"a[href*='{rejected}']").first.click()
    mei.page.wait_for_selector(READY)
    expect(mei.page.locator(".appeal-notice")).to_contain_text(reason)
    mei.page.keyboard.press("c")
    expect(mei.page.get_by_role("status")).not_to_be_empty()

    headers, body = desk.receiver.wait_for("appeal.decided", rejected)
    ruling = ruling_of(desk, rejected)
    assert (ruling["outcome"], ruling["source"], ruling["by_name"]) == ("approve", "appeal", "mei")
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace(b"overturned", b"upheld"), headers)


def test_who_rejected_an_ad_does_not_decide_on_its_appeal(
    desk: Desk, person: Person, rejected: str
) -> None:
    desk.ask("shop", "POST", f"/v1/decisions/{rejected}/appeal", reason="Look again, please.")
    omar = person("omar")
    omar.go(f"/console/cases/{rejected}")
    if omar.page.locator("[data-do='compliant']").count():
        omar.page.keyboard.press("c")
        expect(omar.page.locator("[role=status], [role=alert]").first).not_to_be_empty()
    assert ruling_of(desk, rejected)["outcome"] == "reject"
