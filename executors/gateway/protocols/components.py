"""The named schemas of OpenAPI: what clients send and what they get."""

from __future__ import annotations

from typing import get_args

from adjudicate import documents as docs
from adjudicate.errors import Code
from adjudicate.report.model import Report
from executors.gateway.operations.bodies import MAX_LIMIT
from executors.gateway.protocols import examples
from executors.gateway.protocols.learning_schemas import LEARNING_SCHEMAS
from executors.gateway.protocols.openai_schemas import OPENAI_SCHEMAS
from executors.gateway.protocols.record_schemas import RECORD_SCHEMAS
from executors.gateway.protocols.schemas import (
    ID,
    NUMBERS,
    TEXT,
    TRUTH,
    WHOLE,
    Schema,
    answered,
    answered_of,
    list_of,
    maybe,
    of_model,
    one_of,
    ref,
    taken,
    taken_of,
)
from executors.gateway.protocols.work_schemas import WORK_SCHEMAS
from executors.shared.quality.windows import MOST_HOURS

_NESTED = ("id",)  # only Jina needs it
_BY = {**TEXT, "description": "Who does it; goes into the log."}
_WHY = {**TEXT, "description": "Why; goes into the log."}
_OBJECT: Schema = {"type": "object"}
_FACT: Schema = {"type": ["string", "number", "boolean"]}
_TEMPLATE = {
    **TEXT,
    "description": "Each candidate's text is put in its `{}`.",
    "examples": ["a photo of a {}"],
}
_POLARITY = one_of(get_args(docs.Polarity))
_STATE = one_of(state for state in get_args(docs.ThresholdState) if state != "file")
_DEADLINE: Schema = {
    **WHOLE,
    "minimum": 1,
    "maximum": 3_600_000,
    "description": "Milliseconds after which nobody waits; what is not decided then is skipped.",
}
_CONTENT: Schema = {
    **_OBJECT,
    "description": "Cosine by category for `image`, `text`, `image-text`; by signal for `default`.",
    "additionalProperties": {
        **_OBJECT,
        "additionalProperties": maybe({"type": "number", "minimum": 0, "maximum": 1}),
    },
}
_ADS = list_of("Ad", minItems=1)
_HOURS: Schema = {
    "type": "number",
    "exclusiveMinimum": 0,
    "maximum": MOST_HOURS,
    "description": "How far back from now; by default as the service is set.",
}


def _page(name: str, item: str) -> Schema:
    return answered(f"A list named `{name}`.", **{name: list_of(item)})


def _one_thing(document: type, **more: Schema) -> Schema:
    schema = taken_of(document, ("id", "image", "text"))
    return {**schema, "properties": {**schema["properties"], **more}}


