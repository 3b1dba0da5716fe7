"""One line for each reviewed ad, with nothing of what the ad says."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case, Decision, Finding, Match, Problem
from executors.ledger import review_lines
from executors.ledger.recorder import Recorder
from executors.ledger.review_lines import MAX_ID, log_reviews
from executors.ledger.store import DecisionStore
from executors.shared.logs.lines import LineFormatter
from executors.shared.logs.secrets import Scrubber
from executors.shared.settings import DecisionSettings
from tests.services.tables import fresh_sqlite

TRACE = "0af7651916cd43dd8448eb211c80319c"
COPY, CLAIM, ADVERTISER = "Heilt Krebs 保证治愈", "heilt in drei Tagen", "Wunder & Söhne"
WORDS = "Krebs in drei"


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    store = DecisionStore(fresh_sqlite(tmp_path / "adjudicate.db"))
    yield Recorder(store, DecisionSettings())
    store.close()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "adjudicate.reviews"):
        yield caplog


def rejected(ad_id: str = "flagged") -> Case:
    case = Case(
        ad_id=ad_id,
        text=COPY,
        advertiser=ADVERTISER,
        context={"campaign": CLAIM},
        flagged=True,
        verdict="violation",
        probability=0.9,
        reasons=["image:cure"],
        traceparent=f"00-{TRACE}-00f067aa0ba902b7-01",
        timings={"encoder": 12.345, "encoder.decode": 3.21},
        idempotency_key="secret of the client",
    )
    case.matches.append(Match(exemplar_id="e1", rule="US-FTC", matched=WORDS))
    case.findings.append(Finding(rule="US-FTC", claim=CLAIM, rationale="it says so"))
    return case


def written(logged: pytest.LogCaptureFixture) -> list[dict]:
    """The lines as they are in the log."""
    formatter = LineFormatter("json", "ledger", 0, Scrubber())
    return [
        json.loads(formatter.format(record))
        for record in logged.records
        if record.name == "adjudicate.reviews"
    ]


def test_a_line_has_ids_outcome_rule_and_milliseconds(
    recorder: Recorder, logged: pytest.LogCaptureFixture
) -> None:
    (decision,) = recorder.settle([rejected()])
    (line,) = written(logged)
    assert {name: line[name] for name in ("level", "event", "decision", "ad", "outcome")} == {
        "level": "info",
        "event": "reviewed",
        "decision": decision.id,
        "ad": "flagged",
        "outcome": "reject",
    }
    assert line["rule"] == "US-FTC"
    assert line["reasons"] == ["judged_violation", "image:cure"]
    assert line["trace_id"] == TRACE
    assert line["judged"] is True
    assert "audit" not in line
    assert line["ms"] == {
        "encoder": 12.3,
        "encoder.decode": 3.2,
        "ledger": round(decision.timings["ledger"], 1),
    }


def test_no_line_has_copy_claims_advertisers_or_keys(
    recorder: Recorder, logged: pytest.LogCaptureFixture
) -> None:
    recorder.settle([rejected()])
    text = json.dumps(written(logged), ensure_ascii=False)
    assert "flagged" in text
    for secret in (COPY, CLAIM, ADVERTISER, WORDS, "it says so", "secret of the client"):
        assert secret not in text


def test_each_ad_has_its_line_also_one_that_errs(
    recorder: Recorder, logged: pytest.LogCaptureFixture
) -> None:
    broken = Case(ad_id="broken", problem=Problem(code="image_empty", detail=COPY))
    recorder.settle([Case(ad_id="a"), broken, Case(ad_id="b")])
    lines = written(logged)
    assert [(line["ad"], line["outcome"], line.get("code")) for line in lines] == [
        ("a", "approve", None),
        ("broken", "error", "image_empty"),
        ("b", "approve", None),
    ]
    assert COPY not in json.dumps(lines, ensure_ascii=False)


def test_a_decision_that_could_not_be_recorded_is_said_to_be_none(
    recorder: Recorder, logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_records: object) -> None:
        raise OperationalError("INSERT …", (COPY,), Exception("disk full"))

    monkeypatch.setattr(recorder._store, "record", full)
    recorder.settle([rejected()])
    (line,) = written(logged)
    assert (line["outcome"], line["code"]) == ("error", "internal")
    (failed,) = [record for record in logged.records if record.name != "adjudicate.reviews"]
    text = LineFormatter("json", "ledger", 0, Scrubber()).format(failed)
    assert "disk full" in text
    assert COPY not in json.loads(text)["exception"]


def test_an_id_without_end_is_cut(logged: pytest.LogCaptureFixture) -> None:
    log_reviews([Decision(ad_id="x" * 10_000, outcome="approve")])
    (record,) = logged.records
    assert record.fields["ad"] == "x" * MAX_ID  # type: ignore[attr-defined]


def test_above_info_not_a_field_is_looked_at(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_lines, "_fields", lambda _: pytest.fail("made a line"))
    with caplog.at_level(logging.WARNING, "adjudicate.reviews"):
        log_reviews([Decision(outcome="approve")])
    assert caplog.records == []
