"""What callers change through the gateway, as deeds for the ledger's audit trail.

What the ledger changes itself it notes in the same transaction. Library and judge do not know the
ledger: what they have changed is noted here, when they have answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adjudicate.documents import AuditDeed

Fact = str | int | float | bool | None


@dataclass(frozen=True)
class Noted:
    """How an endpoint's answers become deeds."""

    what: str
    subject: str = "id"
    """The field of an answered document that says what was changed."""
    fields: tuple[str, ...] = ()
    """Those of the answered document that the deed tells."""
    parameters: tuple[str, ...] = ()
    """Those of the request that it tells. Free text is not among them: it may name people."""
    facts: tuple[tuple[str, Fact], ...] = ()


NOTED: Mapping[str, Noted] = {
    "/library/add": Noted(
        "exemplar_added",
        fields=("category", "rule", "severity", "polarity", "bank", "content_hash"),
    ),
    "/library/set": Noted(
        "exemplar_changed",
        parameters=("enabled", "bank", "category", "rule", "severity", "polarity"),
    ),
    "/library/remove": Noted("exemplar_changed", facts=(("removed", True),)),
    "/library/bank": Noted("bank_changed", subject="name", fields=("enabled",)),
    "/thresholds/add": Noted("threshold_set", fields=("encoder_version", "state")),
    "/thresholds/set": Noted("threshold_set", fields=("encoder_version", "state")),
    "/quality/reference": Noted("reference_set", subject="encoder_version", fields=("ads",)),
    "/models/load": Noted("model_loaded", fields=("version",)),
}
"""By endpoint."""


def deeds(
    endpoint: str, parameters: Mapping[str, Any], answers: Sequence[Any]
) -> Iterator[AuditDeed]:
    """What was done by a request, of whose answers these are the protobuf documents: nothing for
    one that has a problem, for what was held already, and for a rehearsal."""
    noted = NOTED.get(endpoint)
    if noted is None or parameters.get("dry_run"):
        return
    given = {name: parameters[name] for name in noted.parameters if name in parameters}
    for answer in answers:
        if _changed(answer.data):
            told = {name: _value(answer.data, name) for name in noted.fields}
            facts = json.dumps({**told, **given, **dict(noted.facts)}, ensure_ascii=False)
            subject = str(_value(answer.data, noted.subject) or "")
            yield AuditDeed(what=noted.what, subject=subject, facts=facts)


def has_problem(data: Any) -> bool:
    """Whether an answered document, by its packed fields, says a problem."""
    return "problem" in data and data["problem"].WhichOneof("content") is not None


def _changed(data: Any) -> bool:
    if has_problem(data):
        return False
    return not _value(data, "repeats") and _value(data, "found") is not False


def _value(data: Any, name: str) -> Fact:
    """A plain value of a document; None where there is none."""
    kind = data[name].WhichOneof("content") if name in data else None
    return getattr(data[name], kind) if kind in ("text", "boolean", "integer", "float") else None
