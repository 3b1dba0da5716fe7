"""What the rooms answer to what is learned: one lesson, one propagation, by known ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docarray import DocList

from adjudicate.documents import (
    Agreement,
    Learning,
    Lesson,
    Overview,
    OverviewHour,
    Problem,
    Propagation,
    PropagationAsk,
    PropagationItem,
    Proportion,
    ThresholdEffect,
    ThresholdPoint,
)
from adjudicate.errors import Code

_AT = "2025-06-01T00:00:00.000+00:00"


def _known(name: str | None) -> bool:
    return str(name).partition("/")[0] in ("known", "None", "")


def _problem() -> Problem:
    return Problem(code=Code.NOT_FOUND, detail="there is no such thing")


def _lesson(asked: Lesson) -> Lesson:
    if not _known(asked.id):
        return Lesson(problem=_problem())
    said = {"exemplar_id": "decision-known", "polarity": "violation", "bank": "reviewed"}
    return Lesson(id=asked.id or "known", category="cure", rule="R", at=_AT, **said)


def _propagation(asked: Propagation) -> Propagation:
    if not _known(asked.id) or not _known(asked.decision_id):
        return Propagation(problem=_problem())
    item = PropagationItem(id="other", source="queue", distance=4, outcome="escalate")
    return Propagation(
        id=asked.id or "known",
        decision_id="known",
        outcome="reject",
        items=DocList[PropagationItem]([item]),
        found=1,
        applied=1,
        at=_AT,
    )


def _page(asked: PropagationAsk) -> Propagation:
    return _propagation(Propagation(id=asked.id, decision_id=""))


def _learning(asked: Learning) -> Learning:
    share = Proportion(count=1, total=2, share=0.5, low=0.1, high=0.9)
    return Learning(
        hours=asked.hours or 720.0,
        reject_precision=DocList[Proportion]([share]),
        agreement=DocList[Agreement]([Agreement(both=1, share=1.0)]),
        screen_miss=share,
    )


def _overview(asked: Overview) -> Overview:
    hourly = DocList[OverviewHour]([OverviewHour(at=_AT, ads=1, outcomes={"approve": 1})])
    return Overview(hours=asked.hours or 24.0, hourly=hourly)


def _effect(asked: ThresholdEffect) -> ThresholdEffect:
    point = ThresholdPoint(threshold=0.8, flagged=1, violations=1, precision=1.0, recall=1.0)
    said = {"category": asked.category, "signal": asked.signal, "threshold": asked.threshold}
    return ThresholdEffect(points=DocList[ThresholdPoint]([point]), now=point, **said)


def _each(answer: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda docs: [answer(doc) for doc in docs]


LEARNING_ANSWERS: dict[str, Callable[[Any], list[Any]]] = {
    **dict.fromkeys(
        ("/learning/lesson", "/learning/taught", "/learning/forgotten"), _each(_lesson)
    ),
    **dict.fromkeys(
        ("/learning/preview", "/learning/apply", "/learning/undo"), _each(_propagation)
    ),
    "/learning/propagations": _each(_page),
    "/learning/figures": _each(_learning),
    "/overview": _each(_overview),
    "/thresholds/effect": _each(_effect),
}
