"""The ledger's room answers for the trail, and notes what it does itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from adjudicate.documents import (
    AuditAsk,
    AuditCheck,
    AuditDeed,
    AuditEntry,
    Case,
    Decision,
    Match,
    PersonVerdict,
)
from adjudicate.errors import Code
from executors.ledger.audit.endpoints import MAX_WAITING
from executors.ledger.executor import Ledger
from executors.shared import room
from executors.shared.settings import Settings
from tests.services.tables import fresh_sqlite


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(settings=Settings(database=fresh_sqlite(tmp_path / "adjudicate.db")))
    yield opened
    opened.close()


async def add(ledger: Ledger, *deeds: AuditDeed) -> list[Any]:
    found = await ledger.audit_add(DocList[AuditDeed](deeds))
    return [deed.problem and deed.problem.code for deed in found]


async def page(ledger: Ledger, **asked: Any) -> list[AuditEntry]:
    return list(await ledger.audit_list(DocList[AuditAsk]([AuditAsk(**asked)])))


async def numbers(ledger: Ledger, **asked: Any) -> list[int]:
    return [entry.number for entry in await page(ledger, **asked)]


def deed(what: str, subject: str = "s", by: str = "key:a") -> AuditDeed:
    return AuditDeed(what=what, subject=subject, by=by, facts='{"rule": "R-1"}')


async def test_entries_are_read_in_pages_by_what_by_whom_and_when(ledger: Ledger) -> None:
    await add(ledger, deed("signed_in", "key:a"), deed("threshold_set", "77ab"))
    await add(ledger, deed("threshold_set", "09ed", by="key:b"), deed("signed_in", by="jwt:c"))
    entries = await page(ledger)
    assert [entry.number for entry in entries] == [4, 3, 2, 1]
    assert (entries[2].what, entries[2].subject, entries[2].by) == (
        "threshold_set",
        "77ab",
        "key:a",
    )
    assert entries[2].facts == '{"rule":"R-1"}'
    assert entries[0].previous == entries[1].hash
    assert await numbers(ledger, limit=3) == [4, 3, 2]
    assert await numbers(ledger, limit=3, before=2) == [1]
    assert await numbers(ledger, oldest=True, limit=3) == [1, 2, 3]
    assert await numbers(ledger, oldest=True, before=3) == [4]
    assert await numbers(ledger, what="signed_in") == [4, 1]
    assert await numbers(ledger, subject="77ab") == [2]
    assert await numbers(ledger, actor="key:a") == [2, 1]
    assert await numbers(ledger, actor="key:*") == [3, 2, 1]
    assert await numbers(ledger, actor="%*") == []
    assert await numbers(ledger, subject="77ab\0") == []
    assert await numbers(ledger, since=entries[1].at) == [4, 3]
    assert await numbers(ledger, until=entries[1].at) == [2, 1]


@pytest.mark.parametrize("asked", [{"limit": 0}, {"limit": 1_001}, {"before": -1}])
async def test_a_page_that_cannot_be_is_refused(ledger: Ledger, asked: dict[str, Any]) -> None:
    (entry,) = await page(ledger, **asked)
    assert entry.problem is not None
    assert entry.problem.code == Code.INVALID_FIELD


async def test_deeds_of_the_gateway_are_kept_all_or_none(ledger: Ledger) -> None:
    broken = AuditDeed(what="signed_in", subject="s", by="key:a", facts='{"share": NaN}')
    assert await add(ledger, deed("signed_in"), broken) == [Code.INVALID_FIELD] * 2
    assert await page(ledger) == []
    assert await add(ledger, deed("signed_in")) == [None]


async def test_each_decision_is_told_with_who_decided(ledger: Ledger) -> None:
    copy = Match(exemplar_id="e1", signal="hash", rule="R-1", similarity=1.0)
    cases = [
        Case(text="plain", versions={"encoder": "clip-1"}),
        Case(text="copy", near_duplicate="hash", matches=DocList[Match]([copy])),
        Case(
            *(), text="judged", flagged=True, verdict="violation", probability=0.99,
            versions={"judge": "qwen-1", "encoder": "clip-1"},
        ),
        Case(text="late", flagged=True, verdict="timeout"),
    ]  # fmt: skip
    decided = await ledger.review(DocList[Case](cases))
    entries = (await page(ledger, what="decided"))[::-1]
    assert [entry.subject for entry in entries] == [decision.id for decision in decided]
    assert [entry.by for entry in entries] == [
        "model:screen clip-1", "rule:near_duplicate", "model:judge qwen-1", "service",
    ]  # fmt: skip
    facts = [json.loads(entry.facts) for entry in entries]
    assert [(one["outcome"], one["reason"]) for one in facts] == [
        ("approve", "below_thresholds"),
        ("reject", "near_duplicate:hash"),
        ("reject", "judged_violation"),
        ("escalate", "judge_timeout"),
    ]


async def test_a_request_that_is_repeated_is_told_once(ledger: Ledger) -> None:
    case = Case(text="plain", idempotency_key="k", content_hash="c" * 64)
    for again in (case, case.model_copy(update={"id": "another"})):
        await ledger.review(DocList[Case]([again]))
    assert await numbers(ledger, what="decided") == [1]


async def test_a_verdict_is_told_once_under_the_key_it_came_with(ledger: Ledger) -> None:
    (decision,) = await ledger.review(DocList[Case]([Case(text="plain")]))
    for by in ("mei", "mei", "omar"):
        asked = PersonVerdict(id=decision.id, verdict="overturned", by=by, caller="key:a")
        await ledger.verdict(DocList[PersonVerdict]([asked]))
    entries = await page(ledger, what="reviewed", subject=str(decision.id))
    assert [entry.by for entry in entries] == ["key:a", "key:a"]
    assert json.loads(entries[0].facts) == {"outcome": "approve", "verdict": "overturned"}


async def test_the_room_says_whether_the_trail_is_whole(ledger: Ledger) -> None:
    await ledger.review(DocList[Case]([Case(text="plain"), Case(text="other")]))
    (found,) = await ledger.audit_verify(DocList[AuditCheck]([AuditCheck()]))
    assert (found.whole, found.entries, found.decisions) == (True, 2, 2)
    with ledger._store.engine.begin() as connection:
        connection.execute(text("UPDATE decisions SET document = replace(document, 'a', 'b')"))
    (found,) = await ledger.audit_verify(DocList[AuditCheck]([AuditCheck()]))
    assert (found.whole, len(found.changed)) == (False, 2)


async def test_of_too_many_verifications_the_further_are_refused(ledger: Ledger) -> None:
    asked = DocList[AuditCheck]([AuditCheck() for _ in range(MAX_WAITING + 1)])
    found = await ledger.audit_verify(asked)
    assert {answer.problem.code for answer in found if answer.problem} == {Code.OVERLOADED}
    (found,) = await ledger.audit_verify(DocList[AuditCheck]([AuditCheck()]))
    assert found.problem is None


async def test_a_database_that_fails_is_a_problem_and_no_error(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def __getattr__(self, name: str) -> Any:
            raise OperationalError("the disk is gone", None, OSError())

    monkeypatch.setattr(ledger, "_trail", Gone())
    monkeypatch.setattr(ledger._verifier, "_engine", Gone())
    (entry,) = await page(ledger)
    (found,) = await ledger.audit_verify(DocList[AuditCheck]([AuditCheck()]))
    assert entry.problem is not None
    assert found.problem is not None
    assert await add(ledger, deed("signed_in")) == [Code.INTERNAL]
    assert (entry.problem.code, found.problem.code) == (Code.INTERNAL, Code.INTERNAL)


async def test_a_decision_that_cannot_be_noted_is_not_made(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger._store.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER audit_head_no_delete"))
        connection.execute(text("DELETE FROM audit_head"))
    (decision,) = await ledger.review(DocList[Case]([Case(text="plain")]))
    assert isinstance(decision, Decision)
    assert decision.outcome == "error"
    assert ledger._store.count() == 0
