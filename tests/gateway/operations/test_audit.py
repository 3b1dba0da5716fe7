"""The audit trail in the JSON contract: pages, a whole export, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import AuditAsk, AuditCheck, AuditEntry, Problem
from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.operations import audit
from executors.gateway.operations.audit import AuditApi


class Ledger:
    """A room with a trail of numbers."""

    def __init__(self, count: int = 0, problem: Problem | None = None) -> None:
        self.count = count
        self.problem = problem
        self.asked: list[Any] = []
        self.noted: list[Any] = []

    async def post(self, endpoint: str, docs: Any, answers: Any) -> Any:
        (asked,) = docs
        self.asked.append(asked)
        if self.problem is not None:
            return DocList[answers]([answers(problem=self.problem)])
        if endpoint == "/audit/verify":
            return DocList[AuditCheck]([AuditCheck(whole=True, entries=self.count, head="h")])
        numbers = range(1, self.count + 1)
        if asked.oldest:
            found = [number for number in numbers if number > asked.before]
        else:
            found = [n for n in reversed(numbers) if not asked.before or n < asked.before]
        return DocList[AuditEntry](map(entry, found[: asked.limit]))

    async def note(self, *deed: Any) -> None:
        self.noted.append(deed)


def entry(number: int) -> AuditEntry:
    return AuditEntry(number=number, what="reviewed", facts='{"answer":"skip","名":1}')


def api(*arguments: Any) -> tuple[AuditApi, Ledger]:
    ledger = Ledger(*arguments)
    rooms: Any = ledger
    return AuditApi(rooms), ledger


async def test_a_page_has_its_facts_as_an_object_and_nothing_of_jinas() -> None:
    trail, ledger = api(3)
    found = await trail.list({"what": "reviewed", "by": "key:*", "since": "2025", "limit": 2})
    first = found["entries"][0]
    assert (first["number"], first["facts"]) == (3, {"answer": "skip", "名": 1})
    assert set(first) == {"number", "at", "what", "subject", "by", "facts", "previous", "hash"}
    (asked,) = ledger.asked
    assert isinstance(asked, AuditAsk)
    assert (asked.what, asked.actor, asked.since, asked.limit) == ("reviewed", "key:*", "2025", 2)
    more = await trail.list({"before": 2})
    assert [one["number"] for one in more["entries"]] == [1]


async def test_an_export_is_all_of_it_whatever_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST", 4)
    for count in (0, 3, 4, 9):
        trail, _ = api(count)
        lines = [json.loads(line) async for line in trail.lines({})]
        assert [line["number"] for line in lines] == list(range(1, count + 1))


async def test_a_check_is_told_without_jinas_id() -> None:
    trail, ledger = api(3)
    found = await trail.verify({"head": "noted"})
    assert (found["whole"], found["entries"], "id" in found) == (True, 3, False)
    assert ledger.asked[0].head == "noted"


async def test_what_people_do_in_the_console_is_handed_on() -> None:
    trail, ledger = api()
    await trail.note("signed_in", "key:a", {})
    assert ledger.noted == [("signed_in", "key:a", {})]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": 0}, Code.INVALID_FIELD),
        ({"limit": 1_001}, Code.INVALID_FIELD),
        ({"before": -1}, Code.INVALID_FIELD),
        ({"subject": 7}, Code.INVALID_FIELD),
    ],
)
async def test_a_query_that_cannot_be_is_refused(query: dict[str, Any], code: Code) -> None:
    trail, ledger = api(3)
    with pytest.raises(RequestError) as refused:
        await trail.list(query)
    assert refused.value.code in (code, Code.MALFORMED)
    assert ledger.asked == []


async def test_a_ledger_that_cannot_answer_is_said() -> None:
    trail, _ = api(0, Problem(code=Code.INTERNAL, detail="the disk is gone"))
    with pytest.raises(ServiceError, match="the disk is gone"):
        await trail.list({})
    trail, _ = api(0, Problem(code=Code.OVERLOADED, detail="others are under way"))
    with pytest.raises(ServiceError, match="under way"):
        await trail.verify({})
