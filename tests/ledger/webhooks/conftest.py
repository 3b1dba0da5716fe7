"""A receiver, and databases to send from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ledger.queue.conftest import database_url, desk, make_desk, one_postgres_url
from tests.ledger.webhooks.receiver import Receiver, receiving

__all__ = ["database_url", "desk", "make_desk", "one_postgres_url", "receiver"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one
