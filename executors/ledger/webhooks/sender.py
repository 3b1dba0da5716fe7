"""Sends what waits in the outbox: at least once each, until a receiver takes it or time is up."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from sqlalchemy import Engine, Row
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import WebhookDelivery
from executors.ledger.times import stamp
from executors.ledger.webhooks.deliveries import delivered, failed, take_due
from executors.ledger.webhooks.signing import secrets_of, signed_headers
from executors.shared.database import writing
from executors.shared.settings import WebhookSettings

AT_ONCE = 4
"""Attempts at a time: a receiver that is slow holds up some messages, not all."""

_GONE = 410
"""The receiver wants no more of them."""
_HOUR = 3_600

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """What came of one: the HTTP status, 0 without an answer, and why it failed."""

    status: int = 0
    error: str = ""
    retry_after_s: float = 0.0

    @property
    def taken(self) -> bool:
        """Whether the receiver has the message."""
        return 200 <= self.status < 300


class Sender:
    """A thread that delivers. `wake`: set when a message was written."""

    def __init__(self, engine: Engine, settings: WebhookSettings, wake: threading.Event) -> None:
        self._engine = engine
        self._settings = settings
        self._wake = wake
        self._ended = threading.Event()
        # Not through redirects: what is signed for one receiver is not another's.
        self._client = httpx.Client(timeout=settings.timeout_s, follow_redirects=False)
        self._pool = ThreadPoolExecutor(AT_ONCE, "webhook")
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def close(self) -> None:
        """Deliver nothing more. What is under way is sent again by whoever starts next, unless it
        ends within its time-out."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(self._settings.timeout_s + 1)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def deliver_due(self) -> int:
        """Try the messages whose time has come, `AT_ONCE` of them; how many there were.

        Raises `SQLAlchemyError`.
        """
        # Longer than an attempt can take: nobody else tries it meanwhile.
        lease_s = 2 * self._settings.timeout_s + 30
        with writing(self._engine) as connection:
            rows = take_due(connection, AT_ONCE, lease_s)
        ids, payloads = [row.id for row in rows], [str(row.payload) for row in rows]
        for row, attempt in zip(rows, self._pool.map(self._attempt, ids, payloads), strict=True):
            self._note(row, attempt)
        return len(rows)

    def test(self) -> WebhookDelivery:
        """Send a message of event `test` now, once, and say what came of it. Nothing is kept."""
        at = stamp()
        payload = json.dumps({"type": "test", "timestamp": at, "data": {}})
        message_id = f"msg_{uuid.uuid4().hex}"
        attempt = self._attempt(message_id, payload)
        return WebhookDelivery(
            id=message_id,
            event="test",
            state="delivered" if attempt.taken else "dead",
            attempts=1,
            status=attempt.status,
            error=attempt.error,
            created_at=at,
            delivered_at=stamp() if attempt.taken else "",
        )

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            if not self._delivered_some():
                self._wake.wait(self._settings.poll_s)

    def _delivered_some(self) -> bool:
        try:
            return self.deliver_due() > 0
        except SQLAlchemyError:
            logger.exception("webhook messages cannot be read or written")
            return False

    def _attempt(self, message_id: str, payload: str) -> Attempt:
        secrets = secrets_of(self._settings)
        headers = signed_headers(secrets, message_id, datetime.now(UTC), payload)
        try:
            # The answer's body is nobody's business, and may have no end.
            with self._client.stream(
                "POST", self._settings.url, content=payload.encode(), headers=headers
            ) as response:
                wait = _retry_after(response.headers.get("retry-after", ""))
                return Attempt(response.status_code, _said(response.status_code), wait)
        except httpx.HTTPError as error:
            return Attempt(error=f"{type(error).__name__}: {error}")

    def _note(self, row: Row[Any], attempt: Attempt) -> None:
        with writing(self._engine) as connection:
            if attempt.taken:
                delivered(connection, row.number, attempt.status)
                return
            dead = failed(
                connection,
                row,
                attempt.status,
                attempt.error,
                give_up_s=self._settings.give_up_h * _HOUR,
                retry_after_s=attempt.retry_after_s,
                final=attempt.status == _GONE,
            )
        level = logging.ERROR if dead else logging.WARNING
        state = "given up" if dead else "to be tried again"
        logger.log(level, "webhook message %s: %s, %s", row.id, attempt.error, state)


def _said(status: int) -> str:
    return "" if 200 <= status < 300 else f"the receiver answered {status}"


def _retry_after(value: str) -> float:
    """Seconds of a `Retry-After`, 0 for none that can be read."""
    if value.strip().isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max((at - datetime.now(at.tzinfo)).total_seconds(), 0.0)
