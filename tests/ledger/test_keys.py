"""Idempotency keys: one decision per key, whoever asks and however many ask at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy import Connection, delete, func, select

from adjudicate.documents import Case, Decision, Match, Problem
from executors.ledger import keys
from executors.ledger.keys import Claim, fingerprint, take_keys
from executors.ledger.recorder import Recorder
from executors.ledger.store import DECISIONS, HITS, KEYS, DecisionStore
from executors.shared.database import writing
from executors.shared.settings import DecisionSettings


@pytest.fixture
def url(any_database: str) -> str:
    """What differs from database to database is tested on both."""
    return any_database


@pytest.fixture
def store(sqlite_url: str) -> DecisionStore:
    return DecisionStore(sqlite_url)


def settle(store: DecisionStore, *cases: Case) -> list[Decision]:
    return Recorder(store, DecisionSettings()).settle(cases)


def case(key: str | None = "k", content: str = "c", **fields: Any) -> Case:
    return Case(content_hash=content, idempotency_key=key, **fields)


def test_a_repeat_gets_the_decision_that_is_recorded(store: DecisionStore) -> None:
    (first,) = settle(store, case(flagged=True, ad_id="a"))
    (second,) = settle(store, case(flagged=False, ad_id="a"))
    assert (first.outcome, second.outcome) == ("escalate", "escalate")
    assert (second.id, second.decided_at) == (first.id, first.decided_at)
    assert store.count() == 1


def test_a_repeat_is_answered_under_the_id_of_the_ad_that_asks(store: DecisionStore) -> None:
    (first,) = settle(store, case(ad_id="a"))
    (second,) = settle(store, case(ad_id="b"))
    assert (second.id, second.ad_id) == (first.id, "b")
    held = store.get(first.id or "")
    assert held is not None
    assert held.ad_id == "a"


@pytest.mark.parametrize(
    "other",
    [
        {"content": "d"},
        {"market": "US"},
        {"product": "drug"},
        {"language": "zh"},
        {"rationale": "never"},
        {"advertiser": "other"},
        {"context": {"slot": "feed"}},
    ],
)
def test_a_key_with_other_content_is_that_ads_problem_alone(
    store: DecisionStore, other: dict[str, Any]
) -> None:
    (first,) = settle(store, case(ad_id="a"))
    refused, fine = settle(store, case(ad_id="b", **other), case("k2", ad_id="c"))
    assert (refused.outcome, refused.reasons) == ("error", ["idempotency_conflict"])
    assert refused.problem is not None
    assert refused.problem.code == "idempotency_conflict"
    assert first.id is not None
    assert first.id in refused.problem.detail
    assert fine.outcome == "approve"
    held = store.get("b")
    assert held is not None, "a refusal is on record too"
    assert held.outcome == "error"


def test_what_says_nothing_of_the_content_makes_no_conflict(store: DecisionStore) -> None:
    (first,) = settle(store, case(deadline=1.0, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"))
    (second,) = settle(store, case(deadline=2.0))
    assert second.id == first.id


def test_two_of_one_key_in_one_message(url: str) -> None:
    store = DecisionStore(url)
    first, same, other = settle(store, case(ad_id="a"), case(ad_id="b"), case(content="d"))
    assert (same.id, same.ad_id, first.ad_id) == (first.id, "b", "a")
    assert other.reasons == ["idempotency_conflict"]
    assert store.count() == 2


def test_without_a_key_the_same_content_is_decided_each_time(store: DecisionStore) -> None:
    first, second = settle(store, case(None), case(None))
    assert first.id != second.id
    assert store.count() == 2


def test_an_error_takes_no_key(store: DecisionStore) -> None:
    (failed,) = settle(store, case(problem=Problem(code="out_of_memory")))
    (again,) = settle(store, case())
    assert (failed.outcome, again.outcome) == ("error", "approve")


def test_a_message_that_is_delivered_twice_is_no_conflict(store: DecisionStore) -> None:
    (one,) = settle(store, case())
    again = [case(id=one.id), case(content="d", ad_id="x")]
    first = settle(store, *again)
    assert first[0].id == one.id
    assert [d.id for d in settle(store, *again)] == [d.id for d in first]
    assert store.count() == 2


def test_hits_are_counted_once_per_key(store: DecisionStore) -> None:
    for content in ("c", "c", "d"):
        matches = DocList[Match]([Match(exemplar_id="e", similarity=0.9)])
        settle(store, case(content=content, flagged=True, matches=matches))
    with store._engine.connect() as connection:
        assert connection.scalar(select(HITS.c.flagged)) == 1


def test_a_key_goes_with_its_decision(url: str) -> None:
    store = DecisionStore(url)
    settle(store, case(), case("k2"))
    with writing(store._engine) as connection:
        connection.execute(delete(DECISIONS).where(DECISIONS.c.number == 1))
    with store._engine.connect() as connection:
        assert connection.scalars(select(KEYS.c.key)).all() == ["k2"]
    (anew,) = settle(store, case(content="other"))
    assert anew.outcome == "approve"


def test_ledgers_that_race_for_the_same_keys_agree(url: str) -> None:
    names = [f"key-{n}" for n in range(50)]
    start = threading.Barrier(4)
    answers: list[dict[str, str]] = []

    def work(seed: int) -> None:
        store = DecisionStore(url)
        mixed = names if seed % 2 else names[::-1]
        start.wait(10)
        decided = settle(store, *(case(key, content=key, ad_id=key) for key in mixed))
        answers.append({d.ad_id: f"{d.outcome} {d.id}" for d in decided})
        store.close()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 4
    assert all(answer == answers[0] for answer in answers)
    assert all(said.startswith("approve") for said in answers[0].values())
    store = DecisionStore(url)
    with store._engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(DECISIONS)) == len(names)


def test_a_message_may_hold_more_than_a_statement_can(
    store: DecisionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "PARAMETERS", 3)
    cases = [case(str(n), content=str(n), ad_id=str(n)) for n in range(10)]
    first, second = (settle(store, *cases) for _ in range(2))
    assert [decision.id for decision in second] == [decision.id for decision in first]
    assert [decision.ad_id for decision in second] == [str(n) for n in range(10)]
    assert store.count() == 10


def insert_approval(connection: Connection, name: str, content: str) -> None:
    row = {"id": name, "ad_id": "a", "outcome": "approve", "content_hash": content}
    texts = {"rule": "", "reasons": "[]", "trace_id": "", "decided_at": "", "versions": "{}"}
    document = Decision(id=name, outcome="approve").model_dump_json()
    connection.execute(DECISIONS.insert().values(**row, **texts, document=document))


def test_a_key_that_is_just_being_taken_is_waited_for(url: str) -> None:
    store, other = DecisionStore(url), DecisionStore(url)
    given = case()
    decided: list[Decision] = []
    with writing(store._engine) as connection:
        take_keys(connection, KEYS, [Claim("k", "first", fingerprint(given))])
        waiting = threading.Thread(target=lambda: decided.extend(settle(other, given)))
        waiting.start()
        waiting.join(0.3)
        assert decided == [], "it can be neither a repeat nor a new one yet"
        insert_approval(connection, "first", "c")
    waiting.join(10)
    assert [decision.id for decision in decided] == ["first"]


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_who_waits_for_a_key_holds_no_later_one(url: str, order: str) -> None:
    store, other = DecisionStore(url), DecisionStore(url)
    cases = [case(key, content=key) for key in order]
    claims = {one.content_hash: fingerprint(one) for one in cases}
    decided: list[Decision] = []
    with writing(store._engine) as connection:
        take_keys(connection, KEYS, [Claim("a", "first", claims["a"])])
        waiting = threading.Thread(target=lambda: decided.extend(settle(other, *cases)))
        waiting.start()
        waiting.join(0.3)
        take_keys(connection, KEYS, [Claim("b", "second", claims["b"])])
        insert_approval(connection, "first", "a")
        insert_approval(connection, "second", "b")
    waiting.join(10)
    ids = {"a": "first", "b": "second"}
    assert [decision.id for decision in decided] == [ids[key] for key in order]
