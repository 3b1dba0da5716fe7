"""The client's HTTP transport against the routes of the queue, over a real ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from docarray import DocList

from adjudicate.documents import (
    Appeal,
    AppealAsk,
    Case,
    Claim,
    DeliveryAsk,
    QueueAsk,
    QueueCounts,
    QueueItem,
    Review,
    WebhookDelivery,
)
from adjudicate.errors import Code, ConflictError, NotFoundError, RequestError
from adjudicate.transports.address import parse_url
from adjudicate.transports.http import HttpTransport
from executors.gateway.caller import Scope
from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.ledger.executor import Ledger
from executors.shared import room
from executors.shared.settings import GatewaySettings, Settings
from tests.gateway.operations.ledger_rooms import LedgerRooms, asking
from tests.services.tables import fresh_sqlite


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(settings=Settings(database=fresh_sqlite(tmp_path / "ledger.db")))
    yield opened
    opened.close()


@pytest.fixture
def http(ledger: Ledger) -> HttpTransport:
    api = Api(LedgerRooms(ledger), GatewaySettings())  # type: ignore[arg-type]
    transport = httpx.ASGITransport(create_app(api, 200_000), raise_app_exceptions=False)
    return HttpTransport(parse_url("http://localhost:51001"), {}, transport=transport)


async def escalated(ledger: Ledger) -> str:
    docs = DocList[Case]([Case(flagged=True, verdict="compliant", probability=0.5, text="cures")])
    (decision,) = await ledger.review(docs, docs_map={"library": docs})
    return decision.id or ""


async def test_a_case_is_worked_on_over_http(ledger: Ledger, http: HttpTransport) -> None:
    case = await escalated(ledger)
    with asking("ann", Scope.CONSOLE):
        (listed,) = await http.work("queue", QueueAsk(text="CURES", limit=5), QueueItem)
        assert (listed.id, listed.excerpt) == (case, "cures")
        assert await http.work("queue", QueueAsk(mine=True), QueueItem) == []
        (claimed,) = await http.work("queue.claim", Claim(id="", skip=["x"]), QueueItem)
        assert (claimed.id, claimed.lease_by) == (case, "key:ann")
        (counts,) = await http.work("queue.counts", QueueAsk(kind="escalation"), QueueCounts)
        assert (counts.open, counts.mine) == (1, 1)
        asked = Review(id=case, answer="violation", note="a cure")
        (review,) = await http.work("queue.review", asked, Review)
        assert (review.state_after, review.outcome_after) == ("settled", "reject")
        assert (await http.work("queue.get", QueueAsk(decision_id=case), QueueItem))[0].settled_at
        (settled,) = await http.work("queue", QueueAsk(state=""), QueueItem)
        assert settled.state == "settled"
        assert await http.work("queue.release", Claim(id=""), QueueItem) == []
        with pytest.raises(ConflictError) as conflict:
            await http.work("queue.review", Review(id=case, answer="compliant"), Review)
        assert conflict.value.code == Code.CASE_SETTLED


async def test_an_appeal_is_worked_on_over_http(ledger: Ledger, http: HttpTransport) -> None:
    case = await escalated(ledger)
    with asking("ann", Scope.CONSOLE):
        await http.work("queue.review", Review(id=case, answer="violation"), Review)
    with asking("shop", Scope.REVIEW):
        asked = Appeal(decision_id=case, reason="it cures nothing", contact="a@b.example")
        (opened,) = await http.work("appeals.open", asked, Appeal)
        assert (opened.state, opened.contact, opened.by) == ("open", "a@b.example", "key:shop")
        with pytest.raises(ConflictError) as conflict:
            await http.work("appeals.open", asked, Appeal)
        assert conflict.value.code == Code.APPEAL_OPEN
        ask = AppealAsk(id="", decision_id=case, state="open")
        assert [one.id for one in await http.work("appeals", ask, Appeal)] == [opened.id]
    with asking("ben", Scope.CONSOLE):
        asked = Appeal(id=opened.id, state="overturned", note="so it is")
        (decided,) = await http.work("appeals.decide", asked, Appeal)
        assert (decided.state, decided.decided_name) == ("overturned", "Ben")
        (again,) = await http.work("appeals.get", AppealAsk(id=opened.id), Appeal)
        assert again.note == "so it is"
        with pytest.raises(NotFoundError):
            await http.work("appeals.get", AppealAsk(id="none"), Appeal)


async def test_messages_are_worked_on_over_http(http: HttpTransport) -> None:
    with asking("lea", Scope.LEAD):
        ask = DeliveryAsk(id="", state="dead")
        assert await http.work("webhooks", ask, WebhookDelivery) == []
        assert await http.work("webhooks.retry", DeliveryAsk(id=""), WebhookDelivery) == []
        with pytest.raises(RequestError) as refused:
            await http.work("webhooks.test", DeliveryAsk(id=""), WebhookDelivery)
        assert refused.value.code == Code.WEBHOOK_OFF
