"""What it means that a case is settled: a ruling, a word on the decision, an appeal's end, a
message to who must know; and how that is taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, MetaData, Row, delete, insert, select, update

from adjudicate.documents import Ruling
from executors.ledger.appeals.tables import APPEALS
from executors.ledger.audit.trail import Deed
from executors.ledger.quality.verdicts import REVIEWABLE, verdicts_table
from executors.ledger.queue.rulings import drop_ruling, put_ruling, rulings_of, settle
from executors.ledger.queue.tables import REVIEWS
from executors.ledger.times import stamp
from executors.ledger.webhooks.outbox import Outbox

_VERDICTS = verdicts_table(MetaData())
_NOT_DECIDED = {
    "state": "open",
    **dict.fromkeys(("decided_by", "decided_name", "decided_at", "note"), ""),
}


def source_of(case: Row[Any]) -> str:
    """The `RulingSource` of what settles the case now."""
    if case.kind == "appeal":
        return "appeal"
    return "lead" if case.stage == "lead" else "review"


@dataclass
class Settling:
    """One case that is settled or opened again, in the transaction of `connection`, which has its
    row locked."""

    connection: Connection
    case: Row[Any]
    outbox: Outbox
    deeds: list[Deed] = field(default_factory=list)
    """For the audit trail, to be appended last."""

    @property
    def id(self) -> str:
        """The decision's."""
        return str(self.case.decision_id)

    def settle(self, ruling: Ruling) -> dict[str, Any]:
        """Make the ruling count, and return what an undo has to take back: the number of the
        verdict on the decision, the id of the appeal."""
        before = self._counts()
        put_ruling(self.connection, ruling)
        settle(self.connection, [self.id], ruling.at)
        self.deeds.append(Deed("ruled", self.id, ruling.by, _facts(ruling)))
        self._tell("decision.settled", ruling, changed=before != ruling.outcome)
        return {"verdict": self._verdict(ruling), "appeal": self._decide_appeal(ruling)}

    def take_back(self, settled: dict[str, Any], before: dict[str, str] | None, by: str) -> None:
        """Undo `settle`: `settled` is what it returned, `before` the ruling that counted then."""
        ruling = Ruling(id=self.id, **before) if before else None
        if ruling is None:
            drop_ruling(self.connection, self.id)
        else:
            ruling.note = self._note(ruling)
            put_ruling(self.connection, ruling)
        if settled["verdict"] is not None:
            mine = _VERDICTS.c.number == settled["verdict"]
            self.connection.execute(delete(_VERDICTS).where(mine))
        if settled["appeal"]:
            this = APPEALS.c.id == settled["appeal"]
            self.connection.execute(update(APPEALS).where(this).values(**_NOT_DECIDED))
        outcome = ruling.outcome if ruling else str(self.case.outcome)
        data = {"ad_id": self.case.ad_id, "outcome": outcome, "at": stamp()}
        self.outbox.add(self.connection, "decision.reopened", self.id, data)

    def _counts(self) -> str:
        held = rulings_of(self.connection, [self.id]).get(self.id)
        return held.outcome if held else str(self.case.outcome)

    def _verdict(self, ruling: Ruling) -> int | None:
        """Say of the decision whether it was right: /quality counts by that."""
        outcome = str(self.case.outcome)
        if outcome not in REVIEWABLE:
            return None
        verdict = {
            "decision_id": self.id,
            "outcome": outcome,
            "verdict": "upheld" if ruling.outcome == outcome else "overturned",
            **{name: getattr(ruling, name) for name in ("by", "note", "at")},
        }
        added = self.connection.execute(insert(_VERDICTS).values(**verdict))
        assert added.inserted_primary_key is not None
        return int(added.inserted_primary_key[0])

    def _decide_appeal(self, ruling: Ruling) -> str:
        open_ = select(APPEALS).where(APPEALS.c.decision_id == self.id, APPEALS.c.state == "open")
        appeal = self.connection.execute(open_).first()
        if appeal is None:
            return ""
        state = "upheld" if ruling.outcome == appeal.outcome else "overturned"
        decided = {"decided_by": ruling.by, "decided_name": ruling.by_name, "note": ruling.note}
        this = APPEALS.c.id == appeal.id
        self.connection.execute(
            update(APPEALS).where(this).values(state=state, decided_at=ruling.at, **decided)
        )
        facts = {"appeal": str(appeal.id), "state": state}
        self.deeds.append(Deed("appeal_decided", self.id, ruling.by, facts))
        self._tell("appeal.decided", ruling, appeal_id=str(appeal.id), state=state)
        return str(appeal.id)

    def _tell(self, event: str, ruling: Ruling, **facts: str | bool) -> None:
        said = {"ad_id": self.case.ad_id, **_facts(ruling), "at": ruling.at}
        self.outbox.add(self.connection, event, self.id, {**said, **facts})

    def _note(self, ruling: Ruling) -> str:
        """What was written beside a ruling that counts again, as it stands in its review."""
        review = select(REVIEWS.c.note).where(
            REVIEWS.c.decision_id == self.id, REVIEWS.c.by == ruling.by, REVIEWS.c.at == ruling.at
        )
        return self.connection.scalar(review) or ""


def _facts(ruling: Ruling) -> dict[str, str]:
    return {name: getattr(ruling, name) for name in ("outcome", "rule", "source")}
