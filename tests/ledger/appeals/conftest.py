"""The queue's desk."""

from tests.ledger.queue.conftest import (
    database_url,
    desk,
    make_desk,
    one_postgres_url,
)

__all__ = ["database_url", "desk", "make_desk", "one_postgres_url"]
