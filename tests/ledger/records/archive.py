"""A ledger's records as the room makes them: ads go in as cases, by the real recorder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from adjudicate.content import content_hash
from adjudicate.documents import Case, Decision, DecisionAsk
from executors.ledger.recorder import Recorder
from executors.ledger.records.asking import Ask, read
from executors.ledger.records.near import NearPictures
from executors.ledger.records.searching import Search
from executors.ledger.store import (
    DECISIONS,
    EVIDENCE,
    QUEUE,
    RULINGS,
    DecisionStore,
)
from executors.ledger.times import stamp
from executors.shared.database import writing
from executors.shared.pictures import PictureStore
from executors.shared.settings import DecisionSettings

DAY = 86_400
REJECTED: dict[str, Any] = {"flagged": True, "verdict": "violation", "probability": 0.9}
ESCALATED: dict[str, Any] = {"flagged": True, "verdict": "invalid"}
HASH = "f" * 64
"""A PDQ hash that others are made from."""


def apart(bits: int) -> str:
    """A hash that differs from `HASH` in so many bits."""
    return f"{int(HASH, 16) ^ ((1 << bits) - 1):064x}"


@dataclass
class Archive:
    """A store of decisions, and pictures beside it."""

    store: DecisionStore
    pictures: PictureStore
    keep: str = "all"

    def add(
        self,
        ad: str,
        text: str = "Fresh apples",
        *,
        image: bytes = b"",
        age_days: float = 0,
        **said: Any,
    ) -> Decision:
        """Record an ad, and keep its picture as the gateway does."""
        (decision,) = self.add_all([self.case(ad, text, image=image, **said)])
        if image and self.evidence(decision.id).picture_gone_at == "":
            self.pictures.put(image)
        if age_days:
            self.age(decision.id, age_days)
        return decision

    def add_all(self, cases: list[Case]) -> list[Decision]:
        return Recorder(self.store, DecisionSettings(), keep_pictures=self.keep).settle(cases)

    def case(self, ad: str, text: str, *, image: bytes = b"", **said: Any) -> Case:
        picture = hashlib.sha256(image).hexdigest() if image else said.pop("picture", "")
        return Case(
            ad_id=ad,
            text=text,
            picture=picture,
            content_hash=content_hash(image or None, text),
            **said,
        )

    def age(self, decision_id: str | None, days: float) -> None:
        """Have a decision be so old."""
        at = stamp(-days * DAY)
        with writing(self.store.engine) as connection:
            for table, column in ((DECISIONS, "id"), (EVIDENCE, "decision_id")):
                change = update(table).where(table.c[column] == decision_id)
                connection.execute(change.values(decided_at=at))

    def rule(self, decision_id: str | None, outcome: str, rule: str = "") -> None:
        """What a person ruled, and the case settled."""
        with writing(self.store.engine) as connection:
            connection.execute(
                insert(RULINGS).values(
                    decision_id=decision_id,
                    outcome=outcome,
                    rule=rule,
                    source="review",
                    by="key:1",
                    by_name="Mei",
                    note="the copy says so",
                    at=stamp(),
                )
            )

    def settle(self, decision_id: str | None) -> None:
        with writing(self.store.engine) as connection:
            change = update(QUEUE).where(QUEUE.c.decision_id == decision_id)
            connection.execute(change.values(state="settled", settled_at=stamp()))

    def evidence(self, decision_id: str | None) -> Row[Any]:
        with self.store.engine.connect() as connection:
            query = select(EVIDENCE).where(EVIDENCE.c.decision_id == decision_id)
            return connection.execute(query).one()

    def read(self, work: Any) -> Any:
        with self.store.engine.connect() as connection:
            return work(connection)

    def everything(self) -> str:
        """All text of all tables: what must not be found in it is not there."""

        def rows(connection: Connection) -> str:
            tables = DECISIONS.metadata.sorted_tables
            return "\n".join(str(row) for t in tables for row in connection.execute(select(t)))

        return str(self.read(rows))

    def search(self, distance: int = 31) -> Search:
        return Search(self.store.engine, NearPictures(self.store.engine, EVIDENCE), distance)

    def found(self, **asked: Any) -> list[str]:
        """The ads of the rows that an ask finds."""
        return [row.ad_id for row in self.search().rows(ask(**asked))]


def ask(**asked: Any) -> Ask:
    return read(DecisionAsk(**asked))
