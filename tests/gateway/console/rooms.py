"""Rooms that answer the console in this process, with documents as the real ones send."""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import (
    CaseFile,
    Claim,
    Decision,
    DecisionRow,
    Evidence,
    Exemplar,
    Finding,
    Lesson,
    Match,
    Problem,
    QueueCounts,
    QueueItem,
    Review,
)
from adjudicate.errors import Code
from tests.gateway.protocols.rooms import FakeRooms

COPY = (
    "本品国家级配方，根治失眠，7天见效！\n"
    "Cures  insomnia in 7 days — <b>no side effects</b> guaranteed."
)
HASH = "ab" * 32


def decision(decision_id: str = "case-1") -> Decision:
    """An escalated ad, with a claim, matches of each signal and every kind of reason."""
    return Decision(
        id=decision_id,
        ad_id="summer-sleep-031",
        outcome="escalate",
        rule="CN-AL-16",
        reasons=["uncertain", "image:cure", "term:CN-AL-9.3"],
        judged=True,
        flagged=True,
        matches=DocList[Match](
            [
                Match(
                    exemplar_id="known-1",
                    category="cure",
                    rule="CN-AL-16",
                    similarity=0.93,
                    threshold=0.81,
                ),
                Match(
                    exemplar_id="known-2",
                    category="cure",
                    rule="CN-AL-16",
                    similarity=0.949,
                    signal="hash",
                ),
                Match(
                    exemplar_id="known-3",
                    category="cure",
                    rule="CN-AL-16",
                    similarity=0.84,
                    threshold=0.8,
                    polarity="lookalike",
                ),
                Match(
                    exemplar_id="known-4",
                    category="cure",
                    rule="CN-AL-16",
                    similarity=0.88,
                    threshold=0.7,
                    signal="text",
                ),
                Match(
                    exemplar_id="",
                    rule="CN-AL-9.3",
                    similarity=1.0,
                    signal="term",
                    matched="国家级",
                ),
            ]
        ),
        findings=DocList[Finding](
            [
                Finding(
                    rule="CN-AL-16",
                    claim="cures insomnia in 7 days",
                    rationale="It guarantees a cure within a fixed time, which no medicine may.",
                    verdict="violation",
                    probability=0.58,
                )
            ]
        ),
        versions={"encoder": "clip-tiny", "policy": "9f0c1a2b3c4d", "judge": "qwen2-vl-tiny"},
        trace_id="0af7651916cd43dd8448eb211c80319c",
        timings={"encoder": 12.4, "library": 3.1, "judge": 812.0},
        decided_at="2026-11-21T17:58:00.000+00:00",
    )


def evidence(decision_id: str = "case-1") -> Evidence:
    return Evidence(
        id=decision_id,
        ad_id="summer-sleep-031",
        text=COPY,
        advertiser="Morpheus & Söhne <GmbH>",
        context={"campaign": "autumn"},
        market="CN",
        product="drug",
        language="zh",
        picture=HASH,
        picture_kept=True,
        decided_at="2026-11-21T17:58:00.000+00:00",
    )


def item(number: int = 1, **changed: Any) -> QueueItem:
    """A case of the queue."""
    given: dict[str, Any] = {
        "id": f"case-{number}",
        "kind": "escalation",
        "stage": "first",
        "state": "open",
        "priority": 640 - number,
        "rule": "CN-AL-16",
        "category": "cure",
        "outcome": "escalate",
        "ad_id": f"summer-sleep-{number:03}",
        "advertiser": "Morpheus & Söhne <GmbH>",
        "market": "CN",
        "product": "drug",
        "language": "zh",
        "excerpt": COPY[:60],
        "picture": HASH if number % 3 else "",
        "queued_at": "2026-11-21T18:02:00.000+00:00",
    }
    return QueueItem(**{**given, **changed})


def row(number: int, **changed: Any) -> DecisionRow:
    given: dict[str, Any] = {
        "id": f"old-{number}",
        "ad_id": f"old-{number}",
        "outcome": "reject",
        "rule": "CN-AL-16",
        "advertiser": "Morpheus",
        "excerpt": "根治失眠，无效退款",
        "picture": HASH,
        "distance": 4 * number,
        "decided_at": "2026-11-20T10:00:00.000+00:00",
    }
    return DecisionRow(**{**given, **changed})


