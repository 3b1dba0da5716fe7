"""The queue, appeals and messages in the JSON contract, over a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import Case
from adjudicate.errors import Code, RequestError
from executors.gateway.caller import Scope
from executors.gateway.operations.appeals import AppealApi
from executors.gateway.operations.queue import QueueApi
from executors.gateway.operations.webhooks import WebhookApi
from executors.gateway.routing.settling import Settling
from executors.ledger.executor import Ledger
from executors.shared import room
from executors.shared.policies import load_policy
from executors.shared.settings import ROOT, Settings
from tests.gateway.operations.ledger_rooms import LedgerRooms, asking
from tests.services.tables import fresh_sqlite

POLICY = load_policy(ROOT / "policies")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(settings=Settings(database=fresh_sqlite(tmp_path / "ledger.db")))
    yield opened
    opened.close()


@pytest.fixture
def undone() -> list[str]:
    return []


@pytest.fixture
def rooms(ledger: Ledger, undone: list[str]) -> LedgerRooms:
    async def forget(decision_id: str) -> None:
        undone.append(decision_id)

    return LedgerRooms(ledger, Settling(lambda: POLICY, forget))


@pytest.fixture
def queue(rooms: LedgerRooms) -> QueueApi:
    return QueueApi(rooms)  # type: ignore[arg-type]


@pytest.fixture
def appeals(rooms: LedgerRooms) -> AppealApi:
    return AppealApi(rooms)  # type: ignore[arg-type]


async def escalated(ledger: Ledger, **fields: Any) -> str:
    case = Case(flagged=True, verdict="compliant", probability=0.5, **fields)
    docs = DocList[Case]([case])
    (decision,) = await ledger.review(docs, docs_map={"library": docs})
    assert decision.outcome == "escalate"
    return decision.id or ""


async def test_a_case_is_claimed_answered_and_taken_back(
    ledger: Ledger, queue: QueueApi, undone: list[str]
) -> None:
    case = await escalated(ledger, ad_id="ad", text="cures all")
    with asking("ann", Scope.CONSOLE):
        listed = await queue.list({"limit": "10"})
        assert [(one["id"], one["excerpt"]) for one in listed["cases"]] == [(case, "cures all")]
        claimed = await queue.claim({})
        assert (claimed["id"], claimed["lease_by"], claimed["lease_name"]) == (
            case,
            "key:ann",
            "Ann",
        )
        counts = await queue.counts({})
        assert (counts["open"], counts["mine"], counts["free"]) == (1, 1, 0)
        answered = await queue.review({"id": case, "answer": "violation", "rule": "CN-AL-16"})
        assert (answered["state_after"], answered["outcome_after"]) == ("settled", "reject")
        assert (answered["by"], answered["by_name"]) == ("key:ann", "Ann")
        taken_back = await queue.undo({})
        assert (taken_back["id"], taken_back["state_after"]) == (case, "first")
        assert (await queue.release({}))["cases"][0]["lease_by"] == ""
        assert (await queue.get(case))["state"] == "open"
    assert undone == [case]


async def test_what_people_settled_stands_beside_the_decision(
    ledger: Ledger, queue: QueueApi
) -> None:
    case = await escalated(ledger)
    with asking("ann", Scope.CONSOLE):
        await queue.review({"id": case, "answer": "compliant"})
        assert (await queue.list({}))["cases"] == []
        assert (await queue.list({"state": "all"}))["cases"][0]["id"] == case


async def test_nobody_answers_in_anothers_name(ledger: Ledger, queue: QueueApi) -> None:
    case = await escalated(ledger)
    with asking("ann", Scope.CONSOLE):
        body = {"id": case, "answer": "violation", "by": "key:ben", "role": "lead"}
        assert (await queue.review(body))["by"] == "key:ann"


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (Scope.CONSOLE, {"read", "work"}),
        (Scope.LEAD, {"read", "work"}),
        (Scope.ADMIN, {"read", "work"}),
        (Scope.AUDIT, {"read"}),
        (Scope.REVIEW, set()),
        (Scope.LIBRARY, set()),
    ],
)
async def test_who_may_read_and_who_may_work(
    ledger: Ledger, queue: QueueApi, scope: Scope, may: set[str]
) -> None:
    case = await escalated(ledger)
    asks = {
        "read": lambda: queue.list({}),
        "work": lambda: queue.review({"id": case, "answer": "violation"}),
    }
    with asking("ann", scope):
        for what in may:
            await asks[what]()
        for what in set(asks) - may:
            with pytest.raises(RequestError) as error:
                await asks[what]()
            assert error.value.code == Code.FORBIDDEN


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"id": "x", "answer": "violation"}, Code.NOT_FOUND),
        ({"answer": "violation"}, Code.NOT_FOUND),
        ({"id": 7, "answer": "violation"}, Code.INVALID_FIELD),
        ({"id": "x", "answer": "violation", "rule": "CN-NONE"}, Code.INVALID_FIELD),
        ({"id": "x", "answer": "maybe"}, Code.INVALID_FIELD),
    ],
)
async def test_an_answer_that_cannot_be_is_refused(
    queue: QueueApi, body: dict[str, Any], code: Code
) -> None:
    with asking("ann", Scope.CONSOLE), pytest.raises(RequestError) as error:
        await queue.review(body)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, Code.QUEUE_EMPTY),
        ({"id": "x"}, Code.NOT_FOUND),
        ({"seconds": -1}, Code.MALFORMED),
        ({"skip": "x"}, Code.MALFORMED),
        ({"skip": [1]}, Code.MALFORMED),
        ({"skip": ["x"] * 101}, Code.MALFORMED),
        ({"kind": 1}, Code.INVALID_FIELD),
    ],
)
async def test_a_claim_that_cannot_be_is_refused(
    queue: QueueApi, body: dict[str, Any], code: Code
) -> None:
    with asking("ann", Scope.CONSOLE), pytest.raises(RequestError) as error:
        await queue.claim(body)
    assert error.value.code == code


async def test_an_appeal_is_opened_by_a_client_and_decided_by_another_person(
    ledger: Ledger, queue: QueueApi, appeals: AppealApi
) -> None:
    case = await escalated(ledger)
    with asking("ann", Scope.CONSOLE):
        await queue.review({"id": case, "answer": "violation"})
    with asking("shop", Scope.REVIEW):
        opened = await appeals.open(case, {"reason": "it cures nothing", "contact": "a@b.example"})
        assert (opened["state"], opened["by"], opened["by_name"]) == ("open", "key:shop", "Shop")
        assert (await appeals.get(opened["id"]))["reason"] == "it cures nothing"
        with pytest.raises(RequestError) as error:
            await appeals.decide(opened["id"], {"state": "overturned"})
        assert error.value.code == Code.FORBIDDEN
    with asking("ann", Scope.CONSOLE):
        with pytest.raises(RequestError) as error:
            await appeals.decide(opened["id"], {"state": "overturned"})
        assert error.value.code == Code.OTHER_PERSON
    with asking("ben", Scope.CONSOLE):
        decided = await appeals.decide(opened["id"], {"state": "overturned", "note": "so it is"})
        assert (decided["state"], decided["decided_by"], decided["note"]) == (
            "overturned",
            "key:ben",
            "so it is",
        )
        assert [one["id"] for one in (await appeals.list({"state": "overturned"}))["appeals"]] == [
            opened["id"]
        ]


async def test_messages_are_listed_for_leads_and_auditors(rooms: LedgerRooms) -> None:
    webhooks = WebhookApi(rooms)  # type: ignore[arg-type]
    with asking("ada", Scope.AUDIT):
        assert await webhooks.list({}) == {"messages": []}
        with pytest.raises(RequestError) as error:
            await webhooks.retry({})
        assert error.value.code == Code.FORBIDDEN
    with asking("lea", Scope.LEAD):
        assert await webhooks.retry({}) == {"messages": []}
        with pytest.raises(RequestError) as error:
            await webhooks.test()
        assert error.value.code == Code.WEBHOOK_OFF
