"""Propagation in tests: a settled ad, its near-duplicates, and what became of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, update

from adjudicate.documents import Propagation
from adjudicate.errors import AdError, Code
from executors.ledger.queue.rulings import rulings_of
from executors.ledger.store import METADATA, QUEUE, DecisionStore
from executors.shared.database import writing
from tests.ledger.learning.made import PHASH, apart, picture, record, rule_on

ENTRIES = METADATA.tables["audit_entries"]
LEAD = {"by": "key:lea", "by_name": "Lea", "role": "lead"}
REVIEWER = {"by": "key:mei", "by_name": "Mei", "role": "reviewer"}


def settled(store: DecisionStore, outcome: str = "reject", **fields: Any) -> str:
    """An ad that a person has settled; the others of a test are its near-duplicates."""
    record(store, "known", **{"phash": PHASH, "picture": picture("known"), **fields})
    rule_on(store, "known", outcome)
    return "known"


def alike(store: DecisionStore, name: str, outcome: str = "escalate", **fields: Any) -> str:
    return record(store, name, outcome, **{"phash": apart(4), "picture": picture(name), **fields})


def asked(**fields: Any) -> Propagation:
    return Propagation(**{"decision_id": "known", **REVIEWER, **fields})


def rulings(store: DecisionStore, *names: str) -> dict[str, tuple[str, str]]:
    with store.engine.connect() as connection:
        found = rulings_of(connection, names)
    return {name: (one.outcome, one.source) for name, one in found.items()}


def case(store: DecisionStore, name: str) -> dict[str, Any]:
    with store.engine.connect() as connection:
        row = connection.execute(select(QUEUE).where(QUEUE.c.decision_id == name)).one()
    return dict(row._mapping)


def set_case(store: DecisionStore, name: str, **values: Any) -> None:
    with writing(store.engine) as connection:
        connection.execute(update(QUEUE).where(QUEUE.c.decision_id == name).values(**values))


def refusal(work: Any, asked: Any) -> Code:
    with pytest.raises(AdError) as error:
        work(asked)
    return error.value.code
