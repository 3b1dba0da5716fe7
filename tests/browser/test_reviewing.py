"""A reviewer at work, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from adjudicate import Ad
from tests.browser.conftest import Person
from tests.browser.desk import Desk, copied
from tests.services.browser import DESK, PHONE, Visit

READY = "[data-can-answer][data-ready]"
"""A case that keys answer: not in the first moment, when they may be meant for the one before."""


def case_id(page: Page) -> str:
    """Of the case that is shown."""
    found = page.locator("[data-case-id]").get_attribute("data-case-id")
    assert found
    return found


def open_case(visit: Visit, decision_id: str) -> None:
    visit.go(f"/console/cases/{decision_id}")
    visit.page.wait_for_selector(READY)


def answered(visit: Visit, key: str) -> str:
    """Press a key that answers the case shown, and wait for the next; the id of the former."""
    visit.page.wait_for_selector(READY)
    before = case_id(visit.page)
    visit.page.keyboard.press(key)
    visit.page.wait_for_selector(other_than(before))
    return before


def other_than(decision_id: str) -> str:
    """Selects the page of any other case."""
    return f"[data-case-id]:not([data-case-id='{decision_id}'])"


def ruling_of(desk: Desk, decision_id: str) -> dict[str, str]:
    found = desk.decision(decision_id).get("ruling")
    assert isinstance(found, dict), found
    return found


def test_ten_cases_are_cleared_by_keyboard(desk: Desk, person: Person) -> None:
    mei = person("mei")
    mei.go("/console/queue")
    mei.page.wait_for_selector("[data-case]")
    mei.page.keyboard.press("n")
    mei.page.wait_for_selector(READY)
    keys = ["v", "c"] * 5
    cleared = [(answered(mei, key), key) for key in keys]

    assert len({decision for decision, _ in cleared}) == 10
    for decision, key in cleared:
        ruling = ruling_of(desk, decision)
        assert ruling["outcome"] == {"v": "reject", "c": "approve"}[key]
        assert (ruling["source"], ruling["by_name"]) == ("review", "mei")
        (review,) = reviews_of(desk, decision)
        assert review["answer"] == {"v": "violation", "c": "compliant"}[key]


def reviews_of(desk: Desk, decision_id: str) -> list[dict[str, str]]:
    answer = desk.ask("lena", "GET", f"/v1/decisions/{decision_id}/case")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json()["reviews"]
    return found


def test_a_key_that_is_pressed_many_times_decides_one_case(desk: Desk, person: Person) -> None:
    omar = person("omar")
    omar.go("/console/queue")
    omar.page.wait_for_selector("[data-case]")
    omar.page.keyboard.press("n")
    omar.page.wait_for_selector(READY)
    before = case_id(omar.page)
    for _ in range(5):
        omar.page.keyboard.press("c", delay=0)
    omar.page.wait_for_selector(other_than(before))
    omar.page.wait_for_load_state("networkidle")
    shown = case_id(omar.page)
    assert len(reviews_of(desk, before)) == 1
    assert reviews_of(desk, shown) == []


def test_an_answer_is_taken_back_by_a_key(desk: Desk, person: Person) -> None:
    mei = person("mei")
    mei.go("/console/queue")
    mei.page.wait_for_selector("[data-case]")
    mei.page.keyboard.press("n")
    mei.page.wait_for_selector(READY)
    decided = answered(mei, "v")
    assert ruling_of(desk, decided)["outcome"] == "reject"
    mei.page.keyboard.press("u")
    mei.page.wait_for_selector(f"[data-case-id='{decided}']")
    expect(mei.page.get_by_role("status")).not_to_be_empty()
    assert not desk.decision(decided).get("ruling")
    (review,) = reviews_of(desk, decided)
    assert review["undone_at"]


def test_two_people_never_have_the_same_case(person: Person) -> None:
    mei, omar = person("mei"), person("omar")
    for visit in (mei, omar):
        visit.go("/console/queue")
        visit.page.wait_for_selector("[data-case]")
        visit.page.keyboard.press("n")
        visit.page.wait_for_selector(READY)
    assert case_id(mei.page) != case_id(omar.page)
    omar.go(f"/console/cases/{case_id(mei.page)}")
    expect(omar.page.locator("#act")).to_contain_text("mei")
    assert omar.page.locator("[data-do='violation']").count() == 0


def waiting(desk: Desk, file: str) -> str:
    """The decision on a sample's picture, which waits for a person."""
    (found,) = desk.review([Ad(id=f"campaign-{file}", image=copied(file), market="US")])
    assert found.outcome == "escalate", found
    return found.id or ""


