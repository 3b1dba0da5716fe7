"""The ledger room, called as Jina calls it: what is answered is on record."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy.exc import DataError, OperationalError

from adjudicate.documents import Case, Decision, Lookup, Match, Problem
from executors.ledger import recorder
from executors.ledger.executor import Ledger
from executors.ledger.store import DecisionStore, Record
from executors.shared import room
from executors.shared.settings import Settings
from tests.services.tables import fresh_sqlite

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "adjudicate.db"


@pytest.fixture
def ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(settings=Settings(database=fresh_sqlite(path)))
    yield opened
    opened.close()


def branches(screened: list[Case], judged: list[Case]) -> dict[str, DocList[Case]]:
    return {"library": DocList[Case](screened), "judge": DocList[Case](judged)}


async def review(ledger: Ledger, screened: list[Case], judged: list[Case]) -> DocList[Decision]:
    both = DocList[Case]([*screened, *judged])
    return await ledger.review(both, docs_map=branches(screened, judged))


async def look_up(ledger: Ledger, *ids: str, **parameters: Any) -> DocList[Decision]:
    lookups = DocList[Lookup]([Lookup(id=one) for one in ids])
    return await ledger.decision(lookups, parameters=parameters)


async def test_each_case_of_the_librarys_branch_gets_its_decision(ledger: Ledger) -> None:
    passed, flagged, lost, broken = (
        Case(ad_id="passed", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"),
        Case(ad_id="flagged", flagged=True, versions={"library": "1"}, timings={"library": 2.0}),
        Case(ad_id="lost", flagged=True),
        Case(ad_id="broken", problem=Problem(code="image_empty")),
    )
    update = {"verdict": "violation", "probability": 0.9, "versions": {"judge": "j"}}
    decisions = await review(
        ledger, [passed, flagged, lost, broken], [flagged.model_copy(update=update)]
    )
    assert [(d.ad_id, d.outcome) for d in decisions] == [
        ("passed", "approve"),
        ("flagged", "reject"),
        ("lost", "escalate"),
        ("broken", "error"),
    ]
    assert [d.id for d in decisions] == [passed.id, flagged.id, lost.id, broken.id]
    assert [d.judged for d in decisions] == [False, True, False, False]
    assert decisions[0].trace_id == TRACE
    assert decisions[1].versions == {"library": "1", "judge": "j"}
    assert decisions[1].timings["library"] == 2.0
    assert decisions[1].timings["ledger"] > 0
    assert decisions[1].decided_at.endswith("+00:00")
    assert decisions[3].problem is not None
    assert decisions[3].problem.code == "image_empty"


async def test_a_decision_is_on_disk_when_it_is_answered(ledger: Ledger, path: Path) -> None:
    (decision,) = await review(ledger, [Case(ad_id="a", content_hash="c" * 64)], [])
    with sqlite3.connect(path) as other:
        rows = other.execute("select id, ad_id, outcome, content_hash from decisions").fetchall()
    assert rows == [(decision.id, "a", "approve", "c" * 64)]


async def test_without_branches_the_documents_are_the_cases(ledger: Ledger) -> None:
    (decision,) = await ledger.review(DocList[Case]([Case(ad_id="a")]))
    assert decision.ad_id == "a"
    assert len(await review(ledger, [], [])) == 0


async def test_a_decision_says_whether_its_verdict_was_held_and_how_sure_it_is(
    ledger: Ledger,
) -> None:
    anew, held, doubtful = (Case(ad_id=name, flagged=True) for name in ("anew", "held", "doubtful"))
    verdict = {"verdict": "compliant", "probability": 0.1}
    answers = [
        anew.model_copy(update=verdict),
        held.model_copy(update={**verdict, "cached": True}),
        doubtful.model_copy(update={**verdict, "probability": 0.5, "judge_notes": ["a_note"]}),
    ]
    decisions = await review(ledger, [anew, held, doubtful], answers)
    assert [d.cached for d in decisions] == [False, True, False]
    assert [d.confidence for d in decisions] == [0.9, 0.9, 0.0]
    assert decisions[2].reasons == ["uncertain", "a_note"]
    (kept,) = await look_up(ledger, "held")
    assert kept.cached


async def test_a_request_sent_again_is_not_decided_twice(ledger: Ledger) -> None:
    case = Case(ad_id="a", content_hash="c", flagged=True)
    again = case.model_copy(update={"flagged": False})
    (first,) = await review(ledger, [case], [])
    (second,) = await review(ledger, [again], [])
    assert (first.outcome, second.outcome) == ("escalate", "escalate")
    assert second.decided_at == first.decided_at
    assert ledger.describe().facts["decisions"] == "1"


async def test_an_id_that_is_another_ads_is_an_error(ledger: Ledger) -> None:
    case = Case(ad_id="a", content_hash="c")
    await review(ledger, [case], [])
    other = Case(id=case.id, ad_id="b", content_hash="d")
    sound = Case(ad_id="sound")
    taken, fine = await review(ledger, [other, sound], [])
    assert (taken.outcome, fine.outcome) == ("error", "approve")
    assert [d.ad_id for d in await look_up(ledger, "")] == ["sound", "a"]


async def test_what_cannot_be_recorded_is_never_an_approval(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def full(records: list[Record]) -> None:
        asked.append(len(records))
        raise OperationalError("insert", None, Exception("disk full"))

    monkeypatch.setattr(ledger._store, "record", full)
    decisions = await review(ledger, [Case(ad_id="a"), Case(ad_id="b")], [])
    assert [(d.ad_id, d.outcome, d.reasons) for d in decisions] == [
        ("a", "error", ["internal"]),
        ("b", "error", ["internal"]),
    ]
    assert all(d.problem is not None and d.problem.code == "internal" for d in decisions)
    assert asked == [2]


async def test_a_decision_that_sql_refuses_takes_no_other_with_it(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ledger._store.record

    def refusing(records: list[Record]) -> list[Decision]:
        if any(r.decision.ad_id == "bad" for r in records):
            raise DataError("insert", None, Exception("a NUL"))
        return record(records)

    monkeypatch.setattr(ledger._store, "record", refusing)
    bad, good = await review(ledger, [Case(ad_id="bad"), Case(ad_id="good")], [])
    assert (bad.outcome, good.outcome) == ("error", "approve")


async def test_a_case_that_cannot_be_decided_is_an_error_of_its_own(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = recorder.decide

    def failing(case: Case, thresholds: Any) -> Any:
        if case.ad_id == "bad":
            raise RuntimeError("unforeseen")
        return decide(case, thresholds)

    monkeypatch.setattr(recorder, "decide", failing)
    bad, good = await review(ledger, [Case(ad_id="bad"), Case(ad_id="good")], [])
    assert (bad.outcome, good.outcome) == ("error", "approve")
    assert bad.problem is not None


async def test_a_decision_is_found_by_its_id_and_by_its_ad(ledger: Ledger) -> None:
    (first,) = await review(ledger, [Case(ad_id="ad")], [])
    match = Match(exemplar_id="e", rule="R", similarity=0.9)
    case = Case(ad_id="ad", flagged=True, matches=DocList[Match]([match]), reasons=["image:cure"])
    (second,) = await review(ledger, [case], [])
    found, latest, missing = await look_up(ledger, first.id or "", "ad", "nothing")
    assert found.outcome == "approve"
    assert latest.id == second.id
    assert latest.reasons == ["not_judged", "image:cure"]
    assert [(m.exemplar_id, m.rule) for m in latest.matches] == [("e", "R")]
    assert missing.problem is not None
    assert missing.problem.code == "not_found"
    assert missing.outcome == "error"


async def test_a_page_is_of_the_newest(ledger: Ledger) -> None:
    await review(ledger, [Case(ad_id=str(i)) for i in range(5)], [])
    assert [d.ad_id for d in await look_up(ledger, "", limit=2.0, offset=1.0)] == ["3", "2"]
    (refused,) = await look_up(ledger, "", limit="all")
    assert refused.problem is not None
    assert refused.problem.code == "invalid_field"


async def test_the_status_never_shows_the_url(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await review(ledger, [Case(), Case()], [])
    assert ledger.describe().facts == {"decisions": "2", "database": "sqlite"}

    def gone() -> int:
        raise OperationalError("select", None, Exception("gone"))

    monkeypatch.setattr(ledger._store, "count", gone)
    status = ledger.describe()
    assert not status.ready
    assert status.facts == {"database": "sqlite"}


def test_two_decisions_of_one_request_with_one_id_are_all_or_none(path: Path) -> None:
    store = DecisionStore(fresh_sqlite(path))
    twins = [Record(Decision(id="x", ad_id=ad, decided_at=""), ad) for ad in ("a", "b")]
    with pytest.raises(Exception, match="other content"):
        store.record(twins)
    assert store.count() == 0
