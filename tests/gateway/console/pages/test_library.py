"""The library's pages over a real library: what is shown, added, switched, and by whom."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import httpx
import pytest
from docarray import DocList

from adjudicate.documents import Exemplar, Lookup
from executors.gateway.caller import Scope
from tests.gateway.console.conftest import csrf_of
from tests.gateway.console.held import ENCODER, letters, picture
from tests.gateway.console.pages.conftest import Office, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

LABELS = {"category": "cure", "rule": "CN-AL-16", "severity": "high", "polarity": "violation"}


async def add(
    browser: httpx.AsyncClient, *pictures: bytes, text: str = "", **changed: str
) -> httpx.Response:
    """The form of a new exemplar, as a browser sends it."""
    files = [("image", (f"ad-{n}.jpg", data, "image/jpeg")) for n, data in enumerate(pictures)]
    data = {**LABELS, **changed, "text": text, "csrf": await csrf_of(browser, "/policies")}
    return await browser.post("/library/add", data=data, files=files or [("image", ("", b""))])


async def held(office: Office, exemplar_id: str) -> Exemplar:
    """As the library has it."""
    asked = DocList[Lookup]([Lookup(id=exemplar_id)])
    (found,) = await office.rooms.library.list_exemplars(asked, {})
    return found


def id_of(answer: httpx.Response) -> str:
    """Of the exemplar whose page the answer leads to."""
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/console/exemplars/")


async def test_a_picture_that_is_added_is_held_with_who_added_it_and_is_listed(
    office: Office,
) -> None:
    lead = await office.browser(Scope.LEAD, name="lena")
    name = id_of(await add(lead, picture("listed"), note="seen in March", bank="spring"))
    found = await held(office, name)
    assert (found.added_by, found.bank, found.note, found.category) == (
        "lena",
        "spring",
        "seen in March",
        "cure",
    )
    listed = (await lead.get("/library", params={"bank": "spring"})).text
    assert f'href="/console/exemplars/{name}"' in listed
    other = (await lead.get("/library", params={"bank": "main"})).text
    assert f'href="/console/exemplars/{name}"' not in other


async def test_its_picture_is_shown_made_anew_and_a_text_has_none(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    name = id_of(await add(lead, picture("shown")))
    shown = await lead.get(f"/exemplars/{name}/picture?w=96")
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    assert shown.headers["x-content-type-options"] == "nosniff"
    text = id_of(await add(lead, text="Heals within a week"))
    assert (await lead.get(f"/exemplars/{text}/picture")).status_code == 404
    assert "Heals within a week" in (await lead.get(f"/exemplars/{text}")).text


async def test_content_that_is_held_is_named_and_not_added_again(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    name = id_of(await add(lead, picture("twice")))
    again = await add(lead, picture("twice"))
    assert again.status_code == 200
    assert "Held already" in again.text
    assert f"/console/exemplars/{name}" in again.text


async def test_almost_a_copy_is_said_before_anything_is_stored(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    name = id_of(await add(lead, picture("once")))
    files = [("image", ("again.jpg", picture("once", quality=40), "image/jpeg"))]
    token = {"x-csrf": await csrf_of(lead, "/policies")}
    said = await lead.post("/library/like", data={"text": ""}, files=files, headers=token)
    assert "Almost a copy" in said.text
    assert f"/console/exemplars/{name}" in said.text
    copies = (await lead.get("/library/copies")).text
    assert name not in copies  # the other one was not stored


async def test_copies_stand_together_once(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    names = [
        id_of(await add(lead, picture("pair"))),
        (await add(lead, picture("pair", quality=35))).text,
    ]
    assert "Almost a copy" in names[1]
    page = (await lead.get("/library/copies")).text
    groups = [part for part in page.split('<section class="card copies"')[1:] if names[0] in part]
    assert len(groups) == 1
    assert "Copied picture" in groups[0]


async def test_a_rule_that_there_is_not_is_said_and_the_form_keeps_what_was_written(
    office: Office,
) -> None:
    lead = await office.browser(Scope.LEAD)
    answer = await add(lead, text="Cures & heals", rule="NO-1", note="keep me")
    assert answer.status_code == 422
    assert "not in the policy" in html.unescape(answer.text)
    assert "invalid_field" in answer.text
    assert "Cures &amp; heals</textarea>" in answer.text
    assert "keep me</textarea>" in answer.text


async def test_neither_picture_nor_text_is_nothing_to_add(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    answer = await add(lead, text="  ")
    assert answer.status_code == 422
    assert "Give a picture, a text, or both." in answer.text


async def test_several_pictures_are_several_exemplars_and_a_broken_one_stops_no_other(
    office: Office,
) -> None:
    lead = await office.browser(Scope.LEAD)
    answer = await add(lead, picture("first of two"), picture("second of two"))
    assert answer.status_code == 200
    assert answer.text.count('class="result"') == 2
    assert answer.text.count(">New<") == 2


async def test_a_switched_off_exemplar_is_off_and_the_log_says_who_and_why(office: Office) -> None:
    lead = await office.browser(Scope.LEAD, name="lena")
    name = id_of(await add(lead, text="Never sleep badly again"))
    answer = await send(lead, f"/exemplars/{name}", enabled="false", why="too wide")
    assert answer.headers["location"] == f"/console/exemplars/{name}"
    assert not (await held(office, name)).enabled
    page = (await lead.get(f"/exemplars/{name}")).text
    assert "too wide" in page
    assert "lena" in page
    assert 'name="enabled" value="true"' in page  # what the button would do now
    await send(lead, f"/exemplars/{name}", enabled="true")
    assert (await held(office, name)).enabled


async def test_labels_are_edited_and_a_wrong_one_changes_nothing(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    name = id_of(await add(lead, text="Grows hair overnight"))
    await send(lead, f"/exemplars/{name}", **{**LABELS, "severity": "low", "note": "n"})
    assert (await held(office, name)).severity == "low"
    answer = await send(lead, f"/exemplars/{name}", **{**LABELS, "rule": "NO-1"})
    assert answer.status_code == 422
    assert "NO-1" in html.unescape(answer.text)
    assert (await held(office, name)).rule == "CN-AL-16"


async def test_a_removed_exemplar_is_gone(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    name = id_of(await add(lead, text="Works like surgery"))
    answer = await send(lead, f"/exemplars/{name}/remove", why="not ours")
    assert answer.headers["location"] == "/console/library"
    assert (await lead.get(f"/exemplars/{name}")).status_code == 404


async def test_whatever_stands_in_an_id_and_a_text_is_text(office: Office) -> None:
    evil = 'a/b?c"><script>alert(1)</script>'
    exemplar = Exemplar(
        id=evil,
        text="<img src=x onerror=alert(2)>",
        text_embedding=letters("evil")[None],
        category="cure",
        rule="CN-AL-16",
        encoder_version=ENCODER,
    )
    (added,) = await office.rooms.library.add(DocList[Exemplar]([exemplar]), {})
    assert added.problem is None
    lead = await office.browser(Scope.LEAD)
    path = f"/exemplars/{quote(evil, safe='')}"
    page = await lead.get(path)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert "&lt;img src=x onerror=alert(2)&gt;" in page.text
    assert f'href="/console{path}"' in (await lead.get("/library")).text


async def test_a_bank_is_switched_off_with_all_that_is_in_it(office: Office) -> None:
    lead = await office.browser(Scope.LEAD, name="lena")
    name = id_of(await add(lead, text="Sleep like a stone", bank="summer"))
    await send(lead, "/banks", name="summer", enabled="false", note="season is over")
    page = (await lead.get("/banks")).text
    row = next(part for part in page.split("<tr>") if 'name="name" value="summer"' in part)
    assert "season is over" in row
    assert 'name="enabled" value="true"' in row
    assert "Bank is off" in (await lead.get(f"/exemplars/{name}")).text


@pytest.mark.parametrize("scope", [Scope.CONSOLE, Scope.AUDIT])
async def test_who_only_reads_sees_it_without_a_form_and_changes_nothing(
    office: Office, scope: Scope
) -> None:
    lead = await office.browser(Scope.LEAD)
    name = id_of(await add(lead, text=f"Nobody touches this {scope}"))
    reader = await office.browser(scope)
    page = (await reader.get(f"/exemplars/{name}")).text
    assert 'method="post"' not in page.partition("<main")[2]
    assert (await reader.get("/library/add")).status_code == 403
    for path in (f"/exemplars/{name}", f"/exemplars/{name}/remove", "/banks", "/library/add"):
        answer = await send(reader, path, enabled="false", name="main")
        assert answer.status_code == 403, path
    assert (await held(office, name)).enabled


async def test_the_order_of_hits_and_the_pages_are_asked_of_the_library(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    labels = {"category": "cure", "rule": "CN-AL-16", "bank": "many", "encoder_version": ENCODER}
    texts = [f"Claim number {number} of fifty" for number in range(50)]
    many = [Exemplar(text=text, text_embedding=letters(text)[None], **labels) for text in texts]
    await office.rooms.library.add(DocList[Exemplar](many), {})
    first = (await lead.get("/library", params={"bank": "many"})).text
    cards = re.compile(r'class="exemplar[ "]')
    assert len(cards.findall(first)) == 48
    assert "offset=48" in first
    last = (await lead.get("/library", params={"bank": "many", "offset": "48"})).text
    assert len(cards.findall(last)) == 2
    assert (await lead.get("/library", params={"sort": "worst"})).status_code == 422
