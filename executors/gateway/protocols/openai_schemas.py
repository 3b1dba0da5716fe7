"""The named schemas of the routes that OpenAI's clients ask."""

from __future__ import annotations

from adjudicate import documents as docs
from executors.gateway.operations.openai_embeddings import FORMATS
from executors.gateway.protocols.schemas import (
    NUMBERS,
    TEXT,
    TRUTH,
    WHOLE,
    Schema,
    answered,
    list_of,
    maybe,
    one_of,
    ref,
    taken,
)

_OBJECT: Schema = {"type": "object"}
_PART: Schema = {
    "oneOf": [
        taken("Text.", ("type", "text"), type=one_of(("text",)), text=TEXT),
        taken(
            "A picture.",
            ("type", "image_url"),
            type=one_of(("image_url",)),
            image_url=taken(
                "Its URL: `data:image/…;base64,…`, or https where fetching is on.",
                ("url",),
                url={**TEXT, "minLength": 1},
                detail=TEXT,
            ),
        ),
    ]
}
_IMAGE = taken("A picture.", ("image",), image={**TEXT, "minLength": 1})
_SCORE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_RESULT = answered(
    "The moderation of one ad.",
    flagged={**TRUTH, "description": "Whether it is not approved."},
    categories={**_OBJECT, "additionalProperties": TRUTH},
    category_scores={**_OBJECT, "additionalProperties": _SCORE},
    category_applied_input_types={
        **_OBJECT,
        "additionalProperties": list_of(one_of(("text", "image"))),
    },
    adjudicate=answered(
        "The decision that it is made of.",
        decision_id=TEXT,
        outcome=one_of(("approve", "reject", "escalate")),
        rule=TEXT,
        reasons=list_of(TEXT),
        confidence=_SCORE,
        findings=list_of("Finding"),
        versions={**_OBJECT, "additionalProperties": TEXT},
    ),
)

OPENAI_SCHEMAS: dict[str, Schema] = {
    "Moderate": taken(
        "What to moderate: a text; several; or the parts of one ad.",
        ("input",),
        input={
            "oneOf": [
                TEXT,
                list_of(TEXT, minItems=1),
                list_of(_PART, minItems=1, description="One ad: texts, and one picture at most."),
            ]
        },
        model=maybe({**TEXT, "description": "Any: what answers is always this service."}),
        market=maybe(one_of(docs.MARKETS)),
        product=maybe(one_of(docs.PRODUCTS)),
        language=maybe(one_of(docs.LANGUAGES)),
        advertiser=maybe(TEXT),
        rationale=maybe(one_of(docs.RATIONALES)),
        metadata=maybe(
            {
                **_OBJECT,
                "description": "The same fields, where a client has only this; others are context.",
                "additionalProperties": TEXT,
            }
        ),
        deadline_ms=maybe({**WHOLE, "minimum": 1, "maximum": 3_600_000}),
    ),
    "Moderations": answered(
        "OpenAI's moderations, one for each ad.",
        id=TEXT,
        model=TEXT,
        results=list_of(_RESULT),
    ),
    "CreateEmbeddings": taken(
        "What to embed.",
        ("input", "model"),
        input={"oneOf": [TEXT, list_of({"oneOf": [TEXT, _PART, _IMAGE]}, minItems=1)]},
        model={**TEXT, "description": "`adjudicate`, or the encoder's version."},
        encoding_format=maybe(one_of(FORMATS)),
        dimensions=maybe({**WHOLE, "minimum": 1, "description": "Only what the encoder has."}),
        user=maybe(TEXT),
    ),
    "CreatedEmbeddings": answered(
        "OpenAI's embeddings, of unit norm.",
        object=one_of(("list",)),
        data=list_of(
            answered(
                "One embedding.",
                object=one_of(("embedding",)),
                index=WHOLE,
                embedding={"oneOf": [NUMBERS, {**TEXT, "description": "base64 of float32."}]},
            )
        ),
        model=TEXT,
        usage=answered(
            "An estimate: one token for four bytes.", prompt_tokens=WHOLE, total_tokens=WHOLE
        ),
    ),
    "ModelName": answered(
        "A name that a request may give as `model`.",
        id=TEXT,
        object=one_of(("model",)),
        created=WHOLE,
        owned_by=TEXT,
    ),
    "ModelList": answered(
        "`data`: what a request may name. `models`: what the judge may be, for the scope `admin`.",
        object=one_of(("list",)),
        data=list_of(ref("ModelName")),
        models=list_of("Model"),
    ),
}