SCHEMAS: dict[str, Schema] = {
    "Problem": {
        **answered(
            "RFC 9457 problem details: why a request is refused, or cannot be answered.",
            type={**TEXT, "format": "uri"},
            title=TEXT,
            status={**WHOLE, "minimum": 400, "maximum": 599},
            detail=TEXT,
            code=one_of(Code, description="Stable: clients may switch on it."),
            trace_id={**TEXT, "description": "By it the operators find what happened."},
        ),
        "examples": [examples.PROBLEM],
    },
    "ItemProblem": answered(
        "Why one ad or exemplar of a request is refused; the others are not.",
        code=one_of(Code, description="Stable: clients may switch on it."),
        detail=TEXT,
    ),
    "Ad": {
        **taken_of(
            docs.Ad,
            docs.AD_FIELDS,
            market=one_of(docs.MARKETS),
            product=one_of(docs.PRODUCTS),
            language=one_of(docs.LANGUAGES),
            rationale=one_of(docs.RATIONALES),
        ),
        "examples": [examples.AD],
    },
    "Review": taken("Ads to review.", ("ads",), ads=_ADS, deadline_ms=_DEADLINE),
    "Decisions": _page("decisions", "Decision"),
    "Decision": {
        **answered_of(
            docs.Decision,
            outcome=one_of(get_args(docs.Outcome)),
            matches=list_of("Match"),
            findings=list_of("Finding"),
            ruling=maybe(ref("Ruling")),
        ),
        "examples": [examples.DECISION],
    },
    "Match": answered_of(docs.Match, _NESTED, signal=one_of(get_args(docs.Signal))),
    "Finding": answered_of(docs.Finding, _NESTED),
    "Embed": taken("Ads to embed.", ("ads",), ads=_ADS, deadline_ms=_DEADLINE),
    "Embeddings": _page("embeddings", "Embedding"),
    "Embedding": answered(
        "CLIP embeddings of one ad, of unit norm.",
        ad_id=TEXT,
        image=maybe({**NUMBERS, "description": "`[D]`; null without a picture."}),
        text=maybe(list_of(NUMBERS, description="`[W, D]`, a row for each window of the copy.")),
        problem=maybe(ref("ItemProblem")),
    ),
    "Search": taken(
        "Ads whose nearest exemplars are wanted.",
        ("ads",),
        ads=_ADS,
        deadline_ms=_DEADLINE,
        limit={**WHOLE, "minimum": 1, "maximum": MAX_LIMIT, "default": 10},
        per_category={**TRUTH, "description": "As many of each category, not of all together."},
    ),
    "SearchResults": _page("results", "SearchResult"),
    "SearchResult": answered(
        "The nearest exemplars of one ad, best first.",
        ad_id=TEXT,
        matches=list_of("Match"),
        versions={**_OBJECT, "additionalProperties": TEXT},
        problem=maybe(ref("ItemProblem")),
    ),
    "Query": _one_thing(
        docs.Ranking,
        candidates=list_of({"oneOf": [TEXT, ref("Candidate")]}),
        template=_TEMPLATE,
    ),
    "Candidate": _one_thing(docs.Candidate),
    "Rank": taken(
        "Pictures or texts, each with its candidates.",
        ("queries",),
        queries=list_of("Query", minItems=1),
    ),
    "Classify": taken(
        "Pictures or texts, and the labels for all of them.",
        ("queries", "labels"),
        queries=list_of(_one_thing(docs.Ranking), minItems=1),
        labels=list_of(TEXT),
        template=_TEMPLATE,
    ),
    "Rankings": _page("rankings", "Ranking"),
    "Ranking": answered_of(
        docs.Ranking, ("image", "text", "template"), candidates=list_of("RankedCandidate")
    ),
    "RankedCandidate": answered_of(docs.Candidate, ("id", "image")),
    "NewExemplar": {
        **taken_of(docs.Exemplar, docs.EXEMPLAR_FIELDS, polarity=_POLARITY),
        "examples": [examples.EXEMPLAR],
    },
    "AddExemplars": taken(
        "Exemplars to add.",
        ("exemplars",),
        exemplars=list_of("NewExemplar", minItems=1),
        dry_run={**TRUTH, "description": "Answer the same, add nothing."},
    ),
    "Exemplars": _page("exemplars", "Exemplar"),
    "Exemplar": answered_of(docs.Exemplar, ("image_embedding", "text_embedding")),
    "Near": answered(
        "The exemplars that are like one, almost copies first.",
        exemplar_id=TEXT,
        matches=list_of("Match"),
        problem=maybe(ref("ItemProblem")),
    ),
    "Held": taken(
        "Contents to look for.",
        ("hashes",),
        hashes=list_of({**TEXT, "description": "SHA-256, hex."}, minItems=1),
    ),
    "SetExemplar": taken(
        "What to set on an exemplar; null sets nothing.",
        enabled=maybe(TRUTH),
        polarity=maybe(_POLARITY),
        **dict.fromkeys(("bank", "category", "rule", "severity", "note"), maybe(TEXT)),
        by=maybe(_BY),
        why=maybe(_WHY),
    ),
    "Banks": _page("banks", "Bank"),
    "Bank": answered_of(docs.Bank),
    "SetBank": taken(
        "What to set on a bank; null sets nothing.",
        enabled=maybe(TRUTH),
        note=maybe(TEXT),
        by=maybe(_BY),
    ),
    "Changes": _page("changes", "Change"),
    "Change": answered_of(docs.Change),
    "NewThresholds": {
        **taken_of(
            docs.ThresholdVersion,
            ("encoder_version", "state", "content", "note", "created_by", "metrics"),
            ("encoder_version", "content", "state"),
            state=_STATE,
            content=_CONTENT,
            metrics=_OBJECT,
        ),
        "examples": [examples.THRESHOLDS],
    },
    "AddThresholds": taken(
        "Versions to store.", ("thresholds",), thresholds=list_of("NewThresholds", minItems=1)
    ),
    "SetThresholds": taken(
        "The state that a version gets; the one that was in it is retired.",
        ("state",),
        state=_STATE,
        by=maybe(_BY),
        note=maybe(TEXT),
        encoder_version=maybe({**TEXT, "description": "Where two encoders have the same values."}),
    ),
    "ThresholdVersions": _page("thresholds", "ThresholdVersion"),
    "ThresholdVersion": answered_of(
        docs.ThresholdVersion,
        content=maybe(_CONTENT),
        metrics=maybe(_OBJECT),
    ),
    "LoadModel": taken("The model to load, by its name in models.yml.", ("name",), name=ID),
    "Models": _page("models", "Model"),
    "Model": answered_of(docs.ModelVersion),
    "Quality": answered_of(
        docs.Quality,
        ("id", "problem"),
        reference=maybe(ref("Reference")),
        drift=list_of("Drift"),
        positive=list_of("Proportion"),
        screen_miss=maybe(ref("Proportion")),
        agreement=list_of("Proportion"),
    ),
    "Drift": answered_of(docs.Drift, _NESTED, state=one_of(get_args(docs.DriftState))),
    "Proportion": answered_of(docs.Proportion, _NESTED),
    "Reference": answered_of(docs.Reference, ("id", "problem")),
    "SetReference": taken(
        "The window that becomes the reference.",
        hours=maybe(_HOURS),
        note=maybe(_WHY),
        by=maybe(_BY),
    ),
    "GiveVerdict": taken(
        "What a person says of a decision.",
        ("verdict", "by"),
        verdict=one_of(get_args(docs.PersonsVerdict)),
        by={**TEXT, "minLength": 1, "maxLength": 200, "description": "Whose verdict it is."},
        note=maybe(TEXT),
    ),
    "PersonVerdict": answered_of(
        docs.PersonVerdict, ("problem", "caller"), verdict=one_of(get_args(docs.PersonsVerdict))
    ),
    "AuditEntries": _page("entries", "AuditEntry"),
    "AuditEntry": answered_of(
        docs.AuditEntry,
        ("id", "problem"),
        facts={**_OBJECT, "additionalProperties": maybe(_FACT)},
    ),
    "AuditCheck": answered_of(docs.AuditCheck, ("id", "problem")),
    "Status": _page("rooms", "RoomStatus"),
    "RoomStatus": answered_of(docs.RoomStatus, ("id",), replicas=list_of("ReplicaHealth")),
    "ReplicaHealth": answered_of(
        docs.ReplicaHealth,
        _NESTED,
        state=one_of(get_args(docs.ReplicaState)),
        restart_reason=one_of(("", *get_args(docs.RestartReason))),
    ),
    "Health": answered(
        "Whether every room answers.",
        ready=TRUTH,
        rooms=list_of(answered("Whether one does.", room=TEXT, ready=TRUTH)),
    ),
    **of_model(Report),
    **RECORD_SCHEMAS,
    **WORK_SCHEMAS,
    **LEARNING_SCHEMAS,
    **OPENAI_SCHEMAS,
}
