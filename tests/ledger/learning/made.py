"""Decisions on record as the ledger makes them, with what people said of them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import select

from adjudicate.documents import Case, Decision, Match, Ruling
from executors.ledger.evidence import evidence_row
from executors.ledger.queue.entering import case_row, enqueue
from executors.ledger.queue.rulings import put_ruling, settle
from executors.ledger.store import QUEUE, DecisionStore, Record
from executors.ledger.times import stamp
from executors.shared.database import writing
from executors.shared.settings import QueueSettings

RULE = "CN-AD-28"

PHASH = "f" * 64
"""Of the ad that the others are near-duplicates of."""


def apart(bits: int) -> str:
    """A PDQ hash that differs from `PHASH` in so many bits."""
    return f"{int(PHASH, 16) ^ ((1 << bits) - 1):064x}"


def record(store: DecisionStore, name: str, outcome: str = "escalate", **fields: Any) -> str:
    """A decision with its evidence and, where people look at it, its case; its id is `name`.

    `fields`: of the case, or of the decision.
    """
    of_case = {key: fields.pop(key) for key in list(fields) if key in _OF_CASE}
    at = fields.pop("at", stamp())
    case = Case(id=name, ad_id=f"ad-{name}", content_hash=name, **of_case)
    decision = Decision(
        id=name,
        ad_id=f"ad-{name}",
        outcome=outcome,
        rule=fields.pop("rule", "" if outcome == "approve" else RULE),
        decided_at=at,
        **{"reasons": ["uncertain"], **fields},
    )
    settings = QueueSettings(reject_share=0)
    evidence = evidence_row(case, decision, "all")
    row = case_row(decision, name, evidence, settings, case.probability)
    store.record([Record(decision, name, case=case, evidence=evidence, queued=row)])
    with writing(store.engine) as connection:
        there = connection.scalar(select(QUEUE.c.state).where(QUEUE.c.decision_id == name))
        if row is not None and there is None:
            enqueue(connection, [row])
    return name


def rule_on(
    store: DecisionStore, name: str, outcome: str, source: str = "review", **fields: Any
) -> None:
    """A person's ruling, which settles the case."""
    at = fields.pop("at", stamp())
    ruling = Ruling(
        id=name,
        outcome=outcome,
        source=source,
        at=at,
        **{
            "rule": RULE if outcome == "reject" else "",
            "by": "key:mei",
            "by_name": "Mei",
            **fields,
        },
    )
    with writing(store.engine) as connection:
        put_ruling(connection, ruling)
        settle(connection, [name], at)


def picture(name: str) -> str:
    """What stands for the SHA-256 of a picture's bytes."""
    return hashlib.sha256(name.encode()).hexdigest()


def violation(category: str = "cure", rule: str = RULE, **fields: Any) -> Match:
    """A match with a known violation."""
    said = {"exemplar_id": "e", "similarity": 0.9, "threshold": 0.8, **fields}
    return Match(category=category, rule=rule, **said)


_OF_CASE = (
    *("text", "advertiser", "market", "product", "language", "phash", "picture", "verdict"),
    *("probability",),
)

on_both = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
"""For a test of what may differ from database to database: locks, joins, what is written."""
