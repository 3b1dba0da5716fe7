"""What the other tests rely on: a browser that notices what goes wrong on a page."""

from __future__ import annotations

import pytest

from tests.services.browser import PHONE, Driver, Visit

ORIGIN = "http://page.invalid"
GOOD = "<!doctype html><html lang=en><title>A page</title><main><h1>Fine</h1></main>"


def shown(visit: Visit, page: str, policy: str = "") -> None:
    """Open a page that no server has."""
    headers = {
        "Content-Type": "text/html",
        **({"Content-Security-Policy": policy} if policy else {}),
    }
    visit.context.route(
        "**/*",
        lambda route: route.fulfill(
            body=page if route.request.resource_type == "document" else "", headers=headers
        ),
    )
    visit.go("/")
    visit.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(
    ("page", "policy", "said"),
    [
        ("<script>console.error('it broke')</script>", "", "it broke"),
        ("<script>throw new Error('it threw')</script>", "", "it threw"),
        ("<script>Promise.reject(new Error('nobody caught'))</script>", "", "nobody caught"),
        ("<img src='http://elsewhere.invalid/a.png'>", "", "elsewhere.invalid"),
        ("<script>window.ran = 1</script>", "script-src 'self'", "Content Security Policy"),
        ("<p style='color: red'>", "style-src 'self'", "Content Security Policy"),
    ],
)
def test_a_fault_of_a_page_is_seen(driver: Driver, page: str, policy: str, said: str) -> None:
    with driver.visit(ORIGIN) as visit:
        shown(visit, GOOD + page, policy)
        assert any(said in fault for fault in visit.faults), visit.faults


def test_a_page_without_faults_has_none(driver: Driver) -> None:
    with driver.visit(ORIGIN) as visit:
        shown(visit, GOOD)
        assert (visit.faults, visit.serious(), visit.wider_than_the_screen()) == ([], [], False)


def test_what_is_in_the_way_of_people_is_found(driver: Driver) -> None:
    with driver.visit(ORIGIN, size=PHONE) as visit:
        shown(visit, GOOD + "<img src=a.png><p style='color: #999; width: 900px'>Too faint to read")
        rules = {found.split(" ")[0] for found in visit.serious()}
        assert {"image-alt", "color-contrast"} <= rules
        assert visit.wider_than_the_screen()
