"""People's verdicts: recorded once, the last word counts, and the decision stays as it was."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from adjudicate.documents import Decision, PersonVerdict
from adjudicate.errors import AdError, Code
from executors.ledger.quality.verdicts import Verdicts
from executors.ledger.store import DECISIONS, VERDICTS, DecisionStore, Record

PAST = "2000-01-01T00:00:00"


@pytest.fixture
def store(any_database: str) -> Iterator[DecisionStore]:
    opened = DecisionStore(any_database)
    opened.record(
        [
            Record(Decision(id=outcome, outcome=outcome, decided_at=PAST), "c")
            for outcome in ("approve", "reject", "escalate", "error")
        ]
    )
    yield opened
    opened.close()


@pytest.fixture
def verdicts(store: DecisionStore) -> Verdicts:
    return Verdicts(store.engine, VERDICTS, DECISIONS)


def said(decision: str, verdict: str, by: str = "mei", note: str = "") -> PersonVerdict:
    return PersonVerdict(id=decision, verdict=verdict, by=by, note=note)


def test_a_verdict_is_held_with_who_when_and_on_what(
    verdicts: Verdicts, store: DecisionStore
) -> None:
    held = verdicts.add(said("reject", "overturned", note="it quotes a study"))
    assert (held.id, held.outcome, held.verdict, held.by) == (
        *("reject", "reject", "overturned", "mei"),
    )
    assert held.note == "it quotes a study"
    assert held.at.endswith("+00:00")
    kept = store.get("reject")
    assert kept is not None
    assert kept.outcome == "reject"


def test_the_same_word_again_changes_nothing(verdicts: Verdicts) -> None:
    first = verdicts.add(said("reject", "upheld", note="once"))
    again = verdicts.add(said("reject", "upheld", note="twice"))
    assert (again.at, again.note) == (first.at, "once")
    assert verdicts.since(PAST) == {("reject", "upheld"): 1}


def test_of_equal_requests_at_once_one_is_recorded(verdicts: Verdicts) -> None:
    with ThreadPoolExecutor(4) as pool:
        held = list(pool.map(verdicts.add, [said("approve", "upheld") for _ in range(8)]))
    assert len({one.at for one in held}) == 1
    assert verdicts.since(PAST) == {("approve", "upheld"): 1}


def test_the_last_word_on_a_decision_counts(verdicts: Verdicts) -> None:
    verdicts.add(said("reject", "upheld", "mei"))
    verdicts.add(said("approve", "upheld", "mei"))
    verdicts.add(said("reject", "overturned", "jo"))
    assert verdicts.since(PAST) == {("reject", "overturned"): 1, ("approve", "upheld"): 1}
    verdicts.add(said("reject", "upheld", "jo"))
    assert verdicts.since(PAST)["reject", "upheld"] == 1
    assert verdicts.since("2999-01-01") == {}


def test_what_cannot_be_is_refused(verdicts: Verdicts) -> None:
    for asked, code in (
        (said("unknown", "upheld"), Code.NOT_FOUND),
        (said("no\0id", "upheld"), Code.NOT_FOUND),
        (said("escalate", "upheld"), Code.NOT_REVIEWABLE),
        (said("error", "overturned"), Code.NOT_REVIEWABLE),
        (said("reject", "maybe"), Code.INVALID_FIELD),
        (said("reject", ""), Code.INVALID_FIELD),
        (said("reject", "upheld", by=" "), Code.INVALID_FIELD),
        (said("reject", "upheld", by="m" * 201), Code.INVALID_FIELD),
        (said("reject", "upheld", note="\0"), Code.INVALID_FIELD),
    ):
        with pytest.raises(AdError) as refused:
            verdicts.add(asked)
        assert refused.value.code is code, asked
    assert verdicts.since(PAST) == {}
