"""The ledger room's endpoints for what is on record, called as Jina calls them."""

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docarray import DocList
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case, DecisionAsk, Erasure, Expiry, Lookup
from executors.ledger.executor import Ledger
from executors.ledger.records.endpoints import _MOST_WAITING
from executors.shared import room
from executors.shared.settings import RetentionSettings, Settings
from tests.services.tables import fresh_sqlite


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(
        settings=Settings(
            database=fresh_sqlite(tmp_path / "adjudicate.db"),
            retention=RetentionSettings(approved_pictures_days=1),
        )
    )
    yield opened
    opened.close()


async def reviewed(ledger: Ledger, *cases: Case) -> list[str]:
    decisions = await ledger.review(DocList[Case](cases))
    return [str(decision.id) for decision in decisions]


async def test_what_was_reviewed_is_found_again(ledger: Ledger) -> None:
    await reviewed(ledger, Case(ad_id="it", text="Cures all", advertiser="Acme"), Case(ad_id="x"))
    (row,) = await ledger.search_decisions(DocList[DecisionAsk]([DecisionAsk(text="cures")]))
    assert (row.ad_id, row.outcome) == ("it", "approve")
    (file,) = await ledger.case(DocList[Lookup]([Lookup(id=row.id)]))
    assert file.evidence.advertiser == "Acme"
    exported = await ledger.export_decisions(DocList[DecisionAsk]([DecisionAsk(by="key:1")]))
    assert [one.ad_id for one in exported] == ["it", "x"]
    assert exported[0].text == "Cures all"


async def test_each_document_has_its_own_problem(ledger: Ledger) -> None:
    known, unknown = await ledger.case(
        DocList[Lookup]([Lookup(id=(await reviewed(ledger, Case(ad_id="it")))[0]), Lookup(id="no")])
    )
    assert known.problem is None
    assert (unknown.id, unknown.problem.code) == ("no", "not_found")
    asks = DocList[DecisionAsk]([DecisionAsk(outcome="maybe"), DecisionAsk()])
    refused, found = await ledger.search_decisions(asks)
    assert (refused.problem.code, found.ad_id) == ("invalid_field", "it")
    near = DocList[DecisionAsk]([DecisionAsk(phash="a" * 64)])
    (refused,) = await ledger.export_decisions(near)
    assert refused.problem.code == "invalid_field"


async def test_erasure_and_expiry_say_what_they_did(ledger: Ledger) -> None:
    await reviewed(ledger, Case(ad_id="it", text="Cures all"))
    (nothing,) = await ledger.erase(DocList[Erasure]([Erasure(ad="none", dry_run=False)]))
    assert nothing.problem.code == "not_found"
    (done,) = await ledger.erase(DocList[Erasure]([Erasure(ad="it", dry_run=False, by="key:1")]))
    assert done.decisions == 1
    (counted,) = await ledger.expire(DocList[Expiry]([Expiry()]))
    assert (counted.problem, counted.dry_run, counted.pictures) == (None, True, 0)


async def test_a_database_that_is_gone_is_a_problem_and_not_an_exception(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: object) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr("executors.ledger.records.searching.found", gone)
    (row,) = await ledger.search_decisions(DocList[DecisionAsk]([DecisionAsk()]))
    assert (row.problem.code, "disk" in row.problem.detail) == ("internal", False)


async def test_searches_wait_for_one_another_and_too_many_are_refused(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[int] = []
    running = 0

    def slow(ask: object) -> list[object]:
        nonlocal running
        running += 1
        at_once.append(running)
        time.sleep(0.002)
        running -= 1
        return []

    monkeypatch.setattr(type(ledger._decision_search), "rows", lambda self, ask: slow(ask))
    asks = [DocList[DecisionAsk]([DecisionAsk()]) for _ in range(_MOST_WAITING + 3)]
    answers = await asyncio.gather(*(ledger.search_decisions(one) for one in asks))
    refused = [one for answer in answers for one in answer]
    assert [one.problem.code for one in refused] == ["overloaded"] * 3
    assert max(at_once) == 2


def test_the_room_deletes_by_itself_what_is_due(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    case = Case(ad_id="it", text="x", picture="a" * 64)
    asyncio.run(reviewed(ledger, case))
    with ledger._store.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE evidence SET decided_at = '2020'")
    assert ledger._expiring is not None
    with caplog.at_level(logging.INFO):
        ledger._expiring.now()
    assert "the pictures of 1 ads" in caplog.text
    assert ledger._retention.expire(dry_run=True).pictures == 0
