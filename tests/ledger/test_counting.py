"""What the ledger's metrics say of what it recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from adjudicate.documents import Case
from executors.ledger.recorder import Recorder
from executors.ledger.store import DecisionStore
from executors.shared.settings import DecisionSettings
from executors.shared.telemetry.catalogue import RULED, STAGE_SECONDS
from tests.services.tables import fresh_sqlite
from tests.telemetry.recorded import Since, recording

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    store = DecisionStore(fresh_sqlite(tmp_path / "a.db"))
    with recording():
        yield Recorder(store, DecisionSettings())
    store.close()


def judged(rule: str = "CN-AL-16", **fields: object) -> Case:
    finding = {"rule": rule, "verdict": "violation", "probability": 0.9}
    known = {"flagged": True, "verdict": "violation", "probability": 0.9, "findings": [finding]}
    return Case(**{**known, **fields})


def test_decisions_count_by_rule_and_outcome(recorder: Recorder) -> None:
    ruled = Since(RULED)
    recorder.settle([judged(), judged(), Case(), Case(flagged=True)])
    assert ruled.of(rule="CN-AL-16", outcome="reject") == 2
    assert ruled.of(rule="none", outcome="escalate") == 1
    assert sum(ruled.counts().values()) == 3


def test_every_stage_of_a_decision_counts_in_seconds(recorder: Recorder) -> None:
    stages, before = Since(STAGE_SECONDS), _sum("encoder.decode")
    recorder.settle([Case(timings={"encoder": 12.0, "encoder.decode": 250.0}), Case()])
    assert stages.of(stage="encoder") == stages.of(stage="encoder.decode") == 1
    assert stages.of(stage="ledger") == 2
    assert _sum("encoder.decode") - before == pytest.approx(0.25)


def test_a_stage_leads_to_the_trace_of_its_ad(recorder: Recorder) -> None:
    recorder.settle([Case(timings={"encoder.test": 12.0}, traceparent=SAMPLED)])
    (spread,) = [s for k, _, s in STAGE_SECONDS.read() if ("stage", "encoder.test") in k]
    assert [e.trace_id for e in spread.exemplars if e is not None] == [TRACE]


def test_a_decision_that_is_only_repeated_does_not_count_again(recorder: Recorder) -> None:
    first = judged(idempotency_key="key:1/a", ad_id="a", content_hash="c" * 64)
    again = judged(idempotency_key="key:1/a", ad_id="a", content_hash="c" * 64)
    ruled, stages = Since(RULED), Since(STAGE_SECONDS)
    (one,) = recorder.settle([first])
    (other,) = recorder.settle([again])
    assert one.id == other.id
    assert sum(ruled.counts().values()) == 1
    assert stages.of(stage="ledger") == 1


def _sum(stage: str) -> float:
    return sum(s.sum for key, _, s in STAGE_SECONDS.read() if ("stage", stage) in key)
