"""The ledger's canary writes a decision as any, and takes it back."""

from collections.abc import Iterator

import pytest
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case
from executors.ledger.executor import Ledger
from executors.ledger.recorder import Recorder
from executors.ledger.store import DecisionStore, Record
from executors.shared.health.ad import CANARY_ID, canary_case
from executors.shared.health.canaries import CanaryFailed
from executors.shared.settings import DecisionSettings, Settings


@pytest.fixture
def ledger(any_database: str) -> Iterator[Ledger]:
    opened = Ledger(settings=Settings(database=any_database))
    yield opened
    opened.close()


async def test_it_is_written_and_nothing_is_left(ledger: Ledger) -> None:
    for _ in range(3):
        await ledger.try_canary()
    assert ledger._store.count() == 0
    assert ledger._store.get(CANARY_ID) is None
    # Nor is a number used up, by which decisions are counted.
    decided = await ledger.review([Case(ad_id="a")])
    assert decided[0].outcome == "approve"
    assert ledger._store.count() == 1


async def test_it_passes_the_thread_that_writes(ledger: Ledger) -> None:
    before = ledger.work_done()
    await ledger.try_canary()
    assert ledger.work_done() == before + 1


def recorder(ledger: Ledger) -> Recorder:
    return Recorder(ledger._store, DecisionSettings())


def test_a_database_that_cannot_be_written_to_is_a_failure_outside(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(self: DecisionStore, record: Record) -> bool:
        raise OperationalError("insert", {}, Exception("database is locked"))

    monkeypatch.setattr(DecisionStore, "rehearse", locked)
    with pytest.raises(CanaryFailed, match="database is locked") as failed:
        recorder(ledger).rehearse(canary_case())
    assert failed.value.outside


def test_a_write_that_is_not_there_is_a_failure(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DecisionStore, "rehearse", lambda *_: False)
    with pytest.raises(CanaryFailed, match="is not there"):
        recorder(ledger).rehearse(canary_case())


def test_a_ledger_that_cannot_decide_fails_by_its_own_fault(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.ledger.recorder.decide", lambda *_: 1 / 0)
    with pytest.raises(CanaryFailed, match="internal") as failed:
        recorder(ledger).rehearse(canary_case())
    assert not failed.value.outside


def test_a_ready_ledger_says_its_table(ledger: Ledger) -> None:
    assert ledger.checks()["sql"]() == ledger._store.kind
