"""The queue, appeals and messages, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from docarray import BaseDoc
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from adjudicate.documents import Appeal, QueueCounts, QueueItem, Review, WebhookDelivery

_OUTCOMES = {"reject": "red", "approve": "green", "escalate": "yellow"}
_STATES = {"delivered": "green", "pending": "yellow", "dead": "bold red"}


def wide(console: Console) -> Console:
    """The console, with room for whole ids where no person's window bounds it."""
    if not console.is_terminal:
        console.width = 200
    return console


def as_json_line(document: BaseDoc) -> str:
    """One object, as HTTP answers it."""
    data = json.loads(document.json())
    hidden = ("problem", "role", *(("id",) if isinstance(document, QueueCounts) else ()))
    return json.dumps({n: v for n, v in data.items() if n not in hidden}, ensure_ascii=False)


def queue_table(cases: Sequence[QueueItem]) -> Table:
    """A row for each case, in their order."""
    names = ("decision", "kind", "stage", "priority", "rule", "market", "advertiser", "copy")
    table = Table(*names, "waits since", "with", box=box.SIMPLE)
    for case in cases:
        table.add_row(
            Text(case.id or ""),
            case.kind if case.state == "open" else Text(f"{case.kind} (settled)", style="dim"),
            case.stage,
            str(case.priority),
            *(Text(one) for one in (case.rule, case.market, case.advertiser, case.excerpt[:40])),
            _moment(case.queued_at),
            Text(case.lease_name or case.lease_by),
        )
    return table


def counts_line(counts: QueueCounts) -> Text:
    """How much there is to do, in one sentence."""
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in counts.by_kind.items())
    oldest = f"; the oldest since {_moment(counts.oldest_at)}" if counts.oldest_at else ""
    return Text(f"{counts.open:,} open ({kinds or 'none'}), {counts.free:,} with nobody{oldest}")


def case_panel(case: QueueItem) -> RenderableType:
    """All that the queue knows of a case."""
    facts = Table(box=None, show_header=False)
    held = f"{case.lease_name or case.lease_by} until {_moment(case.lease_until)}"
    said = {
        "decision": case.id or "",
        "ad": case.ad_id,
        "decided": f"{case.outcome} ({case.reason})",
        "rule": case.rule,
        "category": case.category,
        "advertiser": case.advertiser,
        "market": " ".join(filter(None, (case.market, case.product, case.language))),
        "copy": case.excerpt,
        "kind": f"{case.kind}, {case.stage} review, {case.state}",
        "priority": str(case.priority),
        "waits since": _moment(case.queued_at),
        "with": held if case.lease_by else "",
        "settled": _moment(case.settled_at),
        "appeal": case.appeal_id,
    }
    for name, value in said.items():
        if value:
            facts.add_row(Text(name, style="dim"), Text(value))
    return facts


def review_line(review: Review) -> Text:
    """What an answer led to, in one sentence."""
    now = "settled" if review.state_after == "settled" else f"with the {review.state_after} review"
    done = "taken back" if review.undone_at else review.answer
    line = Text(f"decision {review.id}: {done}, {now}, ")
    line.append(review.outcome_after, style=_OUTCOMES.get(review.outcome_after, ""))
    return line.append(f" counts (review {review.number})")


def appeals_table(appeals: Sequence[Appeal]) -> Table:
    """A row for each appeal, in their order."""
    names = ("appeal", "decision", "state", "against", "reason", "opened", "decided")
    table = Table(*names, box=box.SIMPLE)
    for one in appeals:
        by = f" by {one.decided_name or one.decided_by}" if one.decided_by else ""
        table.add_row(
            *(Text(said) for said in (one.id or "", one.decision_id, one.state, one.outcome)),
            Text(one.reason[:60]),
            _moment(one.opened_at),
            Text(f"{_moment(one.decided_at)}{by}"),
        )
    return table


def appeal_line(appeal: Appeal) -> Text:
    """Where an appeal stands, in one sentence."""
    against = f"against decision {appeal.decision_id} ({appeal.outcome})"
    by = f" by {appeal.decided_name or appeal.decided_by}" if appeal.decided_by else ""
    return Text(f"appeal {appeal.id} {against} is {appeal.state}{by}")


def messages_table(messages: Sequence[WebhookDelivery]) -> Table:
    """A row for each message, in their order, with why the last attempt failed."""
    names = ("message", "event", "decision", "state", "attempts", "next", "last answer")
    table = Table(*names, box=box.SIMPLE)
    for one in messages:
        table.add_row(
            *(Text(said) for said in (one.id or "", one.event, one.subject)),
            Text(one.state, style=_STATES.get(one.state, "")),
            str(one.attempts),
            _moment(one.next_at),
            Text(one.error or (str(one.status) if one.status else "")),
        )
    return table


def message_line(message: WebhookDelivery) -> Text:
    """What came of a message, in one sentence."""
    why = message.error or f"the receiver answered {message.status}"
    return Text(f"message {message.id}: {message.state}, {why}")


def _moment(at: str) -> str:
    return at[:16].replace("T", " ")