@pytest.fixture
def pictured(desk: Desk) -> str:
    """A case with a picture."""
    return waiting(desk, "ads/ad-13.jpg")


def test_what_was_added_by_a_key_rejects_the_next_near_duplicate(
    desk: Desk, person: Person
) -> None:
    first = waiting(desk, "ads/ad-03.png")
    mei = person("mei")
    open_case(mei, first)
    mei.page.keyboard.press("a")
    mei.page.wait_for_selector(other_than(first))
    assert ruling_of(desk, first)["outcome"] == "reject"

    (next_one,) = desk.review([Ad(id="the-next", image=copied("ads/ad-03.png")[:-2] + b"\xff\xd9")])
    assert next_one.outcome == "reject"
    assert next_one.reasons[0] == "near_duplicate:hash"
    assert not next_one.judged
    matched = next(match for match in next_one.matches if match.signal == "hash")
    held = desk.ask("lena", "GET", f"/v1/library/{matched.exemplar_id}")
    assert first in held.text  # its note names the decision


def test_the_case_page_shows_what_a_reviewer_needs(desk: Desk, person: Person) -> None:
    text = "Say hello to Brightwell capsules. Proven to reverse diabetes. Get yours tomorrow."
    ad = Ad(id="evidence", text=text, market="US", language="en", advertiser="Norvella")
    (decision,) = desk.review([ad.model_copy(update={"image": copied("ads/ad-17.jpg")})])
    assert decision.outcome == "escalate", decision
    mei = person("mei")
    open_case(mei, decision.id or "")
    page = mei.page
    expect(page.locator("[data-copy]")).to_have_text(text)
    if claim := next((f.claim for f in decision.findings if f.claim in text and f.claim), ""):
        assert claim in page.locator("[data-copy] mark").all_text_contents()
    picture = page.locator("[data-ad-picture]")
    assert picture.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0
    assert page.locator(".resembled").count() >= 1
    rule = page.locator(".rule")
    expect(rule).to_contain_text(decision.rule)
    assert rule.locator("[lang=en]").count() == rule.locator("[lang=zh]").count() == 1
    expect(page.locator(".probability")).to_contain_text("%")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_ads_picture_is_whole_within_its_figure(
    person: Person, pictured: str, size: tuple[int, int]
) -> None:
    """What lies outside would be cut off, or hide the buttons beside it."""
    mei = person("mei", size=size)
    open_case(mei, pictured)
    picture = mei.page.locator("[data-ad-picture]")
    picture.evaluate("one => one.decode()")
    inner, outer = picture.bounding_box(), mei.page.locator("section.ad figure").bounding_box()
    assert inner is not None
    assert outer is not None
    for at, length in (("x", "width"), ("y", "height")):
        assert inner[length] > 50
        assert inner[at] >= outer[at] - 1
        assert inner[at] + inner[length] <= outer[at] + outer[length] + 1
    # The box may have another shape than the picture, which is not stretched, nor cut to it.
    fitted = picture.evaluate("one => getComputedStyle(one).objectFit")
    assert fitted in ("contain", "scale-down")


def test_bad_pictures_can_be_blurred_and_stay_so(person: Person, pictured: str) -> None:
    mei = person("mei")
    open_case(mei, pictured)
    filtered = "one => getComputedStyle(one).filter"
    picture = mei.page.locator("[data-ad-picture]")
    assert "blur" not in picture.evaluate(filtered)
    mei.page.keyboard.press("b")
    expect(mei.page.locator("html[data-blur]")).to_have_count(1)
    assert "blur" in picture.evaluate(filtered)
    mei.page.keyboard.press("x")
    assert "grayscale" in picture.evaluate(filtered)
    mei.page.reload()
    assert re.search(r"blur.*grayscale|grayscale.*blur", picture.evaluate(filtered))


def test_every_key_is_told_by_the_question_mark(person: Person, pictured: str) -> None:
    mei = person("mei")
    open_case(mei, pictured)
    mei.page.keyboard.press("?")
    told = mei.page.locator("dialog[open] dt").all_inner_texts()
    assert {"v", "c", "s", "u", "a", "n"} <= {"".join(each.split()) for each in told}


def test_without_scripts_a_case_is_answered_all_the_same(desk: Desk, person: Person) -> None:
    omar = person("omar", scripts=False)
    omar.go("/console/queue")
    omar.page.locator("[data-case] a").nth(20).click()
    page = omar.page
    before = case_id(page)
    with page.expect_navigation():
        page.locator("[data-do='compliant']").click()
    assert ruling_of(desk, before)["outcome"] == "approve"
