"""A ledger's queue on a database, with the ads that a test wants in it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from docarray import DocList
from sqlalchemy import select, update

from adjudicate.documents import (
    Appeal,
    Case,
    Claim,
    Decision,
    Match,
    QueueAsk,
    QueueCounts,
    QueueItem,
    Review,
)
from executors.ledger.appeals.appealing import decide_appeal, open_appeal
from executors.ledger.queue.claims import claim, release
from executors.ledger.queue.reading import counts, page
from executors.ledger.queue.reviewing import Reviewing
from executors.ledger.queue.tables import CASES, REVIEWS
from executors.ledger.queue.undoing import BuiltOn, Undoing
from executors.ledger.recorder import Recorder
from executors.ledger.store import DELIVERIES, DecisionStore
from executors.ledger.times import stamp
from executors.ledger.webhooks.outbox import Outbox
from executors.shared.database import writing
from executors.shared.settings import DecisionSettings, QueueSettings

LEASE_S = 600


class Desk:
    """Each method is one transaction, as each request is."""

    def __init__(self, store: DecisionStore, settings: QueueSettings, built_on: BuiltOn) -> None:
        self.store = store
        self.engine = store.engine
        self.outbox = Outbox(on=True)
        self.reviewing = Reviewing(settings, self.outbox)
        self._undoing = Undoing(settings, self.outbox, built_on)
        self._recorder = Recorder(store, DecisionSettings(), queue=settings)

    def decide(self, *cases: Case) -> list[Decision]:
        """Through the decision table, on record, and queued where people must look."""
        return self._recorder.settle(cases)

    def escalated(self, **fields: Any) -> str:
        """The id of an ad that the judge was not sure of."""
        return self._one("escalate", verdict="compliant", probability=0.5, **fields)

    def rejected(self, **fields: Any) -> str:
        return self._one("reject", verdict="violation", probability=0.9, **fields)

    def sampled(self, **fields: Any) -> str:
        """The id of an approved ad of the audit sample."""
        return self._one("approve", verdict="compliant", probability=0.1, audit=True, **fields)

    def claim(self, by: str, decision_id: str = "", role: str = "reviewer", **more: Any) -> str:
        """The id of the case that is theirs now."""
        asked = Claim(id=decision_id, by=by, by_name=by.title(), role=role, **more)
        with writing(self.engine) as connection:
            return claim(connection, asked, LEASE_S).id or ""

    def release(self, by: str, decision_id: str = "", role: str = "reviewer") -> list[str]:
        with writing(self.engine) as connection:
            released = release(connection, Claim(id=decision_id, by=by, role=role))
        return [item.id or "" for item in released]

    def answer(self, by: str, decision_id: str, answer: str = "violation", **more: Any) -> Review:
        more = {"role": "reviewer", "note": "since" if answer == "skip" else "", **more}
        asked = Review(id=decision_id, answer=answer, by=by, by_name=by.title(), **more)
        with writing(self.engine) as connection:
            return self.reviewing.answer(connection, asked)

    def undo(self, by: str, decision_id: str = "", number: int = 0, role: str = "reviewer") -> Any:
        asked = Review(id=decision_id, number=number, by=by, by_name=by.title(), role=role)
        with writing(self.engine) as connection:
            return self._undoing.undo(connection, asked)

    def appeal(self, decision_id: str, reason: str = "it cures nothing", **more: Any) -> Appeal:
        asked = Appeal(decision_id=decision_id, reason=reason, by="key:shop", **more)
        with writing(self.engine) as connection:
            return open_appeal(connection, asked)

    def decide_appeal(self, by: str, appeal_id: str, state: str, **more: Any) -> Appeal:
        asked = Appeal(id=appeal_id, state=state, by=by, by_name=by.title(), **more)
        with writing(self.engine) as connection:
            return decide_appeal(connection, asked, self.reviewing)

    def page(self, **asked: Any) -> list[QueueItem]:
        with self.engine.connect() as connection:
            return page(connection, QueueAsk(**asked))

    def ids(self, **asked: Any) -> list[str]:
        return [item.id or "" for item in self.page(**asked)]

    def item(self, decision_id: str) -> QueueItem:
        return self.page(decision_id=decision_id)[0]

    def counts(self, **asked: Any) -> QueueCounts:
        with self.engine.connect() as connection:
            return counts(connection, QueueAsk(**asked))

    def counted(self, decision_id: str) -> str:
        """What counts for the ad: the ruling's outcome, or the decision's."""
        held = self.store.get(decision_id)
        assert held is not None
        return held.ruling.outcome if held.ruling else held.outcome

    def told(self) -> list[dict[str, Any]]:
        """The messages of the outbox."""
        with self.engine.connect() as connection:
            query = select(DELIVERIES.c.payload).order_by(DELIVERIES.c.number)
            return [json.loads(payload) for payload in connection.scalars(query)]

    def age_review(self, number: int, seconds: float) -> None:
        """Let a review have been given so long ago."""
        with writing(self.engine) as connection:
            this = update(REVIEWS).where(REVIEWS.c.number == number)
            connection.execute(this.values(at=stamp(-seconds)))

    def end_lease(self, decision_id: str) -> None:
        """Let the time of a lease be over."""
        with writing(self.engine) as connection:
            this = update(CASES).where(CASES.c.decision_id == decision_id)
            connection.execute(this.values(lease_until=stamp(-1)))

    def _one(self, outcome: str, **fields: Any) -> str:
        content = fields.pop("content_hash", uuid.uuid4().hex)
        case = Case(content_hash=content, **{"flagged": not fields.get("audit"), **fields})
        (decision,) = self.decide(case)
        assert decision.outcome == outcome
        return decision.id or ""


def match(severity: str = "medium", **fields: Any) -> DocList[Match]:
    """The matches of an ad that is like one violation."""
    said = {"category": "cure", "rule": "CN-AL-16", "similarity": 0.9, **fields}
    return DocList[Match]([Match(exemplar_id="e", severity=severity, **said)])


def each(items: Sequence[Any], name: str) -> list[Any]:
    return [getattr(item, name) for item in items]
