"""Hit counts: which exemplar flagged what, and what became of it."""

import multiprocessing
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import select

from adjudicate.documents import Case, Match, Problem
from executors.ledger.recorder import Recorder
from executors.ledger.store import HITS, DecisionStore
from executors.shared.settings import DecisionSettings


@pytest.fixture
def url(any_database: str) -> str:
    return any_database


def recorder(url: str) -> Recorder:
    return Recorder(DecisionStore(url), DecisionSettings())


def counts(url: str) -> dict[str, tuple[int, int, int]]:
    with DecisionStore(url)._engine.connect() as connection:
        rows = connection.execute(select(HITS)).all()
    return {row.exemplar_id: (row.flagged, row.rejected, row.overturned) for row in rows}


def flagged(*matched: str, **fields: Any) -> Case:
    matches = DocList[Match]([Match(exemplar_id=name, similarity=0.9) for name in matched])
    return Case(text="x", content_hash="c", flagged=True, matches=matches, **fields)


def judged(*matched: str, verdict: str, probability: float, **fields: Any) -> Case:
    return flagged(*matched, verdict=verdict, probability=probability, **fields)


def test_each_outcome_is_counted_for_each_violation_that_matched(url: str) -> None:
    recorder(url).settle(
        [
            judged("a", "b", verdict="violation", probability=0.9),
            judged("a", verdict="compliant", probability=0.1),
            judged("a", verdict="compliant", probability=0.5),
            flagged("b"),
        ]
    )
    assert counts(url) == {"a": (3, 1, 1), "b": (2, 1, 0)}


def test_a_compliant_near_duplicate_is_escalated_and_overturns_its_exemplar(url: str) -> None:
    case = judged("a", verdict="compliant", probability=0.1, near_duplicate="similarity")
    (decision,) = recorder(url).settle([case])
    assert decision.outcome == "escalate"
    assert counts(url) == {"a": (1, 0, 1)}


def test_a_copy_that_needed_no_judge_counts_as_rejected(url: str) -> None:
    case = flagged("a", near_duplicate="hash")
    case.flagged = False
    recorder(url).settle([case])
    assert counts(url) == {"a": (1, 1, 0)}


def test_the_judges_word_does_not_count_where_the_ad_addresses_it(url: str) -> None:
    case = judged("a", verdict="compliant", probability=0.1, instruction_found=True)
    recorder(url).settle([case])
    assert counts(url) == {"a": (1, 0, 0)}


@pytest.mark.parametrize(
    "case",
    [
        flagged("a", problem=Problem(code="image_truncated")),
        flagged("a", audit=True, verdict="compliant", probability=0.1),
        Case(text="x", matches=DocList[Match]([Match(exemplar_id="a")]), reasons=["lookalike"]),
    ],
)
def test_what_did_not_flag_is_not_counted(url: str, case: Case) -> None:
    recorder(url).settle([case])
    assert counts(url) == {}


def test_look_alikes_and_terms_are_no_hits(url: str) -> None:
    case = flagged("a")
    case.matches = DocList[Match](
        [
            Match(exemplar_id="a"),
            Match(exemplar_id="a", signal="text"),
            Match(exemplar_id="good", polarity="lookalike"),
            Match(exemplar_id="CN-AL-16", signal="term"),
            Match(exemplar_id="", signal="term"),
        ]
    )
    recorder(url).settle([case])
    assert counts(url) == {"a": (1, 0, 0)}


def test_a_decision_that_is_recorded_again_is_not_counted_again(url: str) -> None:
    case = judged("a", verdict="violation", probability=0.9)
    recorder(url).settle([case])
    recorder(url).settle([case])
    recorder(url).settle([case, case])
    assert counts(url) == {"a": (1, 1, 0)}


def test_hits_are_lost_with_the_decision_that_cannot_be_recorded(url: str) -> None:
    held = judged("a", verdict="violation", probability=0.9)
    other = judged("b", verdict="violation", probability=0.9, id=held.id)
    other.content_hash = "another"
    first, second = recorder(url).settle([held]) + recorder(url).settle([other])
    assert (first.outcome, second.outcome) == ("reject", "error")
    assert counts(url) == {"a": (1, 1, 0)}


def _settle_many(url: str, names: list[str]) -> None:
    one = recorder(url)
    for _ in range(20):
        one.settle([flagged(*names), flagged(*reversed(names))])


def test_ledgers_side_by_side_lose_no_count(url: str) -> None:
    recorder(url)
    names = ["a", "b", "c"]
    context = multiprocessing.get_context("spawn")
    ledgers = [
        context.Process(target=_settle_many, args=(url, order)) for order in (names, names[::-1])
    ]
    for ledger in ledgers:
        ledger.start()
    for ledger in ledgers:
        ledger.join(120)
    assert [ledger.exitcode for ledger in ledgers] == [0, 0]
    assert counts(url) == dict.fromkeys(names, (80, 0, 0))
