"""The thresholds' page over a real library and ledger: what counts, what would, and back."""

from __future__ import annotations

import re

import httpx
import pytest

from adjudicate.errors import Code, ServiceError
from executors.gateway.caller import Scope
from executors.gateway.operations.learning import LearningApi
from tests.gateway.console.held import ENCODER
from tests.gateway.console.pages.conftest import Office, send

pytestmark = pytest.mark.asyncio(loop_scope="module")

CELL = {"category": "cure", "signal": "image"}


async def propose(browser: httpx.AsyncClient, threshold: str, **changed: str) -> str:
    """Another value as shadow; the version's id."""
    page = (await browser.get("/thresholds", params=CELL)).text
    version = re.search(r'name="version" value="(\w+)"', page)
    assert version is not None
    data = {"version": version[1], "encoder": ENCODER, **CELL, "threshold": threshold, **changed}
    answer = await send(browser, "/thresholds/propose", "/thresholds", **data)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rpartition("version=")[2]


async def held(office: Office, version: str) -> dict[str, str]:
    """The versions' states, and that one's content, as the library has them."""
    found = office.rooms.library._versions.all()
    return {one.id or "": one.state for one in found} | {
        "content": next(one.content for one in found if one.id == version)
    }


async def test_the_file_counts_until_another_version_does(office: Office) -> None:
    lead = await office.browser(Scope.LEAD, name="lena")
    page = (await lead.get("/thresholds", params=CELL)).text
    assert "thresholds.yaml" in page
    assert "counts now" in page
    assert re.search(r'aria-current="true"[^>]*>\s*0\.700', page)


async def test_another_value_is_watched_then_counts_then_is_rolled_back(office: Office) -> None:
    lead = await office.browser(Scope.LEAD, name="lena")
    first = await propose(lead, "0.75", note="fewer flags")
    kept = await held(office, first)
    assert kept[first] == "shadow"
    assert '"cure": 0.75' in kept["content"]
    assert '"disease": 0.8' in kept["content"]
    page = (await lead.get("/thresholds", params={**CELL, "version": first})).text
    assert "1 differ from what counts" in page
    assert "fewer flags" in page
    assert "lena" in page

    put = {"version": first, "encoder": ENCODER}
    await send(lead, "/thresholds/state", "/thresholds", **put, state="active")
    assert (await held(office, first))[first] == "active"
    second = await propose(lead, "0.9")
    await send(lead, "/thresholds/state", "/thresholds", version=second, state="active")
    states = await held(office, first)
    assert (states[first], states[second]) == ("retired", "active")
    await send(lead, "/thresholds/state", "/thresholds", **put, state="active")
    states = await held(office, first)
    assert (states[first], states[second]) == ("active", "retired")
    await send(lead, "/thresholds/state", "/thresholds", **put, state="retired")
    assert "counts now" in (await lead.get("/thresholds")).text


async def test_a_signal_is_switched_off_for_one_category(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    version = await propose(lead, "off")
    assert '"cure": null' in (await held(office, version))["content"]


@pytest.mark.parametrize("threshold", ["1.5", "0", "", "nan", "high"])
async def test_what_is_no_threshold_is_refused(office: Office, threshold: str) -> None:
    lead = await office.browser(Scope.LEAD)
    before = len(office.rooms.library._versions.all())
    page = (await lead.get("/thresholds")).text
    version = re.search(r'name="version" value="(\w+)"', page)
    assert version is not None
    data = {"version": version[1], "encoder": ENCODER, **CELL, "threshold": threshold}
    answer = await send(lead, "/thresholds/propose", "/thresholds", **data)
    assert answer.status_code == 422
    assert len(office.rooms.library._versions.all()) == before


async def test_a_candidate_s_effect_is_asked_for_that_candidate(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, object]] = []
    real = LearningApi.effect

    async def noted(self: LearningApi, query: dict[str, object]) -> object:
        asked.append(query)
        return await real(self, query)

    monkeypatch.setattr(LearningApi, "effect", noted)
    lead = await office.browser(Scope.LEAD)
    page = (await lead.get("/thresholds", params={**CELL, "threshold": "0.81"})).text
    assert asked[-1] == {**CELL, "threshold": 0.81}
    assert "Watch 0.810 as shadow" in page
    assert "People have answered too few ads" in page


async def test_the_values_are_there_while_their_effect_is_not(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(self: LearningApi, query: object) -> object:
        raise ServiceError(Code.ROOM_UNAVAILABLE, "The ledger is being restarted.")

    monkeypatch.setattr(LearningApi, "effect", down)
    lead = await office.browser(Scope.LEAD)
    page = await lead.get("/thresholds", params=CELL)
    assert page.status_code == 200
    assert "The ledger is being restarted." in page.text
    assert "0.700" in page.text


async def test_a_reviewer_reads_them_and_changes_none(office: Office) -> None:
    reviewer = await office.browser(Scope.CONSOLE)
    page = await reviewer.get("/thresholds", params=CELL)
    assert page.status_code == 200
    assert 'method="post"' not in page.text.partition("<main")[2]
    for path in ("/thresholds/propose", "/thresholds/state"):
        answer = await send(reviewer, path, version="file", state="active", threshold="0.5")
        assert answer.status_code == 403


async def test_a_version_that_there_is_not_is_said(office: Office) -> None:
    lead = await office.browser(Scope.LEAD)
    assert (await lead.get("/thresholds", params={"version": "feed"})).status_code == 404
