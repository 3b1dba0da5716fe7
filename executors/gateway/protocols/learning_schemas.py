"""The named schemas of OpenAPI for what people's answers teach, and the figures on it."""

from __future__ import annotations

from typing import get_args

from adjudicate import documents as docs
from executors.gateway.protocols.schemas import (
    TEXT,
    TRUTH,
    Schema,
    answered,
    answered_of,
    list_of,
    maybe,
    one_of,
    ref,
    taken,
)

_TEXT = {**TEXT, "pattern": "^[^\\u0000]*$"}
_SOME = maybe({**_TEXT, "maxLength": 200})
_LONG = maybe({**_TEXT, "maxLength": 10_000, "description": "Why; goes on record."})
_DECISIONS = {"maxItems": 1_000, "description": "Decisions; without any all that are not skipped."}
_SHARE = maybe(ref("Proportion"))
_FIGURES = ("id", "problem")

LEARNING_SCHEMAS: dict[str, Schema] = {
    "TeachExemplar": taken(
        "What the settled ad is an exemplar of, where its decision does not say it well.",
        category=_SOME,
        rule=_SOME,
        note=_LONG,
    ),
    "Lesson": answered_of(
        docs.Lesson,
        ("role", "problem", "remove", "text"),
        polarity=one_of(get_args(docs.Polarity)),
    ),
    "Propagate": taken(
        "Whose ruling is carried over, and how far.",
        ("decision_id",),
        decision_id={**_TEXT, "maxLength": 200, "description": "The settled one."},
        past=maybe({**TRUTH, "description": "Past decisions as well: takes a lead."}),
        since=maybe({**_TEXT, "description": "Of the past; by default 30 days back. ISO 8601."}),
        until=maybe(_TEXT),
        only=maybe(list_of(TEXT, **_DECISIONS)),
        note=_LONG,
        dry_run=maybe({**TRUTH, "description": "Answer what would happen; nothing does."}),
    ),
    "UndoPropagation": taken("What to take back.", only=maybe(list_of(TEXT, **_DECISIONS))),
    "Propagations": answered(
        "A list named `propagations`, without their items.", propagations=list_of("Propagation")
    ),
    "Propagation": answered_of(
        docs.Propagation,
        ("role", "problem", "only"),
        items=list_of("PropagationItem"),
    ),
    "PropagationItem": answered_of(
        docs.PropagationItem,
        ("problem",),
        source=one_of(("queue", "past")),
        skipped=one_of(("", *get_args(docs.PropagationSkip))),
        state=one_of(("", "applied", "undone", "kept")),
    ),
    "Learning": answered_of(
        docs.Learning,
        _FIGURES,
        reject_precision=list_of("Proportion"),
        agreement=list_of("Agreement"),
        notes=list_of("Note"),
        **dict.fromkeys(("appeals", "screen_miss", "escalations", "reviewers"), _SHARE),
    ),
    "Agreement": answered_of(docs.Agreement, ("id",)),
    "Note": answered_of(docs.Note, ("id",)),
    "Overview": answered_of(docs.Overview, _FIGURES, hourly=list_of("OverviewHour")),
    "OverviewHour": answered_of(docs.OverviewHour, ("id",)),
    "ThresholdEffect": answered_of(
        docs.ThresholdEffect,
        _FIGURES,
        notes=list_of("Note"),
        points=list_of("ThresholdPoint"),
        now=maybe(ref("ThresholdPoint")),
        then=maybe(ref("ThresholdPoint")),
    ),
    "ThresholdPoint": answered_of(docs.ThresholdPoint, ("id",)),
}
