"""The outbox: what others must know is written in the transaction that makes it true.

So a message is neither lost when a process dies before it is sent, nor sent of what was rolled
back.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert

from executors.ledger.times import stamp
from executors.ledger.webhooks.tables import DELIVERIES

Fact = str | int | float | bool | None


@dataclass(frozen=True)
class Outbox:
    """Where messages wait. Without a receiver, `on` false, none is written."""

    on: bool
    wake: threading.Event = field(default_factory=threading.Event)
    """Set when there is something new: a sender waits for it."""

    def add(
        self, connection: Connection, event: str, decision_id: str, data: Mapping[str, Fact]
    ) -> str:
        """Put a message in the transaction of `connection`, and return its id; empty without a
        receiver. Call `wake.set()` when the transaction has ended.

        `data`: ids and codes, nothing of the ad itself: what has been sent cannot be erased.
        """
        if not self.on:
            return ""
        at = stamp()
        message_id = f"msg_{uuid.uuid4().hex}"
        payload = {"type": event, "timestamp": at, "data": {"decision_id": decision_id, **data}}
        connection.execute(
            insert(DELIVERIES).values(
                id=message_id,
                event=event,
                subject=decision_id,
                payload=json.dumps(payload, ensure_ascii=False, separators=(",", ":")),
                state="pending",
                attempts=0,
                next_at=at,
                status=0,
                error="",
                created_at=at,
                delivered_at="",
            )
        )
        return message_id
