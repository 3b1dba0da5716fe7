"""Ads are written by strangers: nothing of what they write runs, on any page."""

from __future__ import annotations

import pytest

from adjudicate import Ad
from tests.browser.conftest import Person
from tests.browser.desk import SCRIPTS, Desk

BY_FORCE = (
    "document.body.innerHTML += '<img src=x onerror=window.ran=1>'",
    "document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran=2'}))",
    "document.body.setAttribute('onclick', 'window.ran=3'); document.body.click()",
    "document.body.append(Object.assign(document.createElement('script'),"
    " {src: 'data:text/javascript,window.ran=4'}))",
    "setTimeout('window.ran=5')",
)
"""What markup that got into a page would do."""
HAS_RUN = "() => window.ran ?? null"


@pytest.fixture(scope="module")
def hostile(desk: Desk) -> dict[str, str]:
    """Decisions on ads that carry markup wherever a client may write, by what they carry."""
    made = {}
    for number, script in enumerate(SCRIPTS):
        ad = Ad(
            id=f"hostile-{number}-{script}",
            text=f"{script} Proven to reverse diabetes. {script}",
            advertiser=f"Shop {script}",
            market="US",
            context={"landing page": script, script: "a name"},
        )
        (decision,) = desk.review([ad])
        assert decision.outcome in ("escalate", "reject"), decision
        made[script] = decision.id or ""
    return made


def test_scripts_in_copy_are_text_on_every_page_that_shows_them(
    person: Person, hostile: dict[str, str]
) -> None:
    lena = person("lena")
    for script, decision in hostile.items():
        lena.go(f"/console/cases/{decision}")
        copy = lena.page.locator("[data-copy]")
        assert script in copy.inner_text()
        assert lena.page.evaluate(HAS_RUN) is None
    for path in ("/console/queue?sort=newest", "/console/search?text=reverse", "/console/overview"):
        lena.go(path)
        lena.page.wait_for_load_state("networkidle")
        assert lena.page.evaluate(HAS_RUN) is None, path
    assert lena.page.locator("svg[onload], img[onerror], main script:not([src])").count() == 0


def test_the_policy_stops_a_script_that_got_into_a_page_all_the_same(
    desk: Desk, person: Person
) -> None:
    """The second wall: put there by force, it does not run either."""
    lena = person("lena")
    policy = lena.go("/console/start").headers["content-security-policy"]
    for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    for by_force in BY_FORCE:
        lena.page.evaluate(f"() => {{ try {{ {by_force} }} catch (refused) {{ }} }}")
    lena.page.evaluate("() => new Promise((done) => setTimeout(done))")
    assert lena.page.evaluate(HAS_RUN) is None
    assert len(lena.faults) >= len(BY_FORCE)  # the browser says that it refused each
    lena.faults.clear()


def test_a_picture_is_never_a_page(desk: Desk, person: Person) -> None:
    """One that a browser might take for a document is sent as what it is, and sandboxed."""
    lena = person("lena")
    lena.go("/console/queue?sort=newest")
    source = lena.page.locator("main img[src*='/pictures/']").first.get_attribute("src")
    assert source
    answer = lena.page.request.get(f"{desk.origin}{source}")
    assert answer.headers["content-type"].startswith("image/")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
