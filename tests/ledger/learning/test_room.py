"""The ledger's room: lessons, propagation and figures over its endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from sqlalchemy.exc import OperationalError

from adjudicate.documents import (
    Case,
    Learning,
    Lesson,
    Overview,
    Propagation,
    PropagationAsk,
    Review,
    ThresholdEffect,
)
from adjudicate.errors import Code
from executors.ledger.executor import Ledger
from executors.ledger.learning.lessons import Lessons
from executors.shared import room
from executors.shared.settings import QualitySettings, Settings
from tests.ledger.learning.made import PHASH, apart
from tests.services.tables import fresh_sqlite

MEI = {"by": "key:mei", "by_name": "Mei", "role": "reviewer"}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    # A room takes the process for its own; this process is pytest's.
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    database = fresh_sqlite(tmp_path / "adjudicate.db")
    opened = Ledger(settings=Settings(database=database, quality=QualitySettings(refresh_s=300.0)))
    yield opened
    opened.close()


async def ask(endpoint: Any, asked: Any) -> Any:
    (found,) = await endpoint(DocList[type(asked)]([asked]))
    return found


async def escalated(ledger: Ledger, *names: str) -> None:
    """Near-duplicates that the judge was unsure of."""
    cases = [
        Case(
            id=name,
            ad_id=name,
            content_hash=name,
            text="Cures all",
            phash=apart(at) if at else PHASH,
            flagged=True,
            verdict="violation",
            probability=0.5,
            timings={"encoder": 5.0},
        )
        for at, name in enumerate(names)
    ]
    decisions = await ledger.review(DocList[Case](cases))
    assert {decision.outcome for decision in decisions} == {"escalate"}


async def answer(ledger: Ledger, name: str, said: str) -> Review:
    found = await ask(ledger.queue_review, Review(id=name, answer=said, rule="R", **MEI))
    assert found.problem is None
    return found


async def test_a_reviewed_ad_is_carried_over_and_back_and_counts(ledger: Ledger) -> None:
    await escalated(ledger, "a", "b", "c")
    await answer(ledger, "a", "violation")
    asked = Propagation(id="", decision_id="a", **MEI)
    preview = await ask(ledger.learning_preview, asked)
    assert [item.id for item in preview.items] == ["b", "c"]
    done = await ask(ledger.learning_apply, asked)
    assert done.applied == 2
    listed = await ask(ledger.learning_propagations, PropagationAsk(id=""))
    assert listed.id == done.id
    figures = await ask(ledger.learning_figures, Learning())
    assert (figures.answered, figures.propagated, figures.hours) == (1, 2, 720.0)
    assert figures.agreement[0].both == 1
    undone = await ask(ledger.learning_undo, Propagation(id=done.id, **MEI))
    assert [item.state for item in undone.items] == ["undone", "undone"]


async def test_a_review_that_others_were_settled_by_cannot_be_taken_back_before_them(
    ledger: Ledger,
) -> None:
    await escalated(ledger, "a", "b")
    await answer(ledger, "a", "violation")
    done = await ask(ledger.learning_apply, Propagation(id="", decision_id="a", **MEI))
    refused = await ask(ledger.queue_undo, Review(id="a", **MEI))
    assert refused.problem is not None
    assert refused.problem.code == Code.UNDO_REFUSED
    await ask(ledger.learning_undo, Propagation(id=done.id, **MEI))
    undone = await ask(ledger.queue_undo, Review(id="a", **MEI))
    assert undone.problem is None


async def test_a_lesson_goes_from_what_there_is_to_teach_to_what_was_taught(
    ledger: Ledger,
) -> None:
    await escalated(ledger, "a")
    refused = await ask(ledger.learning_lesson, Lesson(id="a", **MEI))
    assert refused.problem is not None
    assert (refused.id, refused.problem.code) == ("a", Code.NOT_SETTLED)
    await answer(ledger, "a", "compliant")
    lesson = await ask(ledger.learning_lesson, Lesson(id="a", **MEI))
    assert (lesson.polarity, lesson.text, lesson.by) == ("lookalike", "Cures all", "key:mei")
    taught = await ask(ledger.learning_taught, lesson)
    assert taught.at
    assert (await ask(ledger.learning_figures, Learning())).taught == {"lookalike": 1}
    gone = await ask(ledger.learning_forgotten, Lesson(id="a", **MEI))
    assert gone.remove


async def test_what_was_just_decided_is_in_the_overview(ledger: Ledger) -> None:
    await escalated(ledger, "a", "b")
    found = await ask(ledger.overview, Overview())
    assert (found.ads, found.outcomes, found.waiting) == (2, {"escalate": 2}, 2)
    # 5 ms in the encoder, and what the ledger took.
    assert found.p50 is not None
    assert found.p50 > 5 * 0.95
    refused = await ask(ledger.overview, Overview(hours=10_000))
    assert refused.problem is not None
    assert refused.problem.code == Code.INVALID_FIELD


async def test_the_effect_of_a_threshold_has_what_people_answered(ledger: Ledger) -> None:
    asked = ThresholdEffect(category="cure", signal="image", threshold=0.9)
    found = await ask(ledger.threshold_effect, asked)
    assert (found.problem, found.answered, found.threshold) == (None, 0, 0.9)


async def test_a_database_that_fails_is_a_problem_of_the_request(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(Lessons, "prepare", fail)
    found = await ask(ledger.learning_lesson, Lesson(id="a", **MEI))
    assert found.problem is not None
    assert found.problem.code == Code.INTERNAL
