"""A long queue: cases that the ledger's own code decides and records, with no other room."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from adjudicate import Finding, Match
from adjudicate.documents import Case
from executors.ledger.recorder import Recorder
from executors.ledger.store import DecisionStore
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, DecisionSettings

ADVERTISERS = tuple(f"Advertiser {number:02}" for number in range(40))
LONG = "long-"
"""How the ids of their ads begin."""
_AT_A_TIME = 500
_UNSURE = 0.5


def long_queue(url: str, count: int) -> None:
    """Record so many decisions that people have to look at; `url` is SQLAlchemy's."""
    store = DecisionStore(url)
    recorder = Recorder(store, DecisionSettings())
    cases = unsure_cases(count)
    try:
        while batch := list(itertools.islice(cases, _AT_A_TIME)):
            decisions = recorder.settle(batch)
            assert {decision.outcome for decision in decisions} == {"escalate"}
    finally:
        store.close()


def unsure_cases(count: int) -> Iterator[Case]:
    """Flagged ads that the judge was not sure of: copy alone, of every rule and language."""
    rules = [rule for rule in load_policy(ROOT / "policies").rules.values() if rule.examples]
    for number in range(count):
        rule = rules[number % len(rules)]
        example = rule.examples[number % len(rule.examples)]
        claim = example.text
        yield Case(
            id=f"{number:032x}",
            ad_id=f"{LONG}{number}",
            text=f"{claim} — {number}",
            advertiser=ADVERTISERS[number % len(ADVERTISERS)],
            market=rule.markets[number % len(rule.markets)],
            language=example.language,
            content_hash=f"{number:064x}",
            flagged=True,
            verdict="violation",
            probability=_UNSURE,
            matches=[Match(exemplar_id="", rule=rule.code, signal="term", similarity=1.0)],
            findings=[
                Finding(
                    rule=rule.code,
                    claim=claim,
                    verdict="violation",
                    probability=_UNSURE,
                    rationale="Not sure.",
                )
            ],
        )
