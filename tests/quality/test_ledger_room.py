"""What the ledger's room says of its own decisions, and what people say of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy.exc import OperationalError

from adjudicate.documents import Case, Decision, Finding, PersonVerdict, Proportion, Quality
from executors.ledger.executor import Ledger
from executors.ledger.quality.tally import Counts
from executors.shared import room
from executors.shared.settings import LibrarySettings, QualitySettings, Settings
from tests.services.tables import fresh_sqlite

SHARE = 0.25


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        database=fresh_sqlite(tmp_path / "adjudicate.db"),
        library=LibrarySettings(audit_share=SHARE),
        quality=QualitySettings(refresh_s=300.0),
    )


@pytest.fixture
def ledger(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(settings=settings)
    yield opened
    opened.close()


def judged(verdict: str, rule: str = "", **fields: Any) -> Case:
    found = [Finding(rule=rule, verdict="violation")] if rule else []
    p = {"violation": 0.9, "compliant": 0.1}.get(verdict)
    return Case(
        flagged=True, verdict=verdict, probability=p, findings=DocList[Finding](found), **fields
    )


async def decide(ledger: Ledger, *cases: Case) -> DocList[Decision]:
    return await ledger.review(DocList[Case](cases))


async def figures(ledger: Ledger, **asked: Any) -> Quality:
    (found,) = await ledger.quality(DocList[Quality]([Quality(**asked)]))
    return found


async def say(ledger: Ledger, decision: Decision, verdict: str, by: str = "mei") -> PersonVerdict:
    asked = PersonVerdict(id=decision.id, verdict=verdict, by=by)
    (held,) = await ledger.verdict(DocList[PersonVerdict]([asked]))
    return held


def said(found: Proportion | None) -> tuple[str, int, int]:
    assert found is not None
    return found.name, found.count, found.total


async def test_the_figures_are_of_what_was_decided(ledger: Ledger) -> None:
    await decide(
        ledger,
        *(Case() for _ in range(6)),
        judged("compliant", audit=True),
        judged("violation", "US-FTC", audit=True),
        judged("timeout", audit=True),
        judged("violation", "US-FTC"),
        judged("violation", "US-FDA"),
        judged("compliant"),
        judged("invalid"),
    )
    found = await figures(ledger)
    assert found.problem is None
    assert found.hours == 24.0
    assert (found.passed, found.unjudged) == (9, 1)
    assert [said(rate) for rate in found.positive] == [
        ("", 2, 3),
        ("US-FDA", 1, 3),
        ("US-FTC", 1, 3),
    ]
    assert said(found.screen_miss) == ("", 1, 2)
    assert list(found.agreement) == []
    assert found.notes == ["The audit sample has 2 ads: the bounds say how little that is."]


async def test_an_ad_that_is_sent_again_counts_once(ledger: Ledger) -> None:
    case = judged("violation", "US-FTC", content_hash="c")
    await decide(ledger, case)
    await decide(ledger, case.model_copy())
    keyed = judged("violation", "US-FTC", idempotency_key="k")
    await decide(ledger, keyed)
    await decide(ledger, judged("violation", "US-FTC", idempotency_key="k"))
    assert said((await figures(ledger)).positive[0]) == ("", 2, 2)


async def test_an_error_is_not_counted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("insert", {}, Exception("disk full"))

    monkeypatch.setattr(ledger._store, "record", fail)
    await decide(ledger, judged("violation", "US-FTC"))
    assert list((await figures(ledger)).positive) == []


async def test_people_uphold_and_overturn(ledger: Ledger) -> None:
    rejected, approved, escalated = await decide(
        ledger, judged("violation", "US-FTC"), judged("compliant"), judged("timeout")
    )
    held = await say(ledger, rejected, "overturned")
    assert (held.verdict, held.outcome, held.by) == ("overturned", "reject", "mei")
    await say(ledger, approved, "upheld")
    refused = await say(ledger, escalated, "upheld")
    assert refused.problem is not None
    assert refused.problem.code == "not_reviewable"
    found = await figures(ledger)
    assert [said(one) for one in found.agreement] == [
        ("", 1, 2),
        ("approve", 1, 1),
        ("reject", 0, 1),
    ]
    (kept,) = await decide(ledger, rejected_again(rejected))
    assert kept.outcome == "reject", "a verdict changes no decision"


def rejected_again(decision: Decision) -> Case:
    return Case(id=decision.id)


async def test_the_metrics_are_those_of_the_usual_window(ledger: Ledger) -> None:
    watching = ledger._figures
    assert watching.rates() == []
    await decide(ledger, judged("violation", "US-FTC"), judged("compliant", audit=True))
    await figures(ledger, hours=1.0)
    assert watching.rates() == [], "another window is not the metrics'"
    found = await figures(ledger)
    assert watching.rates() == [(1.0, {"rule": "all"}), (1.0, {"rule": "US-FTC"})]
    missed = found.screen_miss
    assert missed is not None
    assert watching.misses() == [
        (0.0, {"bound": "estimate"}),
        (0.0, {"bound": "low"}),
        (missed.high, {"bound": "high"}),
    ]
    assert watching.agreed() == []


async def test_the_last_counts_are_written_when_the_room_closes(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    first = Ledger(settings=settings)
    await decide(first, Case(), Case())
    first.close()
    second = Ledger(settings=settings)
    try:
        assert (await figures(second)).passed == 2
    finally:
        second.close()


async def test_what_cannot_be_found_out_is_a_problem_and_nothing_is_lost(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await decide(ledger, Case())
    with monkeypatch.context() as broken:

        def fail(*_: object) -> None:
            raise OperationalError("insert", {}, Exception("disk full"))

        broken.setattr(Counts, "add", fail)
        failed = await figures(ledger)
    assert failed.problem is not None
    assert failed.problem.code == "internal"
    assert (await figures(ledger)).passed == 1
    wrong = await figures(ledger, hours=-1.0)
    assert wrong.problem is not None
    assert wrong.problem.code == "invalid_field"
