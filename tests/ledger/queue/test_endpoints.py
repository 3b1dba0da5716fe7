"""The ledger room's endpoints for what people do, called as Jina calls them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook

from adjudicate.documents import Appeal, Case, Claim, DeliveryAsk, QueueAsk, Review
from adjudicate.errors import Code
from executors.ledger.executor import Ledger
from executors.shared import room
from executors.shared.settings import Settings, WebhookSettings
from tests.ledger.webhooks.receiver import SECRET, Receiver, receiving
from tests.services.tables import fresh_sqlite

WAIT_S = 20
ANN = {"by": "key:ann", "by_name": "Ann", "role": "reviewer"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def ledger(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    database = fresh_sqlite(tmp_path / "ledger.db")
    webhook = WebhookSettings(url=receiver.url, secret=SECRET, poll_s=300)  # type: ignore[arg-type]
    opened = Ledger(settings=Settings(database=database, webhook=webhook))
    yield opened
    opened.close()


async def escalated(ledger: Ledger, **fields: Any) -> str:
    docs = DocList[Case]([Case(flagged=True, verdict="compliant", probability=0.5, **fields)])
    (decision,) = await ledger.review(docs, docs_map={"library": docs})
    return decision.id or ""


async def test_who_must_know_hears_of_it_at_once(ledger: Ledger, receiver: Receiver) -> None:
    case = await escalated(ledger)
    asked = DocList[Review]([Review(id=case, answer="violation", **ANN)])
    (review,) = await ledger.queue_review(asked)
    assert review.state_after == "settled"
    assert receiver.came.wait(WAIT_S)
    ((headers, body),) = receiver.got
    assert Webhook(SECRET).verify(body, headers)["data"]["decision_id"] == case


async def test_each_document_has_its_answer_or_its_problem(ledger: Ledger) -> None:
    case = await escalated(ledger)
    asked = DocList[Review](
        [
            Review(id="none", answer="violation", **ANN),
            Review(id=case, answer="maybe", **ANN),
            Review(id=case, answer="compliant", **ANN),
        ]
    )
    none, wrong, well = await ledger.queue_review(asked)
    assert none.problem is not None
    assert wrong.problem is not None
    assert (none.id, none.problem.code) == ("none", Code.NOT_FOUND)
    assert wrong.problem.code == Code.INVALID_FIELD
    assert (well.id, well.problem, well.outcome_after) == (case, None, "approve")


async def test_a_request_of_no_documents_has_no_answers(ledger: Ledger) -> None:
    assert len(await ledger.queue_claim(DocList[Claim]())) == 0
    assert len(await ledger.queue_list(DocList[QueueAsk]())) == 0


async def test_what_is_asked_is_answered_in_kind(ledger: Ledger) -> None:
    case = await escalated(ledger)
    (claimed,) = await ledger.queue_claim(DocList[Claim]([Claim(id="", **ANN)]))
    assert claimed.id == case
    (counts,) = await ledger.queue_counts(DocList[QueueAsk]([QueueAsk(**ANN)]))
    assert (counts.open, counts.mine) == (1, 1)
    (released,) = await ledger.queue_release(DocList[Claim]([Claim(id="", **ANN)]))
    assert released.id == case
    await ledger.queue_review(DocList[Review]([Review(id=case, answer="violation", **ANN)]))
    (appeal,) = await ledger.appeals_add(
        DocList[Appeal]([Appeal(decision_id=case, reason="no", by="key:shop")])
    )
    assert appeal.state == "open"
    (undone,) = await ledger.queue_undo(DocList[Review]([Review(id=case, **ANN)]))
    assert undone.problem is not None
    assert undone.problem.code == Code.UNDO_REFUSED


async def test_a_test_message_is_sent_now(ledger: Ledger, receiver: Receiver) -> None:
    receiver.answers = [500]
    (sent,) = await ledger.webhooks_test(DocList[DeliveryAsk]([DeliveryAsk(id="")]))
    assert (sent.event, sent.state, sent.status) == ("test", "dead", 500)
    assert await ledger.webhooks_list(DocList[DeliveryAsk]([DeliveryAsk(id="")])) == []


async def test_a_database_that_fails_is_said(ledger: Ledger) -> None:
    with ledger._desk.begin() as connection:
        connection.execute(text("DROP TABLE queue_cases"))
    (found,) = await ledger.queue_claim(DocList[Claim]([Claim(id="", **ANN)]))
    assert found.problem is not None
    assert found.problem.code == Code.INTERNAL