class ConsoleRooms(FakeRooms):
    """Holds a queue of `waiting` cases, and answers what it was told last."""

    def __init__(self, waiting: int = 12) -> None:
        super().__init__()
        self.cases = [item(number) for number in range(1, waiting + 1)]
        self.reviews: list[Review] = []
        self.noted: list[tuple[str, str]] = []
        self.file: CaseFile | None = None

    async def note(self, what: str, subject: str, facts: Any) -> None:
        """As `Rooms.note`."""
        self.noted.append((what, subject))

    async def post(self, endpoint: str, docs: Any, answers: Any, **more: Any) -> Any:
        """As `Rooms.post`."""
        answer = getattr(self, f"_on{endpoint.replace('/', '_')}", None)
        if answer is None:
            return await super().post(endpoint, docs, answers, **more)
        async with self.door.enter(endpoint, len(docs)):
            self.asked.append((endpoint, dict(docs[0])))
            found = answer(docs)
            assert all(isinstance(one, answers) for one in found)
            return DocList[answers](found)

    def _on_queue_list(self, docs: Any) -> list[QueueItem]:
        asked = docs[0]
        if asked.decision_id:
            return [one for one in self.cases if one.id == asked.decision_id]
        return self.cases[asked.offset : asked.offset + asked.limit]

    def _on_queue_counts(self, docs: Any) -> list[QueueCounts]:
        counted = QueueCounts(
            open=len(self.cases),
            free=len(self.cases),
            oldest_at="2026-11-21T12:02:00.000+00:00" if self.cases else "",
            settled_today=31,
            by_kind={"escalation": len(self.cases), "appeal": 2},
            by_stage={"first": len(self.cases)},
            by_rule={"CN-AL-16": len(self.cases), "": 2},
            by_category={"cure": len(self.cases)},
            by_market={"CN": len(self.cases)},
        )
        return [counted]

    def _on_queue_claim(self, docs: Any) -> list[QueueItem]:
        asked: Claim = docs[0]
        free = [one for one in self.cases if one.id not in asked.skip]
        found = [one for one in free if one.id == (asked.id or one.id)]
        if not found:
            problem = Problem(code=Code.QUEUE_EMPTY, detail="no case waits")
            return [QueueItem(problem=problem)]
        return [
            found[0].model_copy(
                update={"lease_by": "me", "lease_until": "2026-11-21T20:00:00+00:00"}
            )
        ]

    def _on_queue_release(self, docs: Any) -> list[QueueItem]:
        return []

    def _on_queue_review(self, docs: Any) -> list[Review]:
        asked = docs[0]
        self.cases = [one for one in self.cases if one.id != asked.id]
        review = Review(
            **{**dict(asked), "number": len(self.reviews) + 1, "state_after": "settled"}
        )
        self.reviews.append(review)
        return [review]

    def _on_queue_undo(self, docs: Any) -> list[Review]:
        review = self.reviews.pop()
        self.cases.insert(0, item(int(str(review.id).rpartition("-")[2])))
        return [review]

    def _on_learning_forgotten(self, docs: Any) -> list[Lesson]:
        return [Lesson(problem=Problem(code=Code.NOT_FOUND, detail="it taught nothing"))]

    def _on_case(self, docs: Any) -> list[CaseFile]:
        if self.file is not None:
            return [self.file]
        case_id = docs[0].id
        found = next((one for one in self.cases if one.id == case_id), None)
        return [
            CaseFile(
                id=case_id,
                decision=decision(case_id),
                evidence=evidence(case_id),
                item=found,
                reviews=DocList[Review]([]),
                history=DocList[DecisionRow]([row(n, distance=None) for n in range(1, 5)]),
                history_counts={"approve": 12, "reject": 4, "escalate": 1},
                near=DocList[DecisionRow]([row(n) for n in range(1, 4)]),
            )
        ]

    def _on_library_list(self, docs: Any) -> list[Exemplar]:
        known = Exemplar(
            category="cure",
            rule="CN-AL-16",
            text="根治失眠 永不复发",
            severity="high",
            note="From the market watch of 2026",
            phash="00" * 32,
        )
        return [known.model_copy(update={"id": one.id}) for one in docs]
