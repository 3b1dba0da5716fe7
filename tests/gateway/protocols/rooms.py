"""Rooms that answer every endpoint in this process, with documents as the real ones send."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
from docarray import DocList

from adjudicate.documents import (
    Ad,
    AuditCheck,
    AuditEntry,
    Bank,
    Candidate,
    Case,
    Change,
    Decision,
    Drift,
    Exemplar,
    Finding,
    Lookup,
    Match,
    ModelVersion,
    PersonVerdict,
    Problem,
    Proportion,
    Quality,
    Ranking,
    Reference,
    RoomReport,
    RoomStatus,
    ThresholdVersion,
)
from adjudicate.errors import AdjudicateError, Code, RequestError, ServiceError
from adjudicate.report.window import Window
from executors.gateway.caller import OPEN
from executors.gateway.door import Door
from tests.gateway.protocols.learning_rooms import LEARNING_ANSWERS
from tests.gateway.protocols.record_rooms import RECORD_ANSWERS
from tests.gateway.protocols.work_rooms import WORK_ANSWERS

KNOWN = "known"
"""The only id that finds something; with a slash in it, `known/2`."""


class FakeRooms:
    """Decides by an ad's text: `violation` is judged, `slow` takes long, `down` finds no room,
    `broken` is a fault of the service."""

    def __init__(self) -> None:
        self.door = Door(OPEN)
        self.seen: list[Ad] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refusal: AdjudicateError | None = None
        """What every request is refused with, when it is set."""

    async def review(self, ads: DocList[Ad]) -> DocList[Decision]:
        self._refuse()
        self.seen.extend(ads)
        if any(ad.text == "down" for ad in ads):
            raise ServiceError(Code.ROOM_UNAVAILABLE, "no answer")
        if any(ad.text == "broken" for ad in ads):
            raise ZeroDivisionError
        if any(ad.text == "slow" for ad in ads):
            await asyncio.sleep(5)
        return DocList[Decision]([_decision(ad) for ad in ads])

    async def status(self) -> list[RoomStatus]:
        self._refuse()
        return [RoomStatus(room="encoder"), RoomStatus(room="judge", ready=self.refusal is None)]

    async def post(
        self, endpoint: str, docs: Any, answers: Any, *, parameters: Any = None, room: str = ""
    ) -> Any:
        self._refuse()
        self.asked.append((endpoint, parameters or {}))
        found = _ANSWERS[endpoint](docs)
        assert all(isinstance(one, answers) for one in found)
        return DocList[answers](found)

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


def _decision(ad: Ad) -> Decision:
    judged = ad.text == "violation"
    return Decision(
        ad_id=ad.id,
        outcome="error" if ad.problem else "reject" if judged else "approve",
        problem=ad.problem,
        judged=judged,
        matches=DocList[Match]([_match()] if judged else []),
        findings=DocList[Finding]([Finding(rule="US-FTC", claim=ad.text)] if judged else []),
        timings={"encoder": 1.5},
    )


def _match() -> Match:
    return Match(exemplar_id=KNOWN, category="cure", similarity=0.9, signal="text")


def _case(ad: Ad) -> Case:
    return Case(
        ad_id=ad.id,
        image_embedding=np.zeros(4, np.float32) if ad.image else None,
        text_embedding=np.zeros((1, 4), np.float32) if ad.text else None,
        matches=DocList[Match]([_match()]),
        versions={"encoder": "fake"},
        problem=ad.problem,
    )


def _ranked(query: Ranking) -> Ranking:
    ranked = [
        Candidate(text=one.text, place=place, problem=one.problem)
        for place, one in enumerate(query.candidates)
    ]
    return Ranking(id=query.id, candidates=DocList[Candidate](ranked), problem=query.problem)


def _is_known(lookup: Any) -> bool:
    return str(lookup.id).partition("/")[0] == KNOWN


def _problem() -> Problem:
    return Problem(code=Code.NOT_FOUND, detail="there is no such thing")


def _exemplar(lookup: Any) -> Exemplar:
    return Exemplar(id=lookup.id or KNOWN, image=b"\x89PNG", text="Cures all", hits={"flagged": 2})


def _version(asked: Any) -> ThresholdVersion:
    return ThresholdVersion(id=asked.id, content='{"image": {"cure": 0.7}}', state="shadow")


def _model(asked: Any) -> ModelVersion:
    return ModelVersion(id=asked.id or "tiny", state="serving")


def _quality(asked: Any) -> Quality:
    share = Proportion(name="US-FTC", count=1, total=4, share=0.25, low=0.01, high=0.8)
    return Quality(
        hours=asked.hours or 24.0,
        reference=Reference(ads=200, encoder_version="fake"),
        drift=DocList[Drift]([Drift(feature="image", psi=0.3, critical=0.1, state="major")]),
        positive=DocList[Proportion]([share]),
        screen_miss=Proportion(),
        notes=["a note"],
    )


def _verdict(asked: Any) -> PersonVerdict:
    return PersonVerdict(id=asked.id, verdict=asked.verdict, by=asked.by, outcome="reject")


def _listed(make: Any) -> Any:
    """All for an empty id, one for a known one, nothing for others."""
    return lambda docs: [make(one) for one in docs if not one.id or _is_known(one)]


def _set(make: Any, kind: Any) -> Any:
    return lambda docs: [make(one) if _is_known(one) else kind(problem=_problem()) for one in docs]


def _report(asked: Any) -> RoomReport:
    """As the gateway answers for all rooms, and as it refuses."""
    try:
        window = Window.of(asked.window, asked.since, asked.until)
    except ValueError as error:
        raise RequestError(Code.MALFORMED, str(error)) from None
    since, until = window.since.isoformat(), window.until.isoformat()
    return RoomReport(room="gateway", since=since, until=until, content="{}")


_ANSWERS: dict[str, Any] = {
    "/status": lambda docs: [RoomStatus(room=d.room, facts={"version": "fake"}) for d in docs],
    "/report": lambda docs: [_report(one) for one in docs],
    "/embed": lambda docs: [_case(ad) for ad in docs],
    "/search": lambda docs: [_case(ad) for ad in docs],
    "/rank": lambda docs: [_ranked(query) for query in docs],
    "/classify": lambda docs: [_ranked(query) for query in docs],
    "/library/add": lambda docs: list(docs),
    "/library/list": _listed(_exemplar),
    "/library/held": _listed(_exemplar),
    "/library/set": _set(_exemplar, Exemplar),
    "/library/remove": lambda docs: [Lookup(id=one.id, found=_is_known(one)) for one in docs],
    "/library/banks": lambda docs: [Bank(name="main")],
    "/library/bank": lambda docs: [Bank(name=one.id) for one in docs],
    "/library/changes": lambda docs: [Change(exemplar_id=one.id, what="added") for one in docs],
    "/library/near": lambda docs: [
        Case(id=one.id, matches=DocList[Match]([_match()]))
        if _is_known(one)
        else Case(id=one.id, problem=_problem())
        for one in docs
    ],
    "/thresholds/list": lambda docs: [
        _version(one) if not one.id or _is_known(one) else ThresholdVersion(problem=_problem())
        for one in docs
    ],
    "/thresholds/add": lambda docs: [_version(one) for one in docs],
    "/thresholds/set": _set(_version, ThresholdVersion),
    "/quality": lambda docs: [_quality(one) for one in docs],
    "/quality/reference": lambda docs: [
        Reference(hours=one.hours or 24.0, ads=200, created_by=one.created_by) for one in docs
    ],
    "/decision/verdict": _set(_verdict, PersonVerdict),
    **RECORD_ANSWERS,
    **WORK_ANSWERS,
    **LEARNING_ANSWERS,
    "/audit/list": lambda docs: [
        AuditEntry(
            number=7, at="2025-06-01", what="reviewed", facts='{"answer":"skip"}', by=d.actor
        )
        for d in docs
    ],
    "/audit/verify": lambda docs: [AuditCheck(whole=True, entries=7, head="a" * 64) for _ in docs],
    "/models/list": lambda docs: [_model(one) for one in docs],
    "/models/load": _set(_model, ModelVersion),
    "/decision": lambda docs: [
        _decision(Ad(id=one.id or "ad"))
        if not one.id or _is_known(one)
        else Decision(problem=_problem())
        for one in docs
    ],
}
