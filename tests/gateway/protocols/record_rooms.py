"""What rooms answer about what is on record, for `FakeRooms`."""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import (
    Appeal,
    Case,
    CaseFile,
    Decision,
    DecisionRow,
    Erasure,
    Evidence,
    Expiry,
    ExportRow,
    Problem,
    QueueItem,
    Review,
)
from adjudicate.errors import Code

PICTURE, PHASH = "a" * 64, "f" * 64


def _row() -> DecisionRow:
    return DecisionRow(id="known", ad_id="ad", outcome="reject", rule="US-FTC", confidence=0.9)


def _file(lookup: Any) -> CaseFile:
    if str(lookup.id).partition("/")[0] != "known":
        problem = Problem(code=Code.NOT_FOUND, detail="there is no such decision")
        return CaseFile(id=lookup.id, problem=problem)
    return CaseFile(
        id=lookup.id,
        decision=Decision(id=lookup.id, outcome="escalate"),
        evidence=Evidence(id=lookup.id, text="Cures all", picture=PICTURE, picture_kept=True),
        item=QueueItem(id=lookup.id, kind="escalation", stage="first", state="open"),
        reviews=DocList[Review]([Review(id=lookup.id, answer="skip", number=1)]),
        appeals=DocList[Appeal]([Appeal(decision_id=lookup.id, reason="it is not so")]),
        history=DocList[DecisionRow]([_row()]),
        history_counts={"reject": 1},
        near=DocList[DecisionRow]([_row()]),
    )


def _exported(asked: Any) -> ExportRow:
    formula = '=HYPERLINK("http://x")'
    return ExportRow(id="known", ad_id="ad", outcome="reject", text=formula, reasons=["a", "b"])


RECORD_ANSWERS: dict[str, Any] = {
    "/hash": lambda docs: [
        Case(ad_id=ad.id, picture=PICTURE, phash=PHASH, problem=ad.problem) for ad in docs
    ],
    "/case": lambda docs: [_file(one) for one in docs],
    "/decisions/search": lambda docs: [_row() for _ in docs],
    "/decisions/export": lambda docs: [_exported(one) for one in docs if not one.after],
    "/erase": lambda docs: [
        Erasure(ad=one.ad, advertiser=one.advertiser, dry_run=one.dry_run, decisions=3)
        for one in docs
    ],
    "/expire": lambda docs: [Expiry(dry_run=one.dry_run, pictures=2) for one in docs],
}
